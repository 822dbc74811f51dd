import Contract
import Store

extension DescribeEdgeConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(edgeStream: input.streamName, arn: input.streamARN, caller, .describeEdgeConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        let found = try await call.edgeConfiguration(subject)
        return Output(
            creationTime: Timestamp(millisecondsSinceEpoch: found.creationTime), edgeAgentStatus: found.agentStatus,
            edgeConfig: try found.edgeConfig(), failedStatusDetails: found.failedStatusDetails,
            lastUpdatedTime: Timestamp(millisecondsSinceEpoch: found.lastUpdatedTime), streamARN: found.streamARN,
            streamName: found.key.name, syncStatus: found.status)
    }
}
