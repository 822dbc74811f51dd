import Contract

/// Why a fragment, or the session, is refused. Reference, PutMedia, "Response Elements".
enum MediaError: Int, Sendable, CaseIterable {
    case streamRead = 4000
    case maximumFragmentSize = 4001
    case maximumFragmentDuration = 4002
    case maximumConnectionDuration = 4003
    case timecodeLesserThanPrevious = 4004
    case moreThanAllowedTracks = 4005
    case invalidMKVData = 4006
    case invalidProducerTimestamp = 4007
    case streamNotActive = 4008
    case fragmentMetadataLimit = 4009
    case trackNumberMismatch = 4010
    case framesMissingForTrack = 4011
    case invalidFragmentMetadata = 4012
    case internalError = 5000
    case archivalError = 5001

    /// As it is written beside the number.
    var code: String {
        switch self {
        case .streamRead: "STREAM_READ_ERROR"
        case .maximumFragmentSize: "MAX_FRAGMENT_SIZE_REACHED"
        case .maximumFragmentDuration: "MAX_FRAGMENT_DURATION_REACHED"
        case .maximumConnectionDuration: "MAX_CONNECTION_DURATION_REACHED"
        case .timecodeLesserThanPrevious: "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS"
        case .moreThanAllowedTracks: "MORE_THAN_ALLOWED_TRACKS_FOUND"
        case .invalidMKVData: "INVALID_MKV_DATA"
        case .invalidProducerTimestamp: "INVALID_PRODUCER_TIMESTAMP"
        case .streamNotActive: "STREAM_NOT_ACTIVE"
        case .fragmentMetadataLimit: "FRAGMENT_METADATA_LIMIT_REACHED"
        case .trackNumberMismatch: "TRACK_NUMBER_MISMATCH"
        case .framesMissingForTrack: "FRAMES_MISSING_FOR_TRACK"
        case .invalidFragmentMetadata: "INVALID_FRAGMENT_METADATA"
        case .internalError: "INTERNAL_ERROR"
        case .archivalError: "ARCHIVAL_ERROR"
        }
    }
}

/// What a producer is told on a line of its own.
///
/// The members stand in the order in which the service writes them, which clients rely on: the reference has other names and another order.
enum Acknowledgement: Sendable, Hashable {
    /// A fragment that acknowledgements are about.
    struct Fragment: Sendable, Hashable {
        /// Of its cluster, as it was sent.
        let timecode: Int
        let number: String
    }

    case buffering(Fragment)
    case received(Fragment)
    case persisted(Fragment)
    case idle
    /// About the whole stream where there is no fragment.
    case error(MediaError, Fragment?)

    static let eventTypes = ["BUFFERING", "RECEIVED", "PERSISTED", "IDLE", "ERROR"]

    /// What of it is counted.
    var eventType: String {
        switch self {
        case .buffering: "BUFFERING"
        case .received: "RECEIVED"
        case .persisted: "PERSISTED"
        case .idle: "IDLE"
        case .error: "ERROR"
        }
    }

    /// The JSON object, with a line feed at its end.
    var line: [UInt8] {
        var writer = JSONWriter(capacity: 160)
        writer.beginObject()
        writer.key("EventType")
        writer.string(eventType)
        switch self {
        case .buffering(let fragment), .received(let fragment), .persisted(let fragment): Self.write(fragment, &writer)
        case .idle: break
        case .error(let error, let fragment):
            if let fragment { Self.write(fragment, &writer) }
            writer.key("ErrorCode")
            writer.string(error.code)
            writer.key("ErrorId")
            writer.integer(Int64(error.rawValue))
        }
        writer.endObject()
        return writer.bytes + [UInt8(ascii: "\n")]
    }

    private static func write(_ fragment: Fragment, _ writer: inout JSONWriter) {
        writer.key("FragmentTimecode")
        writer.integer(Int64(fragment.timecode))
        writer.key("FragmentNumber")
        writer.string(fragment.number)
    }
}
