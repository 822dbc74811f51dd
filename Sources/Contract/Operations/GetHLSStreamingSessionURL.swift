/// Returns an address at which players of HTTP Live Streaming find a stream's media.
public enum GetHLSStreamingSessionURL: Operation {
    public enum ContainerFormat: String, Sendable, CaseIterable {
        case fragmentedMP4 = "FRAGMENTED_MP4"
        case transportStream = "MPEG_TS"
    }

    public enum DiscontinuityMode: String, Sendable, CaseIterable {
        case always = "ALWAYS"
        case never = "NEVER"
        case onDiscontinuity = "ON_DISCONTINUITY"
    }

    public struct Input: Sendable, NamesStream {
        public let containerFormat: ContainerFormat?
        public let discontinuityMode: DiscontinuityMode?
        public let displayFragmentTimestamp: Display?
        public let expires: Int?
        public let hlsFragmentSelector: PlaybackFragmentSelector?
        public let maxMediaPlaylistFragmentResults: Int?
        public let playbackMode: PlaybackMode?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let hlsStreamingSessionURL: String?

        public init(hlsStreamingSessionURL: String?) { self.hlsStreamingSessionURL = hlsStreamingSessionURL }
    }

    public static let input = structure(
        "GetHLSStreamingSessionURLInput", Input.init,
        optional(
            "ContainerFormat", .enumeration(ContainerFormat.self), \.containerFormat,
            "What fragments are sent as; FRAGMENTED_MP4 unless given."),
        optional(
            "DiscontinuityMode", .enumeration(DiscontinuityMode.self), \.discontinuityMode,
            "Before which fragments players begin their timeline anew: all, none, or those that are more than 50 ms away from the one before. "
                + "ALWAYS with SERVER_TIMESTAMP and NEVER with PRODUCER_TIMESTAMP unless given."),
        optional(
            "DisplayFragmentTimestamp", .enumeration(Display.self), \.displayFragmentTimestamp,
            "Whether playlists tell when fragments start; NEVER unless given."),
        optional(
            "Expires", .integer(minimum: 300, maximum: 43_200), \.expires, "Seconds until the session ends; 300 unless given."),
        optional(
            "HLSFragmentSelector", PlaybackFragmentSelector.shape("HLSFragmentSelector", range: "HLSTimestampRange"),
            \.hlsFragmentSelector, "Which fragments; required with ON_DEMAND and LIVE_REPLAY."),
        optional(
            "MaxMediaPlaylistFragmentResults", .long(minimum: 1, maximum: 5000), \.maxMediaPlaylistFragmentResults,
            "How many fragments a playlist has at most; 5 unless given, 1,000 with ON_DEMAND."),
        optional(
            "PlaybackMode", .enumeration(PlaybackMode.self), \.playbackMode,
            "What arrives, what arrived as if it did now, or what lies in a range; LIVE unless given."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = structure(
        "GetHLSStreamingSessionURLOutput", Output.init,
        optional(
            "HLSStreamingSessionURL", .string(), \.hlsStreamingSessionURL,
            "The address of the master playlist. Whoever has it sees the session's media until it expires: keep it as a secret."))

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/getHLSStreamingSessionURL"), .reads, area: .archivedMedia, needs: .notDeleting,
        rate: RequestRate(perResource: 25),
        summary: "Get an address for players of HLS",
        documentation: """
            Returns the address of a playlist of HTTP Live Streaming with the stream's first video track in H.264 or H.265 and its first audio \
            track in AAC. The address holds a sealed token and needs no signature; it is good until Expires is over, at every instance, and \
            leads to nothing but the fragments of the session. LIVE lists the newest fragments, and needs one of the last 30 seconds; \
            LIVE_REPLAY lists those of a range one after the other as their time passes; ON_DEMAND lists the oldest of a range. Of fragments \
            that start at the same time the one with the larger number is listed. Codec private data may change during a session, 500 times.
            """,
        errors: [
            .clientLimitExceeded, .invalidArgument, .invalidCodecPrivateData, .missingCodecPrivateData, .noDataRetention, .notAuthorized,
            .resourceNotFound, .unsupportedStreamMediaType,
        ],
        exampleRequest: """
            {"PlaybackMode":"LIVE","StreamName":"gate-7"}
            """,
        exampleResponse: """
            {"HLSStreamingSessionURL":"https://media.example.com/hls/v1/getHLSMasterPlaylist.m3u8?SessionToken=c2VhbGVk"}
            """)
}
