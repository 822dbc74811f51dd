/// A stream as it is stored.
public struct StreamRecord: Sendable, Hashable {
    public let name: String
    public let arn: String
    /// Milliseconds since the epoch, by the database's clock.
    public let creationTime: Int64
    public let status: ResourceStatus
    public let version: String
    public let deviceName: String?
    public let mediaType: String?
    public let kmsKeyID: String
    public let dataRetentionInHours: Int64
    /// HOT or WARM.
    public let defaultStorageTier: String
}

/// What a stream is created with.
public struct NewStream: Sendable {
    public let key: ResourceKey
    /// The ARN up to the creation time, which the database adds.
    public let arnPrefix: String
    public let version: String
    public let deviceName: String?
    public let mediaType: String?
    public let kmsKeyID: String
    public let dataRetentionInHours: Int64
    public let defaultStorageTier: String
    public let tags: [TagRecord]

    public init(
        key: ResourceKey, arnPrefix: String, version: String, deviceName: String?, mediaType: String?, kmsKeyID: String,
        dataRetentionInHours: Int64, defaultStorageTier: String, tags: [TagRecord]
    ) {
        self.key = key
        self.arnPrefix = arnPrefix
        self.version = version
        self.deviceName = deviceName
        self.mediaType = mediaType
        self.kmsKeyID = kmsKeyID
        self.dataRetentionInHours = dataRetentionInHours
        self.defaultStorageTier = defaultStorageTier
        self.tags = tags
    }
}

/// What of a stream changes; what is nil stays as it is.
public struct StreamUpdate: Sendable {
    public let expectedVersion: String
    public let newVersion: String
    public let deviceName: String?
    public let mediaType: String?
    /// Added to the retention; negative to lower it.
    public let retentionChangeInHours: Int64?
    public let defaultStorageTier: String?

    public init(
        expectedVersion: String, newVersion: String, deviceName: String? = nil, mediaType: String? = nil,
        retentionChangeInHours: Int64? = nil,
        defaultStorageTier: String? = nil
    ) {
        self.expectedVersion = expectedVersion
        self.newVersion = newVersion
        self.deviceName = deviceName
        self.mediaType = mediaType
        self.retentionChangeInHours = retentionChangeInHours
        self.defaultStorageTier = defaultStorageTier
    }
}

/// The configurations of a stream that are kept as documents: in JSON, as the API writes them.
public struct StreamConfigurations: Sendable, Hashable {
    /// nil where there is none.
    public let imageGeneration: String?
    /// nil where there is none.
    public let notification: String?
}
