/// Whether, and in which stream, the media of a channel is stored.
public struct MediaStorageConfiguration: Sendable, Hashable {
    public let streamARN: String?
    public let status: MediaStorageConfigurationStatus

    public init(streamARN: String?, status: MediaStorageConfigurationStatus) {
        self.streamARN = streamARN
        self.status = status
    }

    static let shape = structure(
        "MediaStorageConfiguration", Self.init,
        optional("StreamARN", .resourceARN, \.streamARN, "The stream that the media goes to; needed while the status is ENABLED."),
        required("Status", .enumeration(MediaStorageConfigurationStatus.self), \.status, "Whether media is stored; DISABLED unless set."))
}
