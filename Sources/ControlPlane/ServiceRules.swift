public import Contract

/// What an operator decides about the service: limits, how long transitions take at least, and which addresses are advertised.
public struct ServiceRules: Sendable {
    /// Streams that an account may have in a region.
    public var streamQuota: Int64
    public var minimumDurations: MinimumDurations
    public var endpoints: AdvertisedEndpoints

    public init(streamQuota: Int64, minimumDurations: MinimumDurations, endpoints: AdvertisedEndpoints) {
        self.streamQuota = streamQuota
        self.minimumDurations = minimumDurations
        self.endpoints = endpoints
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
    }

    /// PutMedia and GetMedia.
    public var data: Address
    /// Archived media: fragments, sessions, clips and images.
    public var archive: Address

    public init(data: Address = .echo, archive: Address = .echo) {
        self.data = data
        self.archive = archive
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
}

/// How often an operation may be called in a second.
public struct RequestRate: Sendable, Hashable {
    public let perAccount: Int
    /// For each resource by itself; nil where only the account counts.
    public let perResource: Int?
}

extension OperationID {
    /// The documented rate. Developer guide, "Control plane API service quotas".
    public var documentedRate: RequestRate {
        switch self {
        case .createStream, .listStreams: RequestRate(perAccount: 50, perResource: nil)
        case .describeStream, .getDataEndpoint: RequestRate(perAccount: 300, perResource: 5)
        case .deleteStream, .describeStreamStorageConfiguration, .listTagsForStream, .tagStream, .untagStream, .updateDataRetention,
            .updateStream, .updateStreamStorageConfiguration:
            RequestRate(perAccount: 50, perResource: 5)
        }
    }
}
