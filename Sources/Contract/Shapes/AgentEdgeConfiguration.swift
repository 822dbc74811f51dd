/// An edge configuration that the agent has to act on.
public struct AgentEdgeConfiguration: Sendable, Hashable {
    public let edgeConfig: EdgeConfig
    public let revision: String
    public let streamARN: String
    public let streamName: String
    public let syncStatus: SyncStatus

    public init(edgeConfig: EdgeConfig, revision: String, streamARN: String, streamName: String, syncStatus: SyncStatus) {
        self.edgeConfig = edgeConfig
        self.revision = revision
        self.streamARN = streamARN
        self.streamName = streamName
        self.syncStatus = syncStatus
    }

    static let shape = structure(
        "AgentEdgeConfiguration", Self.init,
        required("EdgeConfig", EdgeConfig.shape, \.edgeConfig, "The configuration; where it is to be deleted, the one to delete."),
        required("Revision", .version, \.revision, Text.revision),
        required("StreamARN", .resourceARN, \.streamARN, "The stream that it is for."),
        required("StreamName", .resourceName, \.streamName, "The name of that stream."),
        required(
            "SyncStatus", .enumeration(SyncStatus.self), \.syncStatus,
            "SYNCING or ACKNOWLEDGED: apply it. DELETING or DELETING_ACKNOWLEDGED: delete it and its media. IN_SYNC: the agent lost it; "
                + "apply it again, without a word about it."))
}
