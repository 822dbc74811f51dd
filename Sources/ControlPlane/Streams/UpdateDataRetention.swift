import Contract
import Store

extension UpdateDataRetention: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        let hours = Int64(input.dataRetentionChangeInHours)
        let change =
            switch input.operation {
            case .increase: hours
            case .decrease: -hours
            }
        try await call.update(
            key, StreamUpdate(expectedVersion: input.currentVersion, newVersion: Token.random(), retentionChangeInHours: change))
    }
}
