/// A signaling channel, as DescribeSignalingChannel and ListSignalingChannels show it.
public struct ChannelInfo: Sendable, Hashable {
    public let channelARN: String?
    public let channelName: String?
    public let channelStatus: StreamStatus?
    public let channelType: ChannelType?
    public let creationTime: Timestamp?
    public let singleMasterConfiguration: SingleMasterConfiguration?
    public let version: String?

    public init(
        channelARN: String?, channelName: String?, channelStatus: StreamStatus?, channelType: ChannelType?, creationTime: Timestamp?,
        singleMasterConfiguration: SingleMasterConfiguration?, version: String?
    ) {
        self.channelARN = channelARN
        self.channelName = channelName
        self.channelStatus = channelStatus
        self.channelType = channelType
        self.creationTime = creationTime
        self.singleMasterConfiguration = singleMasterConfiguration
        self.version = version
    }

    static let shape = structure(
        "ChannelInfo", Self.init,
        optional("ChannelARN", .resourceARN, \.channelARN, "The ARN of this incarnation of the channel."),
        optional("ChannelName", .resourceName, \.channelName, "The name, unique among the channels of account and region."),
        optional("ChannelStatus", .enumeration(StreamStatus.self), \.channelStatus, "Where the channel is in its life."),
        optional("ChannelType", .enumeration(ChannelType.self), \.channelType, "Always SINGLE_MASTER."),
        optional(
            "CreationTime", .timestamp, \.creationTime, "When the channel was created; the ARN ends in the same moment in milliseconds."),
        optional(
            "SingleMasterConfiguration", SingleMasterConfiguration.shape, \.singleMasterConfiguration, "The configuration as it is now."),
        optional("Version", .version, \.version, "Changes with each accepted update; updates name the version they mean."))
}
