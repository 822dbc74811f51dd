/// Why media cannot be written in the form that was asked for. Each case is the error of the archived media API that has its name.
public enum UnplayableMedia: Error, Equatable, Sendable {
    /// A track that cannot be played without codec private data has none.
    case missingCodecPrivateData(track: UInt64)
    /// Codec private data that is not what its codec demands, or says what the form cannot hold.
    case invalidCodecPrivateData(track: UInt64)
    /// A frame that its codec's rules do not explain, or times that no fragment can have.
    case invalidMediaFrame(track: UInt64)
    /// No track is of a codec that the form can hold, or one of them is of another.
    case unsupportedStreamMediaType

    /// For a client: the texts of the API's reference, and for missing data the one that the service was seen to send.
    public var message: String {
        switch self {
        case .missingCodecPrivateData(let track):
            "Missing codec private data in fragment for track \(track)."
        case .invalidCodecPrivateData:
            "The codec private data in at least one of the tracks of the video stream is not valid for this operation."
        case .invalidMediaFrame:
            "One or more frames in the requested clip could not be parsed based on the specified codec."
        case .unsupportedStreamMediaType:
            "The type of the media (for example, h.264 or h.265 video or AAC or G.711 audio) could not be determined from the codec IDs"
                + " of the tracks in the first fragment for a playback session. The codec ID for track 1 should be V_MPEG/ISO/AVC and,"
                + " optionally, the codec ID for track 2 should be A_AAC."
        }
    }
}
