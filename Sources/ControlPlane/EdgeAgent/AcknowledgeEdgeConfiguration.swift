import Contract
import Store

extension AcknowledgeEdgeConfiguration: Rule {
    static func answer(_ input: Input, _ subject: EdgeAgentSubject, _ call: Call) async throws(OperationError) -> Output {
        guard let status = try await call.edgeEvent(.acknowledged, subject, revision: input.revision) else {
            throw .edgeConfigurationNotFound(subject.key.name)
        }
        return Output(syncStatus: status)
    }
}
