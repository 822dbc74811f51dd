import Contract
import Store

extension AcknowledgeEdgeConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> EdgeAgentSubject {
        try EdgeAgentSubject(
            streamARN: input.streamARN, hubDeviceARN: input.hubDeviceArn, caller, .acknowledgeEdgeConfiguration)
    }

    static func answer(_ input: Input, _ subject: EdgeAgentSubject, _ call: Call) async throws(OperationError) -> Output {
        guard let status = try await call.edgeEvent(.acknowledged, subject, revision: input.revision) else {
            throw .edgeConfigurationNotFound(subject.key.name)
        }
        return Output(syncStatus: status)
    }
}
