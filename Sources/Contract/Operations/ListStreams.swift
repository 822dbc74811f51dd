/// A condition on the names to be listed.
public struct StreamNameCondition: Sendable {
    public let comparisonOperator: ComparisonOperator?
    public let comparisonValue: String?

    static let shape = structure(
        "StreamNameCondition", Self.init,
        optional(
            "ComparisonOperator", .enumeration(ComparisonOperator.self), \.comparisonOperator,
            "Only BEGINS_WITH, which is also the default."),
        optional("ComparisonValue", .resourceName, \.comparisonValue, "What the name begins with; absent: any name."))
}

/// Lists streams.
public enum ListStreams: Operation {
    public struct Input: Sendable {
        public let maxResults: Int?
        public let nextToken: String?
        public let streamNameCondition: StreamNameCondition?
    }

    public struct Output: Sendable {
        public let nextToken: String?
        public let streamInfoList: [StreamInfo]

        public init(nextToken: String?, streamInfoList: [StreamInfo]) {
            self.nextToken = nextToken
            self.streamInfoList = streamInfoList
        }
    }

    public static let input = structure(
        "ListStreamsInput", Input.init,
        optional(
            "MaxResults", .integer(minimum: 1, maximum: 10000), \.maxResults, "The most streams that a page may hold; 10000 unless given."),
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken),
        optional("StreamNameCondition", StreamNameCondition.shape, \.streamNameCondition, "Lists only streams whose names satisfy it."))

    public static let output: Shape<Output>? = structure(
        "ListStreamsOutput", Output.init,
        optional("NextToken", .nextToken, \.nextToken, Text.nextTokenOut),
        required("StreamInfoList", .list(StreamInfo.shape), \.streamInfoList, "The streams of the page, by name in byte order."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/listStreams"), .reads, area: .streams, needs: .none, rate: RequestRate(perAccount: 50),
        summary: "List streams",
        documentation: """
            Lists the streams of the account and region in the byte order of their names, in any status. A page resumes after the last \
            name of the page before, so streams that are created and deleted meanwhile neither repeat nor hide others.
            """,
        errors: [.clientLimitExceeded, .invalidArgument],
        links: [
            Link(
                .listStreams, named: "NextPage",
                ["NextToken": "$response.body#/NextToken", "StreamNameCondition": "$request.body#/StreamNameCondition"]),
            Link(
                .describeStream,
                [
                    "StreamARN": "$response.body#/StreamInfoList/0/StreamARN",
                    "StreamName": "$response.body#/StreamInfoList/0/StreamName",
                ]),
        ],
        exampleRequest: #"{"MaxResults":1,"StreamNameCondition":{"ComparisonOperator":"BEGINS_WITH","ComparisonValue":"gate-"}}"#,
        exampleResponse: """
            {"StreamInfoList":[{"CreationTime":1705489836.421,"DataRetentionInHours":24,\
            "KmsKeyId":"arn:aws:kms:us-east-1:123456789012:alias/aws/kinesisvideo","Status":"ACTIVE",\
            "StreamARN":"arn:aws:kinesisvideo:us-east-1:123456789012:stream/gate-7/1705489836421","StreamName":"gate-7",\
            "Version":"davN9FKg4vjyKdCSs0f4"}]}
            """)
}
