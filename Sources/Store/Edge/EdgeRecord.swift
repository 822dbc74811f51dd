/// How far an edge configuration has come on its way to the agent.
public enum EdgeStatus: String, Sendable, CaseIterable {
    case syncing = "SYNCING"
    case acknowledged = "ACKNOWLEDGED"
    case inSync = "IN_SYNC"
    case syncFailed = "SYNC_FAILED"
    case deleting = "DELETING"
    case deleteFailed = "DELETE_FAILED"
    case deletingAcknowledged = "DELETING_ACKNOWLEDGED"
}

/// The edge configuration of a stream as it is stored, with what its agent said last.
public struct EdgeRecord: Sendable, Hashable {
    /// The stream's, in the incarnation that the configuration is for.
    public let key: ResourceKey
    public let streamARN: String
    public let hubDeviceARN: String
    /// The EdgeConfig of the API, in JSON.
    public let configuration: String
    /// New with each accepted update and deletion; the agent's words name it.
    public let revision: String
    public let status: EdgeStatus
    public let failedStatusDetails: String?
    /// Milliseconds since the epoch, like all times here.
    public let creationTime: Int64
    public let lastUpdatedTime: Int64
    public let recorder: JobReport?
    public let uploader: JobReport?

    /// What an agent said of a job of its own.
    public struct JobReport: Sendable, Hashable {
        /// SUCCESS, USER_ERROR or SYSTEM_ERROR.
        public let status: String
        public let details: String?
        /// When the agent found it so; nil while it is being reported: now.
        public let collectedAt: Int64?
        /// When it was reported; nil while it is.
        public let updatedAt: Int64?

        public init(status: String, details: String?, collectedAt: Int64?, updatedAt: Int64? = nil) {
            self.status = status
            self.details = details
            self.collectedAt = collectedAt
            self.updatedAt = updatedAt
        }
    }
}
