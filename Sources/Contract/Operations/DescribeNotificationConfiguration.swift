/// Describes how marked fragments of a stream are announced.
public enum DescribeNotificationConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let notificationConfiguration: NotificationConfiguration?

        public init(notificationConfiguration: NotificationConfiguration?) { self.notificationConfiguration = notificationConfiguration }
    }

    public static let input = structure(
        "DescribeNotificationConfigurationInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeNotificationConfigurationOutput", Output.init,
        optional(
            "NotificationConfiguration", NotificationConfiguration.shape, \.notificationConfiguration,
            "The configuration; absent where the stream has none."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeNotificationConfiguration"), .reads,
        area: .notifications, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe a stream's notifications",
        documentation: """
            Answers the notification configuration of a stream; `{}` where it has none.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"NotificationConfiguration":{"DestinationConfig":{"Uri":"arn:aws:sns:us-east-1:123456789012:motion"},\
            "Status":"ENABLED"}}
            """)
}
