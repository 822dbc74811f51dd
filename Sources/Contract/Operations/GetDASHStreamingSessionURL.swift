/// Returns an address at which players of MPEG-DASH find a stream's media.
public enum GetDASHStreamingSessionURL: Operation {
    public struct Input: Sendable, NamesStream {
        public let dashFragmentSelector: PlaybackFragmentSelector?
        public let displayFragmentNumber: Display?
        public let displayFragmentTimestamp: Display?
        public let expires: Int?
        public let maxManifestFragmentResults: Int?
        public let playbackMode: PlaybackMode?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let dashStreamingSessionURL: String?

        public init(dashStreamingSessionURL: String?) { self.dashStreamingSessionURL = dashStreamingSessionURL }
    }

    public static let input = structure(
        "GetDASHStreamingSessionURLInput", Input.init,
        optional(
            "DASHFragmentSelector", PlaybackFragmentSelector.shape("DASHFragmentSelector", range: "DASHTimestampRange"),
            \.dashFragmentSelector, "Which fragments; required with ON_DEMAND and LIVE_REPLAY."),
        optional(
            "DisplayFragmentNumber", .enumeration(Display.self), \.displayFragmentNumber,
            "Whether the manifest tells the numbers of fragments, as kvs:fn; NEVER unless given."),
        optional(
            "DisplayFragmentTimestamp", .enumeration(Display.self), \.displayFragmentTimestamp,
            "Whether the manifest tells when fragments start, as kvs:ts; NEVER unless given."),
        optional(
            "Expires", .integer(minimum: 300, maximum: 43_200), \.expires, "Seconds until the session ends; 300 unless given."),
        optional(
            "MaxManifestFragmentResults", .long(minimum: 1, maximum: 5000), \.maxManifestFragmentResults,
            "How many fragments the manifest has at most; 5 unless given, 1,000 with ON_DEMAND."),
        optional(
            "PlaybackMode", .enumeration(PlaybackMode.self), \.playbackMode,
            "What arrives, what arrived as if it did now, or what lies in a range; LIVE unless given."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = structure(
        "GetDASHStreamingSessionURLOutput", Output.init,
        optional(
            "DASHStreamingSessionURL", .string(), \.dashStreamingSessionURL,
            "The address of the manifest. Whoever has it sees the session's media until it expires: keep it as a secret."))

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/getDASHStreamingSessionURL"), .reads, area: .archivedMedia, needs: .notDeleting,
        rate: RequestRate(perResource: 25),
        summary: "Get an address for players of MPEG-DASH",
        documentation: """
            Returns the address of a manifest of MPEG-DASH with the stream's first video track in H.264 or H.265 and its first audio track in \
            AAC or G.711. The address holds a sealed token, as that of GetHLSStreamingSessionURL, and the modes are the same. Codec private \
            data that changes is an InvalidCodecPrivateDataException, tracks that change an UnsupportedStreamMediaTypeException.
            """,
        errors: [
            .clientLimitExceeded, .invalidArgument, .invalidCodecPrivateData, .missingCodecPrivateData, .noDataRetention, .notAuthorized,
            .resourceNotFound, .unsupportedStreamMediaType,
        ],
        exampleRequest: """
            {"PlaybackMode":"LIVE","StreamName":"gate-7"}
            """,
        exampleResponse: """
            {"DASHStreamingSessionURL":"https://media.example.com/dash/v1/getDASHManifest.mpd?SessionToken=c2VhbGVk"}
            """)
}
