import Crypto

/// Somewhere events go.
public struct DestinationRecord: Sendable, Hashable {
    public let id: String
    public let origin: DestinationOrigin
    public let kind: DestinationKind
    /// A URL, the ARN of a topic, the path of a file, or `-` for standard output.
    public let target: String
    /// A subscription: only the events of this account, nil for any. A destination of streams: the streams' account.
    public let account: String?
    /// Where the streams are; nil for a subscription.
    public let region: String?
    /// Only events of these types; nil for any.
    public let types: [String]?
    /// Only events of resources whose ARN begins with this; nil for any.
    public let resourcePrefix: String?
    public let status: DestinationStatus
    public let statusReason: String?
    /// Milliseconds since the epoch, like all times here.
    public let createdAt: Int64
    /// When the present run of failures began; nil where the last attempt succeeded, or there was none.
    public let failingSince: Int64?
    /// How many attempts have failed since the last that succeeded.
    public let failures: Int64
    /// The content type of what is posted to a webhook; nil for that of CloudEvents.
    public let contentType: String?
    /// More headers of what is posted, encrypted under the deployment's master key; nil where there are none.
    public let headersSealed: String?
    /// Events that wait, at most so many as were counted.
    public let pending: Int64
}

/// Who named a destination.
public enum DestinationOrigin: String, Sendable {
    /// An operator, for the whole deployment.
    case subscription = "SUBSCRIPTION"
    /// The notification configuration of streams.
    case stream = "STREAM"
}

/// How a destination is reached.
public enum DestinationKind: String, Sendable, CaseIterable {
    case webhook = "WEBHOOK"
    case sns = "SNS"
    case file = "FILE"
}

/// Whether events go to a destination.
public enum DestinationStatus: String, Sendable, CaseIterable {
    case active = "ACTIVE"
    /// What happens is kept for later.
    case paused = "PAUSED"
    /// What happens from now on is not kept.
    case disabled = "DISABLED"
}

/// The destination that a stream's notification configuration names.
public struct StreamDestination: Sendable, Hashable {
    public let kind: DestinationKind
    public let target: String

    public init(kind: DestinationKind, target: String) {
        self.kind = kind
        self.target = target
    }

    /// The same for all streams of an account and region that name the same target. Not the target itself: ids are logged and told, and a URL may
    /// be as good as a password.
    func id(for key: ResourceKey) -> String {
        let digest = SHA256.hash(data: Array(target.utf8)).prefix(16).map { String(UInt16($0) + 256, radix: 16).dropFirst() }.joined()
        return "stream:\(key.account):\(key.region):\(digest)"
    }
}

/// What an operator subscribes.
public struct NewSubscription: Sendable {
    public let id: String
    public let kind: DestinationKind
    public let target: String
    public let account: String?
    public let types: [String]?
    public let resourcePrefix: String?
    /// As in `DestinationRecord`.
    public let contentType: String?
    public let headersSealed: String?

    public init(
        id: String, kind: DestinationKind, target: String, account: String?, types: [String]?, resourcePrefix: String?,
        contentType: String? = nil, headersSealed: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.target = target
        self.account = account
        self.types = types
        self.resourcePrefix = resourcePrefix
        self.contentType = contentType
        self.headersSealed = headersSealed
    }
}
