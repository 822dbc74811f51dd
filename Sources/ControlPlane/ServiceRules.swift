/// What an operator decides about the service: limits, how long transitions take at least, and which addresses are advertised.
public struct ServiceRules: Sendable {
    /// Streams that an account may have in a region.
    public var streamQuota: Int64
    /// Signaling channels that an account may have in the region that is given.
    public var channelQuota: @Sendable (_ region: String) -> Int64
    public var minimumDurations: MinimumDurations
    /// How long an edge agent may be silent about a configuration that it is to apply or to delete, in milliseconds. The service's is fifteen minutes:
    /// reference, StartEdgeConfigurationUpdate.
    public var edgeTimeout: Int64
    public var endpoints: AdvertisedEndpoints
    public var notifications: NotificationRules

    public init(
        streamQuota: Int64, channelQuota: @escaping @Sendable (_ region: String) -> Int64, minimumDurations: MinimumDurations,
        edgeTimeout: Int64, endpoints: AdvertisedEndpoints, notifications: NotificationRules = NotificationRules()
    ) {
        self.streamQuota = streamQuota
        self.channelQuota = channelQuota
        self.minimumDurations = minimumDurations
        self.edgeTimeout = edgeTimeout
        self.endpoints = endpoints
        self.notifications = notifications
    }
}

/// Where the notification configurations of streams may lead.
public struct NotificationRules: Sendable {
    /// Whether topics are told what happens to the stream, besides of its fragments.
    public var tellsTopicsOfLifecycle: Bool
    /// Whether URLs without TLS are taken.
    public var allowsHTTP: Bool
    /// Destinations that the streams of an account may name in a region.
    public var destinationLimit: Int64

    public init(
        tellsTopicsOfLifecycle: Bool = false, allowsHTTP: Bool = false, destinationLimit: Int64 = 100
    ) {
        self.tellsTopicsOfLifecycle = tellsTopicsOfLifecycle
        self.allowsHTTP = allowsHTTP
        self.destinationLimit = destinationLimit
    }
}

/// How long a resource stays in a passing status at least, in milliseconds; for people who test how their clients wait.
public struct MinimumDurations: Sendable {
    public var creating: Int64
    public var updating: Int64
    public var deleting: Int64

    public init(creating: Int64 = 0, updating: Int64 = 0, deleting: Int64 = 0) {
        self.creating = creating
        self.updating = updating
        self.deleting = deleting
    }
}

/// Where clients find the data plane: an address for each kind of endpoint, apart from the address that the server binds.
public struct AdvertisedEndpoints: Sendable {
    /// An address to be told to clients.
    public enum Address: Sendable, Hashable {
        /// The scheme and host that the client itself used.
        case echo
        /// As configured: scheme, host and port, without path.
        case fixed(String)
        /// That of one of the instances that are there, the same for a stream or channel while its instance is; as `echo` where none tells its own.
        case instance
    }

    /// PutMedia and GetMedia.
    public var data: Address
    /// Archived media: fragments, sessions, clips and images.
    public var archive: Address
    /// Signaling by web sockets.
    public var wss: Address
    /// Signaling by requests.
    public var https: Address
    /// Signaling of sessions whose media is stored.
    public var webrtc: Address

    public init(
        data: Address = .echo, archive: Address = .echo, wss: Address = .echo, https: Address = .echo, webrtc: Address = .echo
    ) {
        self.data = data
        self.archive = archive
        self.wss = wss
        self.https = https
        self.webrtc = webrtc
    }
}

/// The limits that Weir holds its callers to.
public enum LimitProfile: String, Sendable, CaseIterable {
    /// No limits but those that protect the deployment.
    case relaxed
    /// The quotas and request rates that the service documents.
    case aws

    /// Streams that an account may have in a region. Developer guide, "Amazon Kinesis Video Streams service quotas".
    public var streamQuota: Int64 {
        switch self {
        case .relaxed: .max
        case .aws: 10_000
        }
    }

    /// Signaling channels that an account may have in a region. WebRTC developer guide, "Amazon Kinesis Video Streams with WebRTC service quotas".
    public func channelQuota(_ region: String) -> Int64 {
        switch self {
        case .relaxed: .max
        case .aws: region == "us-east-1" || region == "us-west-2" ? 10_000 : 5_000
        }
    }
}
