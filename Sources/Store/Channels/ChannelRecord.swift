/// A signaling channel as it is stored.
public struct ChannelRecord: Sendable, Hashable {
    public let name: String
    public let arn: String
    /// Milliseconds since the epoch, by the database's clock.
    public let creationTime: Int64
    public let status: ResourceStatus
    public let version: String
    /// SINGLE_MASTER or FULL_MESH.
    public let channelType: String
    public let messageTtlSeconds: Int64
    /// The stream that media storage is ENABLED for; nil where it is DISABLED.
    public let mediaStorageStreamARN: String?
}

/// What a channel is created with.
public struct NewChannel: Sendable {
    public let key: ResourceKey
    /// The ARN up to the creation time, which the database adds.
    public let arnPrefix: String
    public let version: String
    public let channelType: String
    public let messageTtlSeconds: Int64
    public let tags: [TagRecord]

    public init(
        key: ResourceKey, arnPrefix: String, version: String, channelType: String, messageTtlSeconds: Int64, tags: [TagRecord]
    ) {
        self.key = key
        self.arnPrefix = arnPrefix
        self.version = version
        self.channelType = channelType
        self.messageTtlSeconds = messageTtlSeconds
        self.tags = tags
    }
}

/// What of a channel changes.
public struct ChannelUpdate: Sendable {
    public let expectedVersion: String
    public let newVersion: String
    public let messageTtlSeconds: Int64

    public init(expectedVersion: String, newVersion: String, messageTtlSeconds: Int64) {
        self.expectedVersion = expectedVersion
        self.newVersion = newVersion
        self.messageTtlSeconds = messageTtlSeconds
    }
}
