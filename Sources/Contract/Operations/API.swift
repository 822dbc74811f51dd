/// The APIs that the operations make up, each with a document of its own.
public enum API: String, Sendable, CaseIterable {
    /// Streams, channels and their configurations, as Amazon Kinesis Video Streams defines it.
    case controlPlane = "control-plane"
    /// What a recorder on premises asks and tells: our own, as the service publishes none.
    case edgeAgent = "edge-agent"

    /// The member of an error's body that holds the message.
    var messageMember: String {
        switch self {
        case .controlPlane, .edgeAgent: "Message"
        }
    }
}
