import Contract
import Store

extension DescribeSignalingChannel: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(channel: input.channelName, arn: input.channelARN, caller, .describeSignalingChannel)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        Output(channelInfo: try await call.channel(subject).info)
    }
}
