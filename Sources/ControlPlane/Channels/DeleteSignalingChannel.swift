import Contract
import Store

extension DeleteSignalingChannel: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.delete(key, expectedVersion: input.currentVersion)
    }

    static func lessensEvents(_ input: Input) -> Bool { true }
}
