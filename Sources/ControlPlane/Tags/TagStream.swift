import Contract
import Identity
import Store

extension TagStream: Rule {
    static func subject(of input: Input, _ call: inout Call) throws(OperationError) -> ResourceKey {
        call.access.tags = input.tags
        return try call.stream(named: input.streamName, arn: input.streamARN)
    }

    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) {
        try await call.setTags(key, input.tags.map { ($0.key, $0.value) })
    }
}
