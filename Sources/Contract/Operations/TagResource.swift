/// Adds tags to a channel or stream, or gives them new values.
public enum TagResource: Operation {
    public struct Input: Sendable, NamesResourceByARN {
        public let resourceARN: String
        public let tags: [Tag]
    }

    public static let input = structure(
        "TagResourceInput", Input.init,
        required("ResourceARN", .resourceARN, \.resourceARN, Text.resourceARN),
        required("Tags", .list(Tag.shape, count: 1...50), \.tags, "The tags to set, each key once."))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/TagResource"), .changes,
        area: .tags, needs: .notDeleting, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Tag a channel or stream",
        documentation: """
            Sets all of the tags or none. A key that the resource has already gets the new value. More than 50 tags after the change are \
            a TagsPerResourceExceededLimitException. A key that begins with `aws:` in any spelling, and a key that is given twice, are \
            an InvalidArgumentException. The version does not change.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound, .tagsPerResourceExceededLimit],
        links: [Link(.listTagsForResource, ["ResourceARN": "$request.body#/ResourceARN"])],
        exampleRequest: """
            {"ResourceARN":"arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421","Tags":[{"Key":"site",\
            "Value":"north"}]}
            """)
}
