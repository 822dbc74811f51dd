import NIOCore

/// Frames of one track from a key frame on, and which of them are wanted as pictures.
public struct PictureRequest: Sendable {
    public enum Codec: UInt8, Sendable {
        case h264 = 1
        case h265 = 2

        /// By the codec's name in Matroska; nil where no pictures are made of it.
        public init?(matroska name: String) {
            switch name {
            // Documentation of the service names the first, Matroska and producers the second.
            case "V_MPEG/ISO/AVC", "V_MPEG4/ISO/AVC": self = .h264
            case "V_MPEGH/ISO/HEVC": self = .h265
            default: return nil
            }
        }
    }

    public enum Format: Sendable, Hashable {
        /// Of a quality from 1 to 100.
        case jpeg(quality: Int)
        case png
    }

    /// A frame, in the order of decoding.
    public struct Frame: Sendable {
        /// When it is shown, in nanoseconds from any zero.
        public var time: Int64
        /// Where its bytes are in `bytes`.
        public var bytes: Range<Int>

        public init(time: Int64, bytes: Range<Int>) {
            self.time = time
            self.bytes = bytes
        }
    }

    public var codec: Codec
    public var codecPrivate: [UInt8]
    public var frames: [Frame]
    public var bytes: [UInt8]
    /// Times of frames, rising.
    public var wanted: [Int64]
    public var format: Format
    /// In pixels. Where one is nil it follows from the other by the shape of the frame, where both are, from the frame.
    public var width: Int?
    public var height: Int?

    public init(
        _ codec: Codec, codecPrivate: [UInt8], frames: [Frame], bytes: [UInt8], wanted: [Int64], format: Format, width: Int? = nil,
        height: Int? = nil
    ) {
        self.codec = codec
        self.codecPrivate = codecPrivate
        self.frames = frames
        self.bytes = bytes
        self.wanted = wanted
        self.format = format
        self.width = width
        self.height = height
    }

    /// Bytes of a request that weir-frames reads: the largest fragment, and what stands around its frames.
    static let mostBytes = 64 << 20

    /// What goes to weir-frames before the first frame: its `main.c` has the form. Nil where the request is larger than it reads.
    var head: ByteBuffer? {
        let size = 24 + codecPrivate.count + 8 * wanted.count + frames.reduce(0) { $0 + 12 + $1.bytes.count }
        guard size <= Self.mostBytes else { return nil }
        var head = ByteBuffer()
        head.writeInteger(UInt32(size))
        let (format, quality): (UInt8, Int) =
            switch format {
            case .jpeg(let quality): (1, quality)
            case .png: (2, 1)
            }
        head.writeMultipleIntegers(codec.rawValue, format, UInt8(clamping: quality), UInt8(0))
        head.writeMultipleIntegers(UInt32(clamping: width ?? 0), UInt32(clamping: height ?? 0), UInt32(codecPrivate.count))
        head.writeBytes(codecPrivate)
        head.writeInteger(UInt32(wanted.count))
        for time in wanted { head.writeInteger(time) }
        head.writeInteger(UInt32(frames.count))
        return head
    }
}

/// Why there is no picture of a frame.
public enum PictureFailure: String, Error, Sendable, Hashable, CaseIterable {
    /// It, or what it refers to, is broken or missing.
    case notDecoded = "not-decoded"
    /// The picture, or what it is made of, is larger than anything that is made.
    case tooLarge = "too-large"
    case noMemory = "no-memory"
    /// The pictures before it in the request are many bytes: ask for it again, in another request.
    case later
    /// weir-frames ended while it made it.
    case ended
    /// weir-frames took too long.
    case late
    /// weir-frames cannot be started.
    case notStarted = "not-started"

    /// By the byte that weir-frames answers with; nil for a picture.
    init?(status: UInt8) {
        switch status {
        case 0: return nil
        case 1: self = .notDecoded
        case 2: self = .tooLarge
        case 3: self = .noMemory
        case 4: self = .later
        default: self = .ended
        }
    }
}
