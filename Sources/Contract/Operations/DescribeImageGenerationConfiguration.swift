/// Describes how images are made from a stream's media.
public enum DescribeImageGenerationConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let streamARN: String?
        public let streamName: String?
    }

    public struct Output: Sendable {
        public let imageGenerationConfiguration: ImageGenerationConfiguration?

        public init(imageGenerationConfiguration: ImageGenerationConfiguration?) {
            self.imageGenerationConfiguration = imageGenerationConfiguration
        }
    }

    public static let input = structure(
        "DescribeImageGenerationConfigurationInput", Input.init,
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Output>? = structure(
        "DescribeImageGenerationConfigurationOutput", Output.init,
        optional(
            "ImageGenerationConfiguration", ImageGenerationConfiguration.shape, \.imageGenerationConfiguration,
            "The configuration; absent where the stream has none."))

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/describeImageGenerationConfiguration"), .reads,
        area: .images, needs: .any, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Describe a stream's image generation",
        documentation: """
            Answers the image generation configuration of a stream; `{}` where it has none.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .resourceNotFound],
        exampleRequest: #"{"StreamName":"gate-7"}"#,
        exampleResponse: """
            {"ImageGenerationConfiguration":{"DestinationConfig":{"DestinationRegion":"us-east-1","Uri":"s3://gate-images"},\
            "Format":"JPEG","FormatConfig":{"JPEGQuality":"75"},"ImageSelectorType":"SERVER_TIMESTAMP","SamplingInterval":3000,\
            "Status":"ENABLED","WidthPixels":640}}
            """)
}
