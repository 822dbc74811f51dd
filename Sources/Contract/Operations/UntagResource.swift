/// Removes tags from a channel or stream.
public enum UntagResource: Operation {
    public struct Input: Sendable, NamesResourceByARN {
        public let resourceARN: String
        public let tagKeyList: [String]
    }

    public static let input = structure(
        "UntagResourceInput", Input.init,
        required("ResourceARN", .resourceARN, \.resourceARN, Text.resourceARN),
        required(
            "TagKeyList", .tagKeys, \.tagKeyList, "The keys of the tags to remove; a key that the resource does not have is ignored."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/UntagResource"), .changes,
        area: .tags, needs: .notDeleting, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Remove tags from a channel or stream",
        documentation: """
            Removes the tags with these keys; one that is named twice, or not there, is no error. The version does not change.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        links: [Link(.listTagsForResource, ["ResourceARN": "$request.body#/ResourceARN"])],
        exampleRequest: #"{"ResourceARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421","TagKeyList":["site"]}"#
    )
}
