/// Whether the timecodes of fragments count from the epoch or from when the producer started.
public enum FragmentTimecodeType: String, Sendable, CaseIterable {
    case absolute = "ABSOLUTE"
    case relative = "RELATIVE"
}

/// Takes media, fragment by fragment, and acknowledges it as it comes.
public enum PutMedia: Operation {
    public struct Input: Sendable, NamesStream {
        public let fragmentTimecodeType: FragmentTimecodeType
        /// Decimal seconds since the epoch.
        public let producerStartTimestamp: String?
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {}

    public static let input = structure(
        "PutMediaInput", Input.init,
        header(
            "x-amzn-fragment-timecode-type",
            required(
                "FragmentTimecodeType", .enumeration(FragmentTimecodeType.self), \.fragmentTimecodeType,
                "Whether timecodes count from the epoch, or from ProducerStartTimestamp.")),
        header(
            "x-amzn-producer-start-timestamp",
            optional(
                "ProducerStartTimestamp", .string(1...32, .decimalSeconds), \.producerStartTimestamp,
                """
                When the producer started, in seconds since the epoch with nine decimals at most, cut to milliseconds. Only RELATIVE \
                timecodes count from it; without it they count from 0.
                """)),
        header("x-amzn-stream-arn", optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN)),
        header("x-amzn-stream-name", optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName)))

    public static let output: Shape<Output>? = nil

    public static let contract = OperationContract(
        of: Self.self, .media, .post("/putMedia"), payload: .stream, answer: .stream, .changes, area: .media, needs: .notDeleting,
        rate: RequestRate(perResource: 5),
        summary: "Send media to a stream",
        documentation: """
            Takes one Matroska segment, each cluster of which is a fragment, and answers at once; the answer goes on for as long as the body \
            does. It is a stream of JSON objects, one on a line, each in a chunk of its own: `{"EventType":"BUFFERING",\
            "FragmentTimecode":1700000000000,"FragmentNumber":"9134..."}` once a fragment begins, RECEIVED once all of it is there, PERSISTED \
            once it is on the disk and in the index (never with a retention of 0 hours), IDLE while nothing comes, and ERROR with ErrorCode and \
            ErrorId, after which the answer ends. FragmentTimecode is the timecode of the cluster as it was sent. A fragment ends with the next \
            cluster, with a tag AWS_KINESISVIDEO_END_OF_FRAGMENT, or with the body. A body that breaks off keeps every whole fragment. The \
            newest connection of a stream is its producer: an older one may finish the fragment that it is in, and its next is refused.
            """,
        errors: [
            .clientLimitExceeded, .connectionLimitExceeded, .invalidArgument, .invalidEndpoint, .notAuthorized, .resourceNotFound,
        ])
}
