import Contract
import Store

extension UpdateStreamStorageConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.update(
            key,
            StreamUpdate(
                expectedVersion: input.currentVersion, newVersion: Token.random(),
                defaultStorageTier: input.streamStorageConfiguration.defaultStorageTier.rawValue))
    }
}
