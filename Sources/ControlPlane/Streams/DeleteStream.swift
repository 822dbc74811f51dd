import Contract
import Store

extension DeleteStream: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: nil, arn: input.streamARN, caller, .deleteStream)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        try await call.delete(subject, expectedVersion: input.currentVersion)
    }
}
