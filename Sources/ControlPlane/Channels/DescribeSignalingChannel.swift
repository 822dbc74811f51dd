import Contract
import Store

extension DescribeSignalingChannel: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        Output(channelInfo: try await call.channel(key).info)
    }
}
