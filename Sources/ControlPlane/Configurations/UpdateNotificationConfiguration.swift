import Contract
import SQL
import Store

extension UpdateNotificationConfiguration: Rule {
    static func subject(of input: Input, _ caller: Caller) throws(OperationError) -> ResourceSubject {
        try ResourceSubject(stream: input.streamName, arn: input.streamARN, caller, .updateNotificationConfiguration)
    }

    static func answer(_ input: Input, _ subject: ResourceSubject, _ call: Call) async throws(OperationError) {
        let configuration = input.notificationConfiguration
        let isEnabled = configuration?.status == .enabled
        try await call.change(subject, .configured, needsRetention: isEnabled ? "a notification" : nil) { change throws(DatabaseError) in
            try await call.plane.store.setNotification(
                subject.key, configuration.map(NotificationConfiguration.text), needsRetention: isEnabled, change)
        }
    }
}
