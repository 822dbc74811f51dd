/// Lists the tags of a channel or stream.
public enum ListTagsForResource: Operation {
    public struct Input: Sendable, NamesResourceByARN {
        public let nextToken: String?
        public let resourceARN: String
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
        "ListTagsForResourceInput", Input.init,
        optional("NextToken", .nextToken, \.nextToken, Text.nextToken),
        required("ResourceARN", .resourceARN, \.resourceARN, Text.resourceARN))

    public static let output: Shape<Output>? = structure(
        "ListTagsForResourceOutput", Output.init,
        optional("NextToken", .nextToken, \.nextToken, "Never sent: the tags of a resource always fit one page."),
        required("Tags", .map(.tagKey, .tagValue, count: 0...50), \.tags, "All tags of the resource; `{}` where it has none."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/ListTagsForResource"), .reads,
        area: .tags, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "List the tags of a channel or stream",
        documentation: """
            Answers all tags of a channel or stream, at most 50, in one page. As none follows, no NextToken but the empty one is ever \
            valid.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        exampleRequest: #"{"ResourceARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421"}"#,
        exampleResponse: #"{"Tags":{"site":"north"}}"#)
}
