/// A frame of a fragment.
public struct Frame: Equatable, Sendable {
    /// The number of its track.
    public var track: UInt64
    /// When it is shown, in nanoseconds after the fragment's start.
    public var time: Int64
    /// What the container says of it; frames that their codec shows to be key frames need no flag.
    public var isKey: Bool
    /// Where its bytes are in those of the fragment.
    public var bytes: Range<Int>

    public init(track: UInt64, time: Int64, isKey: Bool, bytes: Range<Int>) {
        self.track = track
        self.time = time
        self.isKey = isKey
        self.bytes = bytes
    }
}

extension Frame {
    /// The frame, as a key frame where its codec shows it to be one.
    ///
    /// - Throws: Where it is no frame of the track, or is not in `bytes`.
    public func checked(as track: Track, in bytes: [UInt8]) throws(UnplayableMedia) -> Frame {
        guard self.bytes.lowerBound >= 0, self.bytes.upperBound <= bytes.count, !self.bytes.isEmpty else {
            throw .invalidMediaFrame(track: track.number)
        }
        var frame = self
        try track.forEachUnit(in: bytes, self.bytes) { unit in
            if track.isKey(bytes[unit.lowerBound]) { frame.isKey = true }
        }
        return frame
    }
}

/// What a fragment holds: frames in the order in which they came, which is the order of decoding within a track.
public struct Fragment: Sendable {
    public var frames: [Frame]
    /// What the frames' ranges are of.
    public var bytes: [UInt8]

    public init(frames: [Frame], bytes: [UInt8]) {
        self.frames = frames
        self.bytes = bytes
    }
}

/// A frame with the times that players need, in ticks of its track's timescale.
public struct Sample: Equatable, Sendable {
    public var decodeTime: Int64
    /// From the decoding to the showing of it; may be negative.
    public var offset: Int32
    public var duration: UInt32
    /// Whether decoding can begin here.
    public var isSync: Bool
    public var bytes: Range<Int>

    public var presentationTime: Int64 { decodeTime + Int64(offset) }
}

/// A fragment's frames of the played tracks, each with its times on the timeline of a session or a clip.
///
/// Matroska gives the time at which a frame is shown, and no other. As fragments are whole, the n-th frame to be decoded takes the n-th
/// smallest of the fragment's times for its decoding, so that nothing has to be known of how an encoder orders pictures. Audio lies on
/// the grid of its frames, which the rounding to milliseconds in a container would otherwise tear open.
public struct TimedFragment: Sendable {
    public let video: [Sample]
    public let audio: [Sample]
    /// How long the fragment lasts, its last frame's duration included, in nanoseconds. Of its video, or of its audio where it has no video.
    public let length: Int64

    /// What a fragment may be at most: more frames, or frames further from its start in nanoseconds, no producer may send.
    static let mostFrames = 65_536
    static let longest: Int64 = 60_000_000_000
    /// Gaps and overlaps up to this many nanoseconds are those of clocks and rounding.
    static let tolerance: Int64 = 50_000_000
    /// How far a frame that is alone in its fragment may be from the next one to be shown until then, in nanoseconds: the longest fragment.
    static let longestFrame: Int64 = 20_000_000_000

    /// - Parameters:
    ///   - start: Where the fragment's start is on the timeline, in nanoseconds.
    ///   - next: Nanoseconds from this fragment's start to that of the one after it, where there is one.
    ///   - audioOrigin: A time on the timeline, in nanoseconds, at which a frame of audio starts: that of the first one in the session.
    public init(
        _ fragment: Fragment, of tracks: PlayedTracks, at start: Int64, next: Int64? = nil, audioOrigin: Int64 = 0
    ) throws(UnplayableMedia) {
        var checked: [Frame] = []
        checked.reserveCapacity(fragment.frames.count)
        for frame in fragment.frames {
            if let track = tracks[frame.track] { checked.append(try frame.checked(as: track, in: fragment.bytes)) }
        }
        try self.init(checked: checked, of: tracks, at: start, next: next, audioOrigin: audioOrigin)
    }

    /// The same of frames that were checked, whose bytes may be elsewhere.
    init(
        checked: [Frame], of tracks: PlayedTracks, at start: Int64, next: Int64? = nil, audioOrigin: Int64
    ) throws(UnplayableMedia) {
        func frames(of track: Track?) throws(UnplayableMedia) -> [Frame] {
            guard let track else { return [] }
            let frames = checked.filter { $0.track == track.number }
            guard frames.allSatisfy({ $0.time.magnitude <= Self.longest }), frames.count <= Self.mostFrames, start.magnitude < 1 << 62
            else { throw .invalidMediaFrame(track: track.number) }
            return frames
        }
        let (videoFrames, audioFrames) = (try frames(of: tracks.video), try frames(of: tracks.audio))
        let leads = !videoFrames.isEmpty || tracks.audio == nil
        length = Self.length(
            of: (leads ? videoFrames : audioFrames).map(\.time), next: next, usual: (leads ? tracks.video : tracks.audio)?.frameDuration)

        if let track = tracks.video {
            video = Self.video(videoFrames, of: track, at: start, end: start + length)
        } else {
            video = []
        }
        if let track = tracks.audio {
            audio = try Self.audio(audioFrames, of: track, at: start, origin: audioOrigin)
        } else {
            audio = []
        }
    }

