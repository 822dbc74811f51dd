import Contract
import Identity
import Store

extension TagResource: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        call.access.tags = input.tags.map { MapEntry(key: $0.key, value: $0.value) }
        return try call.resource(arn: input.resourceARN)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.setTags(key, input.tags.map { ($0.key, $0.value) })
    }
}
