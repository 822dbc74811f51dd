/// Where a stream is in its life.
public enum StreamStatus: String, Sendable, CaseIterable {
    case creating = "CREATING"
    case active = "ACTIVE"
    case updating = "UPDATING"
    case deleting = "DELETING"
}

/// A stream, as DescribeStream and ListStreams show it.
public struct StreamInfo: Sendable, Hashable {
    public let creationTime: Timestamp?
    public let dataRetentionInHours: Int?
    public let deviceName: String?
    public let kmsKeyID: String?
    public let mediaType: String?
    public let status: StreamStatus?
    public let streamARN: String?
    public let streamName: String?
    public let version: String?

    public init(
        creationTime: Timestamp?, dataRetentionInHours: Int?, deviceName: String?, kmsKeyID: String?, mediaType: String?,
        status: StreamStatus?, streamARN: String?, streamName: String?, version: String?
    ) {
        self.creationTime = creationTime
        self.dataRetentionInHours = dataRetentionInHours
        self.deviceName = deviceName
        self.kmsKeyID = kmsKeyID
        self.mediaType = mediaType
        self.status = status
        self.streamARN = streamARN
        self.streamName = streamName
        self.version = version
    }

    static let shape = structure(
        "StreamInfo", Self.init,
        optional(
            "CreationTime", .timestamp, \.creationTime, "When the stream was created; the ARN ends in the same moment in milliseconds."),
        optional("DataRetentionInHours", .integer(minimum: 0), \.dataRetentionInHours, "How long media is kept. 0 keeps none."),
        optional("DeviceName", .deviceName, \.deviceName, "The device that writes to the stream."),
        optional("KmsKeyId", .kmsKeyID, \.kmsKeyID, "The key that media is encrypted with, as it was given or the default key's ARN."),
        optional("MediaType", .mediaType, \.mediaType, "What the stream carries, for consumers."),
        optional("Status", .enumeration(StreamStatus.self), \.status, "Where the stream is in its life."),
        optional("StreamARN", .resourceARN, \.streamARN, "The ARN of this incarnation of the stream."),
        optional("StreamName", .resourceName, \.streamName, "The name, unique in account and region."),
        optional("Version", .version, \.version, "Changes with each accepted update; updates name the version they mean."))
}
