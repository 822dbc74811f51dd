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
    static let tagKey = string(1...128, .tagKey)
    static let tagValue = string(0...256, .tagValue)
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
    static let currentVersion = "The version that the stream is expected to have, as DescribeStream and ListStreams tell it."
    static let nextToken = "Where the page starts: the NextToken of the page before. Absent or empty for the first page."
    static let nextTokenOut = "Present where more follows: ask for the next page with it. It is opaque and does not expire."
}
