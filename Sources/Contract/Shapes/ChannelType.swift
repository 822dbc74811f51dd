/// How the peers of a channel are connected.
public enum ChannelType: String, Sendable, CaseIterable {
    case singleMaster = "SINGLE_MASTER"
    /// Named by the API, supported by nobody: creating one is refused.
    case fullMesh = "FULL_MESH"
}
