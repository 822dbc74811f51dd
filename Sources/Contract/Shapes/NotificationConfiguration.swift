/// How the fragments of a stream that carry a mark are announced.
public struct NotificationConfiguration: JSONDocument, Hashable {
    public let destinationConfig: NotificationDestinationConfig
    public let status: ConfigurationStatus

    public init(destinationConfig: NotificationDestinationConfig, status: ConfigurationStatus) {
        self.destinationConfig = destinationConfig
        self.status = status
    }

    public static let shape = structure(
        "NotificationConfiguration", Self.init,
        required("DestinationConfig", NotificationDestinationConfig.shape, \.destinationConfig, "Where notifications go."),
        required("Status", .enumeration(ConfigurationStatus.self), \.status, "Whether notifications are sent."))
}
