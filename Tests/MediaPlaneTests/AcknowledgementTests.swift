import Testing

@testable import MediaPlane

/// The very bytes that producers are told, which they rely on.
@Suite struct AcknowledgementTests {
    private static let fragment = Acknowledgement.Fragment(
        timecode: 1_631_530_102_146, number: "91343852333181432412489103236310005892133364608")

    private static let rows: [(Acknowledgement, String)] = [
        (
            .buffering(fragment),
            #"{"EventType":"BUFFERING","FragmentTimecode":1631530102146,"FragmentNumber":"91343852333181432412489103236310005892133364608"}"#
        ),
        (
            .received(fragment),
            #"{"EventType":"RECEIVED","FragmentTimecode":1631530102146,"FragmentNumber":"91343852333181432412489103236310005892133364608"}"#
        ),
        (
            .persisted(fragment),
            #"{"EventType":"PERSISTED","FragmentTimecode":1631530102146,"FragmentNumber":"91343852333181432412489103236310005892133364608"}"#
        ),
        (.idle, #"{"EventType":"IDLE"}"#),
        (
            .error(.maximumFragmentDuration, .init(timecode: 152_148, number: "9134")),
            #"{"EventType":"ERROR","FragmentTimecode":152148,"FragmentNumber":"9134","ErrorCode":"MAX_FRAGMENT_DURATION_REACHED","ErrorId":4002}"#
        ),
        (.error(.invalidMKVData, nil), #"{"EventType":"ERROR","ErrorCode":"INVALID_MKV_DATA","ErrorId":4006}"#),
    ]

    @Test func `an acknowledgement is one line with the members in the order of the service`() {
        for (acknowledgement, text) in Self.rows {
            #expect(String(decoding: acknowledgement.line, as: UTF8.self) == text + "\n")
        }
    }

    /// Reference, PutMedia, "Response Elements".
    @Test func `the errors have the numbers and names of the reference`() {
        let table: [Int: String] = [
            4000: "STREAM_READ_ERROR", 4001: "MAX_FRAGMENT_SIZE_REACHED", 4002: "MAX_FRAGMENT_DURATION_REACHED",
            4003: "MAX_CONNECTION_DURATION_REACHED", 4004: "FRAGMENT_TIMECODE_LESSER_THAN_PREVIOUS", 4005: "MORE_THAN_ALLOWED_TRACKS_FOUND",
            4006: "INVALID_MKV_DATA", 4007: "INVALID_PRODUCER_TIMESTAMP", 4008: "STREAM_NOT_ACTIVE",
            4009: "FRAGMENT_METADATA_LIMIT_REACHED",
            4010: "TRACK_NUMBER_MISMATCH", 4011: "FRAMES_MISSING_FOR_TRACK", 4012: "INVALID_FRAGMENT_METADATA", 5000: "INTERNAL_ERROR",
            5001: "ARCHIVAL_ERROR",
        ]
        #expect(Dictionary(uniqueKeysWithValues: MediaError.allCases.map { ($0.rawValue, $0.code) }) == table)
    }
}
