/// Lists the tags of a stream.
public enum ListTagsForStream: Operation {
    public struct Input: Sendable, NamesStream {
        public let nextToken: String?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let nextToken: String?
        public let tags: [MapEntry<String>]

        public init(nextToken: String?, tags: [MapEntry<String>]) {
            self.nextToken = nextToken
            self.tags = tags
        }
    }

    public static let input = structure(
        "ListTagsForStreamInput", Input.init,
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "ListTagsForStreamOutput", Output.init,
        optional("NextToken", .nextToken, \.nextToken, "Never sent: the tags of a stream always fit one page."),
        required("Tags", .map(.tagKey, .tagValue, count: 0...50), \.tags, "All tags of the stream; `{}` where it has none."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/listTagsForStream"), .reads,
        area: .tags, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "List the tags of a stream",
        documentation: """
            Answers all tags of a stream, at most 50, in one page. As none follows, no NextToken but the empty one is ever valid.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .invalidResourceFormat, .notAuthorized, .resourceNotFound],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: #"{"Tags":{"site":"north"}}"#)
}
