import Contract
import Store

extension DeleteStream: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        try call.stream(arn: input.streamARN)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.delete(key, expectedVersion: input.currentVersion)
    }

    static func lessensEvents(_ input: Input) -> Bool { true }
}
