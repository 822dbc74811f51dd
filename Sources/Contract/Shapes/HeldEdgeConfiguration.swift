/// An edge configuration that the agent says it holds.
public struct HeldEdgeConfiguration: Sendable, Hashable {
    public let revision: String
    public let streamARN: String

    public init(revision: String, streamARN: String) {
        self.revision = revision
        self.streamARN = streamARN
    }

    static let shape = structure(
        "HeldEdgeConfiguration", Self.init,
        required("Revision", .version, \.revision, "The revision that the agent holds."),
        required("StreamARN", .resourceARN, \.streamARN, "The stream that it is for."))
}
