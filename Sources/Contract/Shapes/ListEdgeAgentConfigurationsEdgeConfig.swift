/// The edge configuration of a stream, as ListEdgeAgentConfigurations shows it.
public struct ListEdgeAgentConfigurationsEdgeConfig: Sendable, Hashable {
    public let creationTime: Timestamp?
    public let edgeConfig: EdgeConfig?
    public let failedStatusDetails: String?
    public let lastUpdatedTime: Timestamp?
    public let streamARN: String?
    public let streamName: String?
    public let syncStatus: SyncStatus?

    public init(
        creationTime: Timestamp?, edgeConfig: EdgeConfig?, failedStatusDetails: String?, lastUpdatedTime: Timestamp?, streamARN: String?,
        streamName: String?, syncStatus: SyncStatus?
    ) {
        self.creationTime = creationTime
        self.edgeConfig = edgeConfig
        self.failedStatusDetails = failedStatusDetails
        self.lastUpdatedTime = lastUpdatedTime
        self.streamARN = streamARN
        self.streamName = streamName
        self.syncStatus = syncStatus
    }

    static let shape = structure(
        "ListEdgeAgentConfigurationsEdgeConfig", Self.init,
        optional("CreationTime", .timestamp, \.creationTime, Text.edgeCreationTime),
        optional("EdgeConfig", EdgeConfig.shape, \.edgeConfig, Text.edgeConfig),
        optional("FailedStatusDetails", .string(), \.failedStatusDetails, Text.failedStatusDetails),
        optional("LastUpdatedTime", .timestamp, \.lastUpdatedTime, Text.edgeLastUpdatedTime),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARNOut),
        optional("StreamName", .resourceName, \.streamName, Text.streamNameOut),
        optional("SyncStatus", .enumeration(SyncStatus.self), \.syncStatus, Text.syncStatus))
}
