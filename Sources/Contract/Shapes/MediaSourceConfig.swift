/// The source that an edge agent records.
public struct MediaSourceConfig: Sendable, Hashable {
    /// No message and no log line may repeat it.
    public let mediaUriSecretArn: String
    public let mediaUriType: MediaURIType

    public init(mediaUriSecretArn: String, mediaUriType: MediaURIType) {
        self.mediaUriSecretArn = mediaUriSecretArn
        self.mediaUriType = mediaUriType
    }

    static let shape = structure(
        "MediaSourceConfig", Self.init,
        required(
            "MediaUriSecretArn", .secretARN, \.mediaUriSecretArn,
            "The secret that holds the camera's address, name and password, or the file's place. No error message repeats it."),
        required("MediaUriType", .enumeration(MediaURIType.self), \.mediaUriType, "What kind of source it is."))
}
