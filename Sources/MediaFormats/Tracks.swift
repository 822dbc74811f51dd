/// A track as the header of a fragment describes it.
public struct TrackEntry: Hashable, Sendable {
    public enum Kind: Hashable, Sendable { case video, audio, other }

    public var number: UInt64
    public var kind: Kind
    /// As Matroska writes it, for example `A_AAC`.
    public var codecID: String
    /// Empty where there is none.
    public var codecPrivate: [UInt8]

    public init(number: UInt64, kind: Kind, codecID: String, codecPrivate: [UInt8]) {
        self.number = number
        self.kind = kind
        self.codecID = codecID
        self.codecPrivate = codecPrivate
    }
}

/// A track whose codec private data was understood.
public struct Track: Equatable, Sendable {
    enum Codec: Equatable, Sendable {
        case h264(H264)
        case h265(H265)
        case aac(AAC)
        case g711(G711)
    }

    public let number: UInt64
    let codec: Codec

    init(_ entry: TrackEntry) throws(UnplayableMedia) {
        number = entry.number
        let parse: ([UInt8]) throws(Malformed) -> Codec?
        switch (entry.kind, entry.codecID) {
        // Documentation of the service names the first, Matroska and producers the second.
        case (.video, "V_MPEG/ISO/AVC"), (.video, "V_MPEG4/ISO/AVC"):
            parse = { data throws(Malformed) in .h264(try H264(data)) }
        case (.video, "V_MPEGH/ISO/HEVC"):
            parse = { data throws(Malformed) in .h265(try H265(data)) }
        case (.audio, "A_AAC"):
            parse = { data throws(Malformed) in .aac(try AAC(data)) }
        case (.audio, "A_MS/ACM"):
            parse = { data throws(Malformed) in try G711(data).map { .g711($0) } }
        case (_, _):
            throw .unsupportedStreamMediaType
        }
        guard !entry.codecPrivate.isEmpty else { throw .missingCodecPrivateData(track: entry.number) }
        let codec: Codec?
        do { codec = try parse(entry.codecPrivate) } catch { throw .invalidCodecPrivateData(track: entry.number) }
        guard let codec else { throw .unsupportedStreamMediaType }
        self.codec = codec
    }

    /// Ticks a second of this track's times: 90,000 for video, the rate of samples for audio.
    public var timescale: UInt32 {
        switch codec {
        case .h264, .h265: 90_000
        case .aac(let aac): aac.rate
        case .g711(let g711): g711.rate
        }
    }

    /// As RFC 6381 writes it: what a playlist says in `CODECS`.
    public var codecs: String {
        switch codec {
        case .h264, .h265: video?.codecs ?? ""
        case .aac(let aac): aac.codecs
        case .g711(let g711): g711.law.rawValue
        }
    }

    /// Width and height in pixels; of audio, nothing.
    public var size: (width: Int, height: Int)? { video.map { (Int($0.width), Int($0.height)) } }

    /// Frames a second, where codec private data says so.
    public var frameRate: Double? {
        video?.frameDuration.map { Double($0.denominator) / Double($0.numerator) }
    }

    /// Samples a second and channels; of video, nothing.
    public var sound: (rate: UInt32, channels: Int)? {
        switch codec {
        case .h264, .h265: nil
        case .aac(let aac): (aac.rate, Int(aac.channels))
        case .g711(let g711): (g711.rate, Int(g711.channels))
        }
    }

    /// How long a frame lasts in nanoseconds, as far as codec private data tells.
    public var frameDuration: Int64? {
        switch codec {
        case .h264, .h265: video?.frameDuration.map { Int64($0.numerator) * 1_000_000_000 / Int64($0.denominator) }
        case .aac(let aac): Int64(aac.samplesPerFrame) * 1_000_000_000 / Int64(aac.rate)
        case .g711: nil
        }
    }

    /// The name of what describes the codec in MP4.
    var sampleEntry: String {
        switch codec {
        case .h264: "avc1"
        case .h265: "hvc1"
        case .aac: "mp4a"
        case .g711(let g711): g711.law.rawValue
        }
    }

    var video: VideoParameters? {
        switch codec {
        case .h264(let h264): h264.parameters
        case .h265(let h265): h265.parameters
        case .aac, .g711: nil
        }
    }
}

/// The tracks of a stream that are played: its first video track, its first audio track, or both. Fragments of one session, and of one
/// clip, must have equal ones, except where a session may change codec private data.
public struct PlayedTracks: Equatable, Sendable {
    public let video: Track?
    public let audio: Track?

    public init(_ entries: [TrackEntry]) throws(UnplayableMedia) {
        let (video, audio) = (entries.first { $0.kind == .video }, entries.first { $0.kind == .audio })
        guard video != nil || audio != nil else { throw .unsupportedStreamMediaType }
        self.video = if let video { try Track(video) } else { nil }
        self.audio = if let audio { try Track(audio) } else { nil }
    }

    /// HLS has no place for G.711.
    public func requireHLS() throws(UnplayableMedia) {
        if case .g711 = audio?.codec { throw .unsupportedStreamMediaType }
    }

    public subscript(_ number: UInt64) -> Track? {
        if let video, video.number == number { video } else if let audio, audio.number == number { audio } else { nil }
    }

    /// Whether a session can go on with these after `others`: the same tracks of the same codecs, whatever their private data.
    public func isOfSameKind(as others: PlayedTracks) -> Bool {
        video?.number == others.video?.number && video?.sampleEntry == others.video?.sampleEntry
            && audio?.number == others.audio?.number && audio?.sampleEntry == others.audio?.sampleEntry
    }
}
