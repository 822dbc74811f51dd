/// Sends a stream's media from a fragment on, and follows it.
public enum GetMedia: Operation {
    public struct Input: Sendable, NamesStream {
        public let startSelector: StartSelector
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {}

    public static let input = structure(
        "GetMediaInput", Input.init,
        required("StartSelector", StartSelector.shape, \.startSelector, "Where reading begins."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = nil

    public static let contract = OperationContract(
        of: Self.self, .media, .post("/getMedia"), answer: .stream, .reads, area: .media, needs: .notDeleting,
        rate: RequestRate(perResource: 5),
        summary: "Read a stream's media, and follow it",
        documentation: """
            Sends fragments in the order of their numbers, each as a Matroska document of its own: the producer's header; a Tags element with \
            AWS_KINESISVIDEO_FRAGMENT_NUMBER, AWS_KINESISVIDEO_SERVER_TIMESTAMP and AWS_KINESISVIDEO_PRODUCER_TIMESTAMP; the cluster as the \
            producer sent it; the producer's tags; and a Tags element with AWS_KINESISVIDEO_MILLIS_BEHIND_NOW and \
            AWS_KINESISVIDEO_CONTINUATION_TOKEN. Frames of the fragment that is being received are sent as they come. The answer ends when \
            nothing was to be sent for a while (three seconds unless configured otherwise); a token goes on after the fragment that it stands \
            behind. What fails after the answer has begun is told in a Tags element with AWS_KINESISVIDEO_ERROR_CODE and \
            AWS_KINESISVIDEO_ERROR_ID (3002, 4000, 5000), and ends it. A StartSelector without what its type needs is an \
            InvalidArgumentException.
            """,
        errors: [
            .clientLimitExceeded, .connectionLimitExceeded, .invalidArgument, .invalidEndpoint, .notAuthorized, .resourceNotFound,
        ],
        exampleRequest: #"{"StartSelector":{"StartSelectorType":"NOW"},"StreamName":"gate-7"}"#)
}
