import Contract
import Store

extension DescribeMediaStorageConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let streamARN = try await call.channel(key).mediaStorageStreamARN
        return Output(
            mediaStorageConfiguration: MediaStorageConfiguration(
                streamARN: streamARN, status: streamARN == nil ? .disabled : .enabled))
    }
}
