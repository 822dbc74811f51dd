import Contract
import Store

extension DescribeNotificationConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .describeNotificationConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) -> Output {
        let text = try await call.configurations(subject).notification
        return Output(notificationConfiguration: try text.map(NotificationConfiguration.stored))
    }
}
