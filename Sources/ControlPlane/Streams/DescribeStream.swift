import Contract
import Store

extension DescribeStream: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        Output(streamInfo: try await call.stream(key).info)
    }
}
