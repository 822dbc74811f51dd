/// What a stream says of itself before its first cluster. All clusters that follow belong to it.
package struct TrackSet: Sendable, Equatable {
    package let info: Info
    /// In the order in which they stand.
    package let tracks: [Track]
    /// The elements EBML, Info and Tracks as they came, each with its identifier and size.
    package let ebml: [UInt8]
    package let infoElement: [UInt8]
    package let tracksElement: [UInt8]

    /// The three elements in one document, ready to be sent before a cluster: EBML, a Segment of unknown size, Info, Tracks.
    package var document: [UInt8] { ebml + Writer.segmentHead + infoElement + tracksElement }

    /// Reads `document` as it was stored.
    package init(reading document: Span<UInt8>) throws(Violation) {
        var parser = Parser(.stored)
        while let event = parser.next(in: document) {
            if case .violation(let violation) = event { throw violation }
        }
        guard let found = parser.trackSet else { throw Violation(offset: document.count, reason: .truncated) }
        self = found
    }

    package init(reading document: [UInt8]) throws(Violation) { try self.init(reading: document.span) }

    init(info: Info, tracks: [Track], ebml: [UInt8], infoElement: [UInt8], tracksElement: [UInt8]) {
        self.info = info
        self.tracks = tracks
        self.ebml = ebml
        self.infoElement = infoElement
        self.tracksElement = tracksElement
    }

    /// Returns the track of a block; nil where there is none.
    package func track(_ number: Int) -> Track? { tracks.first { $0.number == number } }
}

/// The element Info. Texts are without the NUL bytes that some producers fill them up with.
package struct Info: Sendable, Equatable {
    /// Nanoseconds for one unit of a timecode: 1 ... 10^9; 1,000,000 (milliseconds) where it is not said.
    package var timecodeScale: Int
    package var title: String?
    package var muxingApp: String?
    package var writingApp: String?
    package var segmentUID: [UInt8]?

    package init(
        timecodeScale: Int = 1_000_000, title: String? = nil, muxingApp: String? = nil, writingApp: String? = nil,
        segmentUID: [UInt8]? = nil
    ) {
        self.timecodeScale = timecodeScale
        self.title = title
        self.muxingApp = muxingApp
        self.writingApp = writingApp
        self.segmentUID = segmentUID
    }
}

/// A TrackEntry.
package struct Track: Sendable, Equatable {
    package var number: Int
    package var uid: UInt64?
    package var kind: Kind
    /// CodecID, for example `V_MPEG4/ISO/AVC`; empty where there is none.
    package var codec: String
    package var name: String?
    /// By ISO 639-2; `eng` where it is not said.
    package var language: String
    package var codecPrivate: [UInt8]?
    /// Nanoseconds for a frame.
    package var defaultDuration: Int?
    /// Nanoseconds that a decoder adds in front, and that a reader decodes before a seek's target (Opus).
    package var codecDelay: Int?
    package var seekPreRoll: Int?
    package var video: Video?
    package var audio: Audio?
    package var encoding: Encoding

    package enum Kind: Sendable, Equatable {
        case video, audio
        /// Any other TrackType: 17 is subtitles.
        case other(UInt8)
    }

    package struct Video: Sendable, Equatable {
        /// In pixels; 0 where it is not said.
        package var width: Int
        package var height: Int
        package var displayWidth: Int?
        package var displayHeight: Int?

        package init(width: Int, height: Int, displayWidth: Int? = nil, displayHeight: Int? = nil) {
            self.width = width
            self.height = height
            self.displayWidth = displayWidth
            self.displayHeight = displayHeight
        }
    }

    package struct Audio: Sendable, Equatable {
        /// In hertz; 8000 where it is not said. Finite and positive.
        package var samplingFrequency: Double
        package var outputSamplingFrequency: Double?
        package var channels: Int
        package var bitDepth: Int?

        package init(samplingFrequency: Double, outputSamplingFrequency: Double? = nil, channels: Int = 1, bitDepth: Int? = nil) {
            self.samplingFrequency = samplingFrequency
            self.outputSamplingFrequency = outputSamplingFrequency
            self.channels = channels
            self.bitDepth = bitDepth
        }
    }

    /// What was done to the frames (ContentEncodings) and has to be undone before they reach a decoder.
    package enum Encoding: Sendable, Equatable {
        case none
        /// Each frame lacks these bytes at its beginning, as mkvmerge writes some codecs.
        case strippedHeader([UInt8])
        /// Compressed or encrypted: frames are kept, and no muxer here can read them.
        case unsupported
    }

    package init(
        number: Int, uid: UInt64? = nil, kind: Kind, codec: String, name: String? = nil, language: String = "eng",
        codecPrivate: [UInt8]? = nil, defaultDuration: Int? = nil, codecDelay: Int? = nil, seekPreRoll: Int? = nil,
        video: Video? = nil, audio: Audio? = nil, encoding: Encoding = .none
    ) {
        self.number = number
        self.uid = uid
        self.kind = kind
        self.codec = codec
        self.name = name
        self.language = language
        self.codecPrivate = codecPrivate
        self.defaultDuration = defaultDuration
        self.codecDelay = codecDelay
        self.seekPreRoll = seekPreRoll
        self.video = video
        self.audio = audio
        self.encoding = encoding
    }
}