    /// The last frame lasts until the next fragment if that comes when a frame is due, else as long as the others. A frame that is alone
    /// lasts until the next fragment, as streams of one frame a second have nothing else that says how long.
    private static func length(of times: [Int64], next: Int64?, usual: Int64?) -> Int64 {
        let times = times.sorted()
        guard let last = times.last else { return min(max(next ?? 0, 0), longestFrame) }
        let untilNext = next.flatMap { next in
            let (rest, overflows) = next.subtractingReportingOverflow(last)
            return overflows || rest <= 0 ? nil : rest
        }
        guard times.count > 1 else {
            if let untilNext, untilNext <= longestFrame { return last + untilNext }
            return last + (usual ?? 40_000_000)
        }
        let median = zip(times, times.dropFirst()).map { $1 - $0 }.sorted()[(times.count - 1) / 2]
        if let untilNext, (untilNext - median).magnitude <= tolerance { return last + untilNext }
        return last + median
    }

    private static func video(_ frames: [Frame], of track: Track, at start: Int64, end: Int64) -> [Sample] {
        let shown = frames.map { ticks(start + $0.time, track.timescale) }
        var decoded = shown.sorted()
        for index in decoded.indices.dropFirst() where decoded[index] <= decoded[index - 1] { decoded[index] = decoded[index - 1] + 1 }
        decoded.append(max(ticks(end, track.timescale), (decoded.last ?? 0) + 1))

        var samples: [Sample] = []
        samples.reserveCapacity(frames.count)
        for (index, frame) in frames.enumerated() {
            samples.append(
                Sample(
                    decodeTime: decoded[index], offset: Int32(shown[index] - decoded[index]),
                    duration: UInt32(decoded[index + 1] - decoded[index]), isSync: frame.isKey, bytes: frame.bytes))
        }
        return samples
    }

    private static func audio(_ frames: [Frame], of track: Track, at start: Int64, origin: Int64) throws(UnplayableMedia) -> [Sample] {
        let tolerance = ticks(tolerance, track.timescale)
        let origin = ticks(origin, track.timescale)
        var samples: [Sample] = []
        samples.reserveCapacity(frames.count)
        for frame in frames {
            let unit = try track.soundUnit
            let duration = try track.duration(ofFrame: frame.bytes.count)
            let (steps, rest) = (ticks(start + frame.time, track.timescale) - origin + unit / 2).quotientAndRemainder(dividingBy: unit)
            let snapped = origin + (rest < 0 ? steps - 1 : steps) * unit
            let expected = samples.last.map { $0.decodeTime + Int64($0.duration) } ?? snapped
            let time = snapped > expected + tolerance ? snapped : expected
            if let last = samples.indices.last { samples[last].duration = UInt32(time - samples[last].decodeTime) }
            samples.append(Sample(decodeTime: time, offset: 0, duration: duration, isSync: true, bytes: frame.bytes))
        }
        return samples
    }
}

/// Nanoseconds in ticks of a timescale, rounded.
func ticks(_ time: Int64, _ timescale: UInt32) -> Int64 {
    let product = Int128(time) * Int128(timescale)
    return Int64((product + (product < 0 ? -500_000_000 : 500_000_000)) / 1_000_000_000)
}

extension Track {
    /// Calls `body` with the range of each NAL unit of a frame, whose lengths must add up to the frame.
    func forEachUnit(in bytes: [UInt8], _ frame: Range<Int>, _ body: (Range<Int>) -> Void) throws(UnplayableMedia) {
        let lengthSize: Int
        switch codec {
        case .h264(let h264): lengthSize = h264.lengthSize
        case .h265(let h265): lengthSize = h265.lengthSize
        case .aac, .g711: return
        }
        var at = frame.lowerBound
        while at < frame.upperBound {
            guard frame.upperBound - at > lengthSize else { throw .invalidMediaFrame(track: number) }
            let length = bytes[at..<(at + lengthSize)].reduce(0) { $0 << 8 | Int($1) }
            at += lengthSize
            guard length > 0, length <= frame.upperBound - at else { throw .invalidMediaFrame(track: number) }
            body(at..<(at + length))
            at += length
        }
    }

    /// Whether a NAL unit of this header's first byte is part of a picture at which decoding can begin.
    func isKey(_ header: UInt8) -> Bool {
        switch codec {
        case .h264: header & 0x1F == 5
        case .h265: (16...21).contains(header >> 1 & 0x3F)
        case .aac, .g711: true
        }
    }

    /// What frames of audio start at multiples of, in ticks.
    fileprivate var soundUnit: Int64 {
        get throws(UnplayableMedia) {
            switch codec {
            case .aac(let aac): Int64(aac.samplesPerFrame)
            case .g711: 1
            case .h264, .h265: throw .unsupportedStreamMediaType
            }
        }
    }

    /// In ticks.
    fileprivate func duration(ofFrame size: Int) throws(UnplayableMedia) -> UInt32 {
        switch codec {
        case .aac(let aac) where size <= AAC.longestFrame: return aac.samplesPerFrame
        case .g711(let g711) where size % Int(g711.channels) == 0: return UInt32(size / Int(g711.channels))
        case .aac, .g711, .h264, .h265: throw .invalidMediaFrame(track: number)
        }
    }
}
