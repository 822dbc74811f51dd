/// What operations are about: the sections of the documents.
enum Area: String, CaseIterable {
    case streams = "Streams"
    case channels = "Channels"
    case tags = "Tags"
    case mediaStorage = "Media storage"
    case edge = "Edge"
    case images = "Images"
    case notifications = "Notifications"
    case edgeAgent = "Edge agent"
    case media = "Media"
    case archivedMedia = "Archived media"
    case signaling = "Signaling"

    var documentation: String {
        switch self {
        case .streams: "Video streams: their life, retention and storage, and where their media is sent to and read from."
        case .channels: "Signaling channels, over which WebRTC peers find each other."
        case .tags: "Tags of streams and channels, 50 at most on each."
        case .mediaStorage: "Which channel stores its media in which stream, one to one."
        case .edge: "What recorders on premises are to record, upload and delete, as operators set it."
        case .images: "Still images made from a stream's media."
        case .notifications: "Announcements of fragments that carry a mark."
        case .media: "Sending media to a stream, and following it as it comes."
        case .archivedMedia: "What is kept of a stream's media: which fragments there are, and their bytes."
        case .signaling: "What WebRTC peers ask for besides their WebSockets."
        case .edgeAgent: "What a recorder on premises, the agent of one device, asks and tells."
        }
    }
}
