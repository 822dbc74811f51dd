/// As what a peer takes part in a channel.
public enum ChannelRole: String, Sendable, CaseIterable {
    case master = "MASTER"
    case viewer = "VIEWER"

    /// The action by which policies say who may connect so: `ConnectAsMaster` or `ConnectAsViewer`.
    public var connectAction: String {
        switch self {
        case .master: "ConnectAsMaster"
        case .viewer: "ConnectAsViewer"
        }
    }
}
