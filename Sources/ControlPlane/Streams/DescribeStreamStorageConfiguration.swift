import Contract
import Store

extension DescribeStreamStorageConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let stream = try await call.stream(key)
        return Output(
            streamARN: stream.arn, streamName: stream.name,
            streamStorageConfiguration: DefaultStorageTier(rawValue: stream.defaultStorageTier).map(
                StreamStorageConfiguration.init(defaultStorageTier:)))
    }
}
