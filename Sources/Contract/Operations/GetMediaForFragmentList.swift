/// Sends the media of fragments that are kept.
public enum GetMediaForFragmentList: Operation {
    public struct Input: Sendable, NamesStream {
        public let fragments: [String]
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {}

    public static let input = structure(
        "GetMediaForFragmentListInput", Input.init,
        required(
            "Fragments", .list(.fragmentNumber, count: 1...1000), \.fragments, "The numbers of the fragments, in the order that is wanted."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName))

    public static let output: Shape<Output>? = nil

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/getMediaForFragmentList"), answer: .stream, .reads, area: .archivedMedia,
        needs: .notDeleting, rate: RequestRate(perResource: 5),
        summary: "Read the media of fragments",
        documentation: """
            Sends the fragments that are named, in that order, each as a Matroska document of its own: the producer's header; a Tags element \
            with AWS_KINESISVIDEO_FRAGMENT_NUMBER and the times of server and producer, as AWS_KINESISVIDEO_SERVER_TIMESTAMP and \
            AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP, and the same for PRODUCER; the cluster as the producer sent it; and the producer's tags. A \
            number that names no fragment that the stream keeps is an InvalidArgumentException, and so is any where the stream keeps nothing. \
            A fragment that is lost after the answer has begun ends it with a Tags element with its number, \
            AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE and AWS_KINESISVIDEO_EXCEPTION_MESSAGE.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceNotFound],
        exampleRequest: #"{"Fragments":["91343852333181432412489103236310005892133364608"],"StreamName":"gate-7"}"#)
}
