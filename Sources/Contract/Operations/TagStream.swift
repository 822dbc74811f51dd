/// Adds tags to a stream, or gives them new values.
public enum TagStream: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
        public let tags: [MapEntry<String>]
    }

    public static let input = structure(
        "TagStreamInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName),
        required("Tags", .tags, \.tags, "The tags to set. Keys must not begin with `aws:`, in any spelling."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/tagStream"), .changes,
        area: .tags, needs: .notDeleting, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Tag a stream",
        documentation: """
            Sets all of the tags or none. A key that the stream has already gets the new value. More than 50 tags after the change are a \
            TagsPerResourceExceededLimitException. A key that begins with `aws:` in any spelling is an InvalidArgumentException. The \
            version does not change.
            """,
        errors: [
            .clientLimitExceeded, .invalidArgument, .invalidResourceFormat, .notAuthorized, .resourceNotFound,
            .tagsPerResourceExceededLimit,
        ],
        exampleRequest: #"{"StreamName":"gate-7","Tags":{"site":"north"}}"#)
}
