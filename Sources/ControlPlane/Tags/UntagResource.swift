import Contract
import Store

extension UntagResource: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.removeTags(key, keys: input.tagKeyList)
    }
}
