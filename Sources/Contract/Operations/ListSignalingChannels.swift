/// Lists signaling channels.
public enum ListSignalingChannels: Operation {
    public struct Input: Sendable {
        public let channelNameCondition: ChannelNameCondition?
        public let maxResults: Int?
        public let nextToken: String?
    }

    public struct Output: Sendable {
        public let channelInfoList: [ChannelInfo]
        public let nextToken: String?

        public init(channelInfoList: [ChannelInfo], nextToken: String?) {
            self.channelInfoList = channelInfoList
            self.nextToken = nextToken
        }
    }

    public static let input = structure(
        "ListSignalingChannelsInput", Input.init,
        optional(
            "ChannelNameCondition", ChannelNameCondition.shape, \.channelNameCondition, "Lists only channels whose names satisfy it."),
        optional(
            "MaxResults", .integer(minimum: 1, maximum: 10000), \.maxResults,
            "The most channels that a page may hold; 500 unless given."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken))

    public static let output: Shape<Output>? = structure(
        "ListSignalingChannelsOutput", Output.init,
        required("ChannelInfoList", .list(ChannelInfo.shape), \.channelInfoList, "The channels of the page, by name in byte order."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextTokenOut))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/listSignalingChannels"), .reads,
        area: .channels, needs: .none, rate: RequestRate(perAccount: 50),
        summary: "List signaling channels",
        documentation: """
            Lists the channels of the account and region in the byte order of their names, in any status. A page resumes after the last \
            name of the page before, so channels that are created and deleted meanwhile neither repeat nor hide others.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument],
        links: [
            Link(
                .listSignalingChannels, named: "NextPage",
                ["NextToken": "$response.body#/NextToken", "ChannelNameCondition": "$request.body#/ChannelNameCondition"]),
            Link(
                .describeSignalingChannel,
                [
                    "ChannelARN": "$response.body#/ChannelInfoList/0/ChannelARN",
                    "ChannelName": "$response.body#/ChannelInfoList/0/ChannelName",
                ]),
        ],
        exampleRequest: #"{"ChannelNameCondition":{"ComparisonOperator":"BEGINS_WITH","ComparisonValue":"door-"},"MaxResults":1}"#,
        exampleResponse: """
            {"ChannelInfoList":[{"ChannelARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421",\
            "ChannelName":"door-2","ChannelStatus":"ACTIVE","ChannelType":"SINGLE_MASTER","CreationTime":1705489836.421,\
            "SingleMasterConfiguration":{"MessageTtlSeconds":60},"Version":"kQ2vT8sLw0ZyRb4NcXe1"}]}
            """)
}
