/// Describes a signaling channel.
public enum DescribeSignalingChannel: Operation {
    public struct Input: Sendable, NamesChannel {
        public let channelARN: String?
        public let channelName: String?
    }

    public struct Output: Sendable {
        public let channelInfo: ChannelInfo

        public init(channelInfo: ChannelInfo) { self.channelInfo = channelInfo }
    }

    public static let input = structure(
        "DescribeSignalingChannelInput", Input.init,
        optional("ChannelARN", .resourceARN, \.channelARN, Text.channelARN),
        optional("ChannelName", .resourceName, \.channelName, Text.channelName))

    public static let output: Shape<Output>? = structure(
        "DescribeSignalingChannelOutput", Output.init,
        required("ChannelInfo", ChannelInfo.shape, \.channelInfo, "The channel as it is now."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeSignalingChannel"), .reads,
        area: .channels, needs: .any, rate: RequestRate(perAccount: 300, perResource: 5),
        summary: "Describe a signaling channel",
        documentation: """
            Answers a channel. Every acknowledged change is visible at once, on every instance.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        links: Link.toAll(
            on: "ChannelARN",
            [
                "ChannelARN": "$response.body#/ChannelInfo/ChannelARN", "CurrentVersion": "$response.body#/ChannelInfo/Version",
            ]),
        exampleRequest: #"{"ChannelName":"door-2"}"#,
        exampleResponse: """
            {"ChannelInfo":{"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "ChannelName":"door-2","ChannelStatus":"ACTIVE","ChannelType":"SINGLE_MASTER","CreationTime":1705489836.421,\
            "SingleMasterConfiguration":{"MessageTtlSeconds":60},"Version":"kQ2vT8sLw0ZyRb4NcXe1"}}
            """)
}
