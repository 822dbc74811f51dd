/// Sets how images are made from a stream's media.
public enum UpdateImageGenerationConfiguration: Operation {
    public struct Input: Sendable, NamesStream {
        public let imageGenerationConfiguration: ImageGenerationConfiguration?
        public let streamARN: String?
        public let streamName: String?
    }

    public static let input = structure(
        "UpdateImageGenerationConfigurationInput", Input.init,
        optional(
            "ImageGenerationConfiguration", ImageGenerationConfiguration.shape, \.imageGenerationConfiguration,
            "The new configuration; absent or null deletes the one there is."),
        optional("StreamARN", .resourceARN, \.streamARN, Text.streamARN),
        optional("StreamName", .resourceName, \.streamName, Text.streamName))

    public static let output: Shape<Void>? = nil

    public static let contract = OperationContract(
        of: Self.self, .controlPlane, .post("/updateImageGenerationConfiguration"), .changes,
        area: .images, needs: .active, rate: RequestRate(perAccount: 50, perResource: 5),
        summary: "Set a stream's image generation",
        documentation: """
            Sets, or deletes, the image generation configuration of a stream. A SamplingInterval below 200, a JPEGQuality that is not a \
            whole number from 1 to 100, and a DestinationRegion that is not the stream's own region are an InvalidArgumentException. \
            ENABLED on a stream whose retention is 0 is a NoDataRetentionException; DISABLED and the deletion need no retention. Neither \
            the stream's status nor its version changes.
            """,
        errors: [.accessDenied, .clientLimitExceeded, .invalidArgument, .noDataRetention, .resourceInUse, .resourceNotFound],
        exampleRequest: """
            {"ImageGenerationConfiguration":{"DestinationConfig":{"DestinationRegion":"us-east-1","Uri":"s3://gate-images"},\
            "Format":"JPEG","FormatConfig":{"JPEGQuality":"75"},"ImageSelectorType":"SERVER_TIMESTAMP","SamplingInterval":3000,\
            "Status":"ENABLED","WidthPixels":640},"StreamName":"gate-7"}
            """)
}
