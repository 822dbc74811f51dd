/// As what a peer takes part in a channel.
public enum ChannelRole: String, Sendable, CaseIterable {
    case master = "MASTER"
    case viewer = "VIEWER"
}
