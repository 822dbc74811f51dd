import Contract
import Store

extension TagStream: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.setTags(key, input.tags.map { ($0.key, $0.value) })
    }
}
