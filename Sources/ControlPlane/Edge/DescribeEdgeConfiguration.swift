import Contract
import Store

extension DescribeEdgeConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let found = try await call.edgeConfiguration(key)
        return Output(
            creationTime: Timestamp(millisecondsSinceEpoch: found.creationTime), edgeAgentStatus: found.agentStatus,
            edgeConfig: try found.edgeConfig(), failedStatusDetails: found.failedStatusDetails,
            lastUpdatedTime: Timestamp(millisecondsSinceEpoch: found.lastUpdatedTime), streamARN: found.streamARN,
            streamName: found.key.name, syncStatus: found.syncStatus)
    }
}
