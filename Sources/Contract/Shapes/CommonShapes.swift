// Shapes that several operations share, each with the limits of the API's model.

extension Shape where Value == String {
    /// StreamName, ChannelName.
    static let resourceName = string(1...256, .resourceName)
    static let deviceName = string(1...128, .resourceName)
    static let mediaType = string(1...128, .mediaType)
    static let kmsKeyID = string(1...2048, .anyText)
    static let version = string(1...64, .version)
    static let resourceARN = string(1...1024, .resourceARN)
    static let nextToken = string(0...1024, .nextToken)
    static let mediaNextToken = string(1...4096, .mediaNextToken)
    static let fragmentNumber = string(1...128, .fragmentNumber)
    static let continuationToken = string(1...128, .continuationToken)
    static let signalingChannelARN = string(1...1024, .signalingChannelARN)
    static let clientID = string(1...256, .resourceName)
    static let messagePayload = string(1...10_000, .base64)
    static let tagKey = string(1...128, .tagKey)
    static let tagValue = string(0...256, .tagValue)
    static let hubDeviceARN = string(1...1024, .thingARN)
    static let secretARN = string(20...2048, .secretARN, isSensitive: true)
    static let scheduleExpression = string(11...100, .scheduleExpression)
    static let destinationURI = string(1...255, .destinationURI)
    static let destinationRegion = string(9...14, .region)
    static let formatConfigValue = string(0...256, .formatConfigValue)
}

extension Shape where Value == [MapEntry<String>] {
    /// Tags of a stream, as a map.
    static let tags = map(.tagKey, .tagValue, count: 1...50)
}

extension Shape where Value == [String] {
    static let tagKeys = list(.tagKey, count: 1...50)
}

/// Documentation that many members share.
enum Text {
    static let streamName = "The name of the stream. This or StreamARN is required; given both, they must mean the same stream."
    static let streamARN =
        "The ARN of the stream. It names one incarnation: the ARN of a stream that was deleted stays unknown when its name is used again."
    static let mediaStreamName = "The name of the stream. This or StreamARN is required, and not both."
    static let mediaStreamARN = "The ARN of the stream. It names one incarnation of it."
    static let fragmentNumber = "The number of the fragment: 47 digits, in the order in which fragments begin to arrive."
    static let channelName = "The name of the channel. This or ChannelARN is required; given both, they must mean the same channel."
    static let channelARN =
        "The ARN of the channel. It names one incarnation: the ARN of a channel that was deleted stays unknown when its name is used again."
    static let channelARNOnly = "The ARN of the channel."
    static let resourceARN = "The ARN of the channel or stream."
    static let streamNameOut = "The name of the stream."
    static let streamARNOut = "The ARN of the stream."
    static let currentVersion = "The version that the stream is expected to have, as DescribeStream and ListStreams tell it."
    static let nextToken = "Where the page starts: the NextToken of the page before. Absent or empty for the first page."
    static let currentChannelVersion =
        "The version that the channel is expected to have, as DescribeSignalingChannel and ListSignalingChannels tell it."
    static let nextTokenOut = "Present where more follows: ask for the next page with it. It is opaque and does not expire."
    static let edgeCreationTime = "When the stream got its edge configuration."
    static let edgeLastUpdatedTime = "When the configuration was set last, or its deletion was asked for."
    static let edgeConfig = "The configuration as it was given."
    static let failedStatusDetails = "Why the status is SYNC_FAILED or DELETE_FAILED; absent otherwise."
    static let syncStatus = "How far the configuration has come on its way to the agent."
    static let hubDeviceArn = "The device that the agent runs on: the thing that the caller's key is bound to."
    static let agentStreamARN = "The stream whose edge configuration it is about."
    static let revision = "Names this state of the configuration: new with each accepted update and each accepted deletion of it."
}
