/// How far an edge configuration has come on its way to the agent.
public enum SyncStatus: String, Sendable, CaseIterable {
    /// Set by StartEdgeConfigurationUpdate; the agent has not answered yet.
    case syncing = "SYNCING"
    /// The agent has it and is applying it.
    case acknowledged = "ACKNOWLEDGED"
    /// The agent has applied it.
    case inSync = "IN_SYNC"
    /// The agent could not apply it, or said nothing for too long.
    case syncFailed = "SYNC_FAILED"
    /// Set by DeleteEdgeConfiguration; the agent has not answered yet.
    case deleting = "DELETING"
    /// The agent could not delete it, or said nothing for too long.
    case deleteFailed = "DELETE_FAILED"
    /// The agent is deleting the configuration and its media; when it is done, the configuration is gone.
    case deletingAcknowledged = "DELETING_ACKNOWLEDGED"
}
