/// Where the notifications of a stream go.
public struct NotificationDestinationConfig: Sendable, Hashable {
    public let uri: String

    public init(uri: String) {
        self.uri = uri
    }

    static let shape = structure(
        "NotificationDestinationConfig", Self.init,
        required("Uri", .destinationURI, \.uri, "The destination, such as `arn:aws:sns:us-east-1:123456789012:motion`."))
}
