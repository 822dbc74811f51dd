import Contract
import Store

extension ListTagsForStream: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        Output(nextToken: nil, tags: try await call.tags(key, nextToken: input.nextToken))
    }
}
