import Contract
import Store

extension DescribeNotificationConfiguration: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let text = try await call.configurations(key).notification
        return Output(notificationConfiguration: try text.map(NotificationConfiguration.stored))
    }
}
