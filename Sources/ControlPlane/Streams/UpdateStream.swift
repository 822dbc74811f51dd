import Contract
import Store

extension UpdateStream: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.update(
            key,
            StreamUpdate(
                expectedVersion: input.currentVersion, newVersion: Token.random(), deviceName: input.deviceName, mediaType: input.mediaType)
        )
    }
}
