/// Sets how marked fragments of a stream are announced.
public enum UpdateNotificationConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let notificationConfiguration: NotificationConfiguration?
        public let streamARN: String?
        public let streamName: String?
    }

    public static let input = structure(
        "UpdateNotificationConfigurationInput", Input.init,
        optional(
            "NotificationConfiguration", NotificationConfiguration.shape, \.notificationConfiguration,
            "The new configuration; absent or null deletes the one there is."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateNotificationConfiguration"), .changes,
        area: .notifications, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Set a stream's notifications",
        documentation: """
            Sets, or deletes, the notification configuration of a stream. ENABLED on a stream whose retention is 0 is a \
            NoDataRetentionException; DISABLED and the deletion need no retention. Neither the stream's status nor its version changes.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .noDataRetention, .resourceInUse, .resourceNotFound],
        exampleRequest: """
            {"NotificationConfiguration":{"DestinationConfig":{"Uri":"arn:aws:sns:us-east-1:123456789012:motion"},\
            "Status":"ENABLED"},"StreamName":"gate-7"}
            """)
}
