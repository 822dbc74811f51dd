/// Describes which channel stores its media in a stream.
public enum DescribeMappedResourceConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let maxResults: Int?
        public let nextToken: String?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let mappedResourceConfigurationList: [MappedResourceConfigurationListItem]
        public let nextToken: String?

        public init(mappedResourceConfigurationList: [MappedResourceConfigurationListItem], nextToken: String?) {
            self.mappedResourceConfigurationList = mappedResourceConfigurationList
            self.nextToken = nextToken
        }
    }

    public static let input = structure(
        "DescribeMappedResourceConfigurationInput", Input.init,
        optional("MaxResults", .integer(minimum: 1, maximum: 1), \.maxResults, "Only 1: a stream is mapped to one resource at most."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeMappedResourceConfigurationOutput", Output.init,
        required(
            "MappedResourceConfigurationList", .list(MappedResourceConfigurationListItem.shape, count: 0...1),
            \.mappedResourceConfigurationList,
            "The channel that stores its media in the stream; empty where there is none."),
        optional("NextToken", .nextToken, \.nextToken, "Never sent: one page holds all there can be."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeMappedResourceConfiguration"), .reads,
        area: .mediaStorage, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe the channel that a stream is mapped to",
        documentation: """
            Answers which channel stores its media in a stream: one, of the type CHANNEL, or none. As no page follows, no NextToken but \
            the empty one is ever valid.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        links: [Link(.describeMediaStorageConfiguration, ["ChannelARN": "$response.body#/MappedResourceConfigurationList/0/ARN"])],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"MappedResourceConfigurationList":[{"Type":"CHANNEL",\
            "ARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421"}]}
            """)
}
