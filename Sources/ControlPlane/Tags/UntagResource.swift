import Contract
import Identity
import Store

extension UntagResource: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        call.access.removedTagKeys = input.tagKeyList
        return try call.resource(arn: input.resourceARN)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.removeTags(key, keys: input.tagKeyList)
    }
}
