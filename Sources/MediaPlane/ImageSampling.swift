import Contract
import FragmentStore
import Frames
import MediaFormats

/// The moments that images are asked for, and what the images are to be.
struct ImageSampling {
    let selector: FragmentSelectorType
    /// Milliseconds since the epoch; both belong to it.
    let range: ClosedRange<Int64>
    /// Milliseconds.
    let interval: Int64
    let style: ImageStyle

    /// Reference, GetImages.
    private static let longestRange: Int64 = 300_000
    private static let shortestInterval = 200
    private static let usualInterval = 3000

    init(_ input: GetImages.Input) throws(OperationError) {
        let (start, end) = (input.startTimestamp.milliseconds, input.endTimestamp.milliseconds)
        guard start <= end else { throw OperationError(.invalidArgument, "StartTimestamp is later than EndTimestamp.") }
        let (length, isTooLong) = end.subtractingReportingOverflow(start)
        guard !isTooLong, length <= Self.longestRange else {
            throw OperationError(.invalidArgument, "EndTimestamp is more than 300 seconds after StartTimestamp.")
        }
        let interval = input.samplingInterval ?? Self.usualInterval
        guard interval >= Self.shortestInterval else {
            throw OperationError(.invalidArgument, "SamplingInterval is \(interval) ms: it must be at least \(Self.shortestInterval).")
        }
        guard input.widthPixels == nil || input.heightPixels != nil else {
            throw OperationError(.validation, "WidthPixels is given without HeightPixels: give both, HeightPixels alone, or neither.")
        }
        selector = input.imageSelectorType
        range = start...end
        self.interval = Int64(interval)
        style = try ImageStyle(input.format, input.formatConfig, width: input.widthPixels, height: input.heightPixels)
    }

    /// Whose clock they are of.
    var source: TimestampSource { TimestampSource(selector) }

    var count: Int { Int((range.upperBound - range.lowerBound) / interval) + 1 }

    func moment(_ index: Int) -> Int64 { range.lowerBound + Int64(index) * interval }

    /// All that was asked for, for a token that is good for nothing else.
    var text: String { "\(selector.rawValue) \(range.lowerBound) \(range.upperBound) \(interval) \(style.text)" }
}

/// What images are to be.
struct ImageStyle: Sendable {
    let format: PictureRequest.Format
    let width: Int?
    let height: Int?

    /// Reference, FormatConfig.
    private static let usualQuality = 80

    init(_ format: Format, _ parameters: [MapEntry<String>]?, width: Int?, height: Int?) throws(OperationError) {
        var quality = Self.usualQuality
        for parameter in parameters ?? [] where parameter.key == FormatConfigKey.jpegQuality.rawValue {
            guard let given = Int(parameter.value), (1...100).contains(given) else {
                throw OperationError(
                    .invalidArgument, "FormatConfig.JPEGQuality is \(parameter.value): it must be a whole number from 1 to 100.")
            }
            quality = given
        }
        let made: PictureRequest.Format =
            switch format {
            case .jpeg: .jpeg(quality: quality)
            case .png: .png
            }
        self.init(made, width: width, height: height)
    }

    init(_ format: PictureRequest.Format, width: Int?, height: Int?) {
        self.format = format
        self.width = width
        self.height = height
    }

    fileprivate var text: String { "\(format) \(width ?? 0) \(height ?? 0)" }
}
