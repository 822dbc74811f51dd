/// Where the images of a stream go.
public struct ImageGenerationDestinationConfig: Sendable, Hashable {
    public let destinationRegion: String
    public let uri: String

    public init(destinationRegion: String, uri: String) {
        self.destinationRegion = destinationRegion
        self.uri = uri
    }

    static let shape = structure(
        "ImageGenerationDestinationConfig", Self.init,
        required(
            "DestinationRegion", .destinationRegion, \.destinationRegion, "The region of the destination, which must be the stream's."),
        required("Uri", .destinationURI, \.uri, "The destination, such as `s3://bucket`."))
}
