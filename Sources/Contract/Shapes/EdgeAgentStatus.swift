/// What the edge agent of a stream has reported last.
public struct EdgeAgentStatus: Sendable, Hashable {
    public let lastRecorderStatus: LastRecorderStatus?
    public let lastUploaderStatus: LastUploaderStatus?

    public init(lastRecorderStatus: LastRecorderStatus?, lastUploaderStatus: LastUploaderStatus?) {
        self.lastRecorderStatus = lastRecorderStatus
        self.lastUploaderStatus = lastUploaderStatus
    }

    static let shape = structure(
        "EdgeAgentStatus", Self.init,
        optional("LastRecorderStatus", LastRecorderStatus.shape, \.lastRecorderStatus, "The last recording job."),
        optional("LastUploaderStatus", LastUploaderStatus.shape, \.lastUploaderStatus, "The last upload job."))
}
