import Contract
import Store

extension DescribeStreamStorageConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .describeStreamStorageConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        let stream = try await call.stream(subject)
        return Output(
            streamARN: stream.arn, streamName: stream.name,
            streamStorageConfiguration: DefaultStorageTier(rawValue: stream.defaultStorageTier).map(
                StreamStorageConfiguration.init(defaultStorageTier:)))
    }
}
