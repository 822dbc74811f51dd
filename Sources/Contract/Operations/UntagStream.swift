/// Removes tags from a stream.
public enum UntagStream: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
        public let tagKeyList: [String]
    }

    public static let input = structure(
        "UntagStreamInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName),
        required("TagKeyList", .tagKeys, \.tagKeyList, "The keys of the tags to remove; a key that the stream does not have is ignored."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/untagStream"), .changes,
        area: .tags, needs: .notDeleting, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Remove tags from a stream",
        documentation: """
            Removes the tags with these keys; one that is named twice, or not there, is no error. The version does not change.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .invalidResourceFormat, .notAuthorized, .resourceNotFound],
        exampleRequest: #"{"StreamName":"gate-7","TagKeyList":["site"]}"#)
}
