/// How images are made from the media of a stream.
public struct ImageGenerationConfiguration: JSONDocument {
    public let destinationConfig: ImageGenerationDestinationConfig
    public let format: Format
    /// Parameters of the format; the keys are raw values of `FormatConfigKey`.
    public let formatConfig: [MapEntry<String>]?
    public let heightPixels: Int?
    public let imageSelectorType: ImageSelectorType
    public let samplingInterval: Int
    public let status: ConfigurationStatus
    public let widthPixels: Int?

    public init(
        destinationConfig: ImageGenerationDestinationConfig, format: Format, formatConfig: [MapEntry<String>]?, heightPixels: Int?,
        imageSelectorType: ImageSelectorType, samplingInterval: Int, status: ConfigurationStatus, widthPixels: Int?
    ) {
        self.destinationConfig = destinationConfig
        self.format = format
        self.formatConfig = formatConfig
        self.heightPixels = heightPixels
        self.imageSelectorType = imageSelectorType
        self.samplingInterval = samplingInterval
        self.status = status
        self.widthPixels = widthPixels
    }

    public static let shape = structure(
        "ImageGenerationConfiguration", Self.init,
        required("DestinationConfig", ImageGenerationDestinationConfig.shape, \.destinationConfig, "Where the images go."),
        required("Format", .enumeration(Format.self), \.format, "The format of the images."),
        optional(
            "FormatConfig", .map(.rawValue(of: FormatConfigKey.self), .formatConfigValue, count: 1...1), \.formatConfig,
            "Parameters of the format. JPEGQuality is a whole number from 1 (smallest file) to 100 (best picture); absent: 80."),
        optional(
            "HeightPixels", .integer(minimum: 1, maximum: 2160), \.heightPixels,
            "The height of the images. Given alone, the width follows from it; with neither, images have the size of the video."),
        required(
            "ImageSelectorType", .enumeration(ImageSelectorType.self), \.imageSelectorType,
            "Whether the server's or the producer's clock tells when an image is due."),
        required("SamplingInterval", .integer(), \.samplingInterval, "Milliseconds from one image to the next: at least 200."),
        required("Status", .enumeration(ConfigurationStatus.self), \.status, "Whether images are made."),
        optional(
            "WidthPixels", .integer(minimum: 1, maximum: 3840), \.widthPixels,
            "The width of the images. Given alone, the height follows from it; given both, images are stretched to fit."))
}
