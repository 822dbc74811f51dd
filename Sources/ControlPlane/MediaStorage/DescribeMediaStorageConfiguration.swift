import Contract
import Store

extension DescribeMediaStorageConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(channel: input.channelName, arn: input.channelARN, caller, .describeMediaStorageConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        let streamARN = try await call.channel(subject).mediaStorageStreamARN
        return Output(
            mediaStorageConfiguration: MediaStorageConfiguration(
                streamARN: streamARN, status: streamARN == nil ? .disabled : .enabled))
    }
}
