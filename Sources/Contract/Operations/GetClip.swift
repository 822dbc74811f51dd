/// Sends media that is kept as an MP4 file.
public enum GetClip: Operation {
    public struct Input: Sendable, NamesStream {
        public let clipFragmentSelector: ClipFragmentSelector
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {}

    public static let input = structure(
        "GetClipInput", Input.init,
        required("ClipFragmentSelector", ClipFragmentSelector.shape, \.clipFragmentSelector, "Which fragments the clip is of."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = nil

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/getClip"), answer: .stream, .reads, area: .archivedMedia, needs: .notDeleting,
        rate: RequestRate(perResource: 5),
        summary: "Download a clip",
        documentation: """
            Sends an MP4 file of the fragments that start within the range, the oldest first: its first video track in H.264 or H.265 and its \
            first audio track in AAC or G.711. The clip ends after the last whole fragment within 200 fragments and 100 MB. Fragments that do \
            not follow each other in time are joined without a gap; of fragments with the same producer timestamp the one with the larger \
            number is taken. The file is sent once all of its frames were looked at. A range that ends no later than it starts, is longer than \
            24 hours, or ends in the future by the server's clock is an InvalidArgumentException. A range without fragments is a \
            ResourceNotFoundException, a stream that keeps nothing a NoDataRetentionException. Codec private data that changes within the clip \
            is an InvalidCodecPrivateDataException, tracks that change an UnsupportedStreamMediaTypeException.
            """,
        errors: [
            .clientLimitExceeded, .invalidArgument, .invalidCodecPrivateData, .invalidMediaFrame, .missingCodecPrivateData,
            .noDataRetention, .notAuthorized, .resourceNotFound, .unsupportedStreamMediaType,
        ],
        exampleRequest: """
            {"ClipFragmentSelector":{"FragmentSelectorType":"SERVER_TIMESTAMP","TimestampRange":{"EndTimestamp":1705489896,\
            "StartTimestamp":1705489836}},"StreamName":"gate-7"}
            """)
}
