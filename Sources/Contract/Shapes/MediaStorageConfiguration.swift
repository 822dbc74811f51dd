/// Whether, and in which stream, the media of a channel is stored.
public struct MediaStorageConfiguration: Sendable, Hashable {
    public let streamARN: String?
    public let status: MediaStorageConfigurationStatus

    public init(streamARN: String?, status: MediaStorageConfigurationStatus) {
        self.streamARN = streamARN
        self.status = status
    }

    static let shape = strict.reading { value in
        // Clients that undo a mapping send the empty text where they have no ARN.
        guard case .object(let object) = value, object["Status"] == .string(MediaStorageConfigurationStatus.disabled.rawValue),
            object["StreamARN"] == .string("")
        else { return value }
        return .object(JSONObject(object.members.filter { !$0.key.hasSameScalars(as: "StreamARN") }))
    }

    private static let strict = structure(
        "MediaStorageConfiguration", Self.init,
        optional(
            "StreamARN", .resourceARN, \.streamARN,
            "The stream that the media goes to; needed while the status is ENABLED, and may be empty while it is DISABLED."),
        required("Status", .enumeration(MediaStorageConfigurationStatus.self), \.status, "Whether media is stored; DISABLED unless set."))
}
