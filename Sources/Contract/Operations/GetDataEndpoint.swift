/// The operations of the data plane that an endpoint is asked for.
public enum APIName: String, Sendable, CaseIterable {
    case putMedia = "PUT_MEDIA"
    case getMedia = "GET_MEDIA"
    case listFragments = "LIST_FRAGMENTS"
    case getMediaForFragmentList = "GET_MEDIA_FOR_FRAGMENT_LIST"
    case getHLSStreamingSessionURL = "GET_HLS_STREAMING_SESSION_URL"
    case getDASHStreamingSessionURL = "GET_DASH_STREAMING_SESSION_URL"
    case getClip = "GET_CLIP"
    case getImages = "GET_IMAGES"
}

/// Answers where a stream's media is written to or read from.
public enum GetDataEndpoint: Operation {
    public struct Input: Sendable, NamesStream {
        public let apiName: APIName
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let dataEndpoint: String?

        public init(dataEndpoint: String?) { self.dataEndpoint = dataEndpoint }
    }

    public static let input = structure(
        "GetDataEndpointInput", Input.init,
        required("APIName", .enumeration(APIName.self), \.apiName, "The operation to be called at the endpoint."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "GetDataEndpointOutput", Output.init,
        optional(
            "DataEndpoint", .string(), \.dataEndpoint, "A URL without path or trailing slash; the caller appends the operation's path."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/getDataEndpoint"), .reads,
        area: .streams, needs: .notDeleting, rate: RequestRate(perAccount: 300, perResource: 5),
        summary: "Get the endpoint for a stream's media",
        documentation: """
            Answers the address that this deployment advertises for the kind of operation (media, or archived media), or the address at \
            which the caller reached it. PUT_MEDIA and GET_MEDIA are media, all others archived media.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .notAuthorized, .resourceNotFound],
        exampleRequest: #"{"APIName":"PUT_MEDIA","StreamName":"gate-7"}"#,
        exampleResponse: #"{"DataEndpoint":"https://media.example.com"}"#)
}
