/// Returns images of what a stream's video shows at moments of a range of time.
public enum GetImages: Operation {
    public struct Input: Sendable, NamesStream {
        public let endTimestamp: Timestamp
        public let format: Format
        /// Parameters of the format; the keys are raw values of `FormatConfigKey`.
        public let formatConfig: [MapEntry<String>]?
        public let heightPixels: Int?
        public let imageSelectorType: FragmentSelectorType
        public let maxResults: Int?
        public let nextToken: String?
        public let samplingInterval: Int?
        public let startTimestamp: Timestamp
        public let streamARN: String?
        public let streamName: String?
        public let widthPixels: Int?
    }

    public struct Output: Sendable {
        public let images: [Image]
        public let nextToken: String?

        public init(images: [Image], nextToken: String?) {
            self.images = images
            self.nextToken = nextToken
        }
    }

    public static let input = structure(
        "GetImagesInput", Input.init,
        required("EndTimestamp", .timestamp, \.endTimestamp, "The end of the range, at most 300 seconds after its start."),
        required("Format", .enumeration(Format.self), \.format, "The format of the images."),
        optional(
            "FormatConfig", .map(.rawValue(of: FormatConfigKey.self), .formatConfigValue, count: 1...1), \.formatConfig,
            "Parameters of the format. JPEGQuality is a whole number from 1 (smallest file) to 100 (best picture); absent: 80."),
        optional(
            "HeightPixels", .integer(minimum: 1, maximum: 2160), \.heightPixels,
            "The height of the images. Given alone, the width follows from it; with neither, images have the size of the video."),
        required(
            "ImageSelectorType", .enumeration(FragmentSelectorType.self), \.imageSelectorType,
            "Whether the range is by the server's or the producer's clock."),
        optional(
            "MaxResults", .long(minimum: 1, maximum: 100), \.maxResults,
            "How many images the page may have at most; no page has more than 25."),
        optional(
            "NextToken", .mediaNextToken, \.nextToken, "Where the page starts: the NextToken of the page before. Absent for the first page."
        ),
        optional(
            "SamplingInterval", .integer(), \.samplingInterval,
            "Milliseconds from one image to the next: at least 200; 3,000 unless given."),
        required("StartTimestamp", .timestamp, \.startTimestamp, "The start of the range: the first image is of this moment."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.mediaStreamARN),
        optional("StreamName", .resourceName, \.streamName, Text.mediaStreamName),
        optional(
            "WidthPixels", .integer(minimum: 1, maximum: 3840), \.widthPixels,
            "The width of the images, which are stretched to fit. It needs HeightPixels."))

    public static let output: Shape<Output>? = structure(
        "GetImagesOutput", Output.init,
        required("Images", .list(Image.shape), \.images, "The images of the page, in the order of their moments."),
        optional("NextToken", .mediaNextToken, \.nextToken, Text.nextTokenOut))

    public static let contract = OperationContract(
        of: Self.self, .archivedMedia, .post("/getImages"), .reads, area: .archivedMedia, needs: .notDeleting,
        rate: RequestRate(perResource: 5),
        summary: "Make images of stored video",
        documentation: """
            Makes images of the video of a stream: one of what is seen at StartTimestamp, and one after each SamplingInterval until \
            EndTimestamp. Only fragments that start within the range count. A moment that none of them covers has the error NO_MEDIA; one \
            whose media has no video, or none that can be decoded, MEDIA_ERROR. Video is H.264 or H.265. WidthPixels without HeightPixels is \
            a ValidationException; a range that ends before it starts or is longer than 300 seconds, and a SamplingInterval below 200, are an \
            InvalidArgumentException, and so is every call to a server without its companion weir-frames. A page may take seconds: it is sent \
            as its images are made.
            """,
        errors: [.clientLimitExceeded, .invalidArgument, .noDataRetention, .notAuthorized, .resourceNotFound],
        links: [
            Link(.getImages, named: "NextPage", ["NextToken": "$response.body#/NextToken"])
        ],
        exampleRequest: """
            {"EndTimestamp":1705489839,"Format":"JPEG","FormatConfig":{"JPEGQuality":"70"},"HeightPixels":360,\
            "ImageSelectorType":"SERVER_TIMESTAMP","SamplingInterval":3000,"StartTimestamp":1705489836,"StreamName":"gate-7"}
            """,
        exampleResponse: """
            {"Images":[{"ImageContent":"/9j/4AAQSkZJRg==","TimeStamp":1705489836},{"Error":"NO_MEDIA","TimeStamp":1705489839}]}
            """)
}
