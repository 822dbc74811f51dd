/// Which stream is meant: by name, or by one incarnation of it.
public struct StreamKey: Sendable, Hashable {
    public let account: String
    public let region: String
    public let name: String
    /// Milliseconds since the epoch, from an ARN; nil where any incarnation is meant.
    public let creationTime: Int64?

    public init(account: String, region: String, name: String, creationTime: Int64? = nil) {
        self.account = account
        self.region = region
        self.name = name
        self.creationTime = creationTime
    }
}

/// A stream as it is stored.
public struct StreamRecord: Sendable, Hashable {
    public let name: String
    public let arn: String
    /// Milliseconds since the epoch, by the database's clock.
    public let creationTime: Int64
    /// One of CREATING, ACTIVE, UPDATING, DELETING.
    public let status: String
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
    public let key: StreamKey
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
        key: StreamKey, arnPrefix: String, version: String, deviceName: String?, mediaType: String?, kmsKeyID: String,
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

/// A tag of any resource.
public struct TagRecord: Sendable, Hashable {
    public let key: String
    public let value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
