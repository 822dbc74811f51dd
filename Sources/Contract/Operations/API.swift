/// The APIs that the operations make up, each with a document of its own.
public enum API: String, Sendable, CaseIterable {
    /// Streams, channels and their configurations, as Amazon Kinesis Video Streams defines it.
    case controlPlane = "control-plane"
    /// What a recorder on premises asks and tells: our own, as the service publishes none.
    case edgeAgent = "edge-agent"
    /// Media as it comes and as it is followed, as Amazon Kinesis Video Streams Media defines it.
    case media = "media"
    /// Media that is kept, as Amazon Kinesis Video Streams Archived Media defines it.
    case archivedMedia = "archived-media"
    /// Signaling by requests, as Amazon Kinesis Video Signaling Channels defines it; signaling by WebSockets belongs to it.
    case signaling = "signaling"

    /// The member of an error's body that holds the message.
    var messageMember: String {
        switch self {
        case .controlPlane, .edgeAgent, .media, .archivedMedia, .signaling: "Message"
        }
    }
}
