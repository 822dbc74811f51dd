/// Writes Matroska elements, one after the other.
package struct Writer: Sendable {
    /// The beginning of a Segment of unknown size.
    package static let segmentHead: [UInt8] = [0x18, 0x53, 0x80, 0x67, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]
    /// The beginning of a Cluster of unknown size.
    package static let clusterHead: [UInt8] = [0x1F, 0x43, 0xB6, 0x75, 0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]

    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// Returns what was written since the last time.
    package mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }

    /// Adds what is Matroska already.
    package mutating func append(_ bytes: some Sequence<UInt8>) { self.bytes.append(contentsOf: bytes) }

    /// The element EBML of a document that Matroska readers of version 2 understand.
    package mutating func ebml() {
        element(ElementID.ebml) { writer in
            writer.integer(0x4286, 1)
            writer.integer(0x42F7, 1)
            writer.integer(0x42F2, 4)
            writer.integer(0x42F3, 8)
            writer.text(0x4282, "matroska")
            writer.integer(0x4287, 2)
            writer.integer(0x4285, 2)
        }
    }

    package mutating func segment() { append(Self.segmentHead) }

    package mutating func info(_ info: Info) {
        element(ElementID.info) { writer in
            if let uid = info.segmentUID { writer.binary(0x73A4, uid) }
            writer.integer(0x2A_D7B1, UInt64(info.timecodeScale))
            if let title = info.title { writer.text(0x7BA9, title) }
            writer.text(0x4D80, info.muxingApp ?? "")
            writer.text(0x5741, info.writingApp ?? "")
        }
    }

    package mutating func tracks(_ tracks: [Track]) {
        element(ElementID.tracks) { writer in
            for track in tracks { writer.track(track) }
        }
    }

    private mutating func track(_ track: Track) {
        element(0xAE) { writer in
            writer.integer(0xD7, UInt64(track.number))
            writer.integer(0x73C5, track.uid ?? UInt64(track.number))
            writer.integer(0x83, track.kind.number)
            writer.integer(0x9C, 0)  // FlagLacing
            writer.text(0x22_B59C, track.language)
            if let name = track.name { writer.text(0x536E, name) }
            writer.text(0x86, track.codec)
            if let duration = track.defaultDuration { writer.integer(0x23_E383, UInt64(duration)) }
            if let delay = track.codecDelay { writer.integer(0x56AA, UInt64(delay)) }
            if let preRoll = track.seekPreRoll { writer.integer(0x56BB, UInt64(preRoll)) }
            if let video = track.video {
                writer.element(0xE0) { writer in
                    writer.integer(0xB0, UInt64(video.width))
                    writer.integer(0xBA, UInt64(video.height))
                    if let width = video.displayWidth { writer.integer(0x54B0, UInt64(width)) }
                    if let height = video.displayHeight { writer.integer(0x54BA, UInt64(height)) }
                }
            }
            if let audio = track.audio {
                writer.element(0xE1) { writer in
                    writer.float(0xB5, audio.samplingFrequency)
                    if let frequency = audio.outputSamplingFrequency { writer.float(0x78B5, frequency) }
                    writer.integer(0x9F, UInt64(audio.channels))
                    if let depth = audio.bitDepth { writer.integer(0x6264, UInt64(depth)) }
                }
            }
            if case .strippedHeader(let header) = track.encoding {
                writer.element(0x6D80) { writer in
                    writer.element(0x6240) { writer in
                        writer.element(0x5034) { writer in
                            writer.integer(0x4254, 3)
                            writer.binary(0x4255, header)
                        }
                    }
                }
            }
            if let codecPrivate = track.codecPrivate { writer.binary(0x63A2, codecPrivate) }
        }
    }

    /// One Tags element with one Tag that has no Targets, as the service writes them.
    package mutating func tags(_ tags: [Tag]) {
        element(ElementID.tags) { writer in
            writer.element(0x7373) { writer in
                for tag in tags {
                    writer.element(0x67C8) { writer in
                        writer.text(0x45A3, tag.name)
                        writer.text(0x4487, tag.value)
                    }
                }
            }
        }
    }

    /// The beginning of a Cluster of unknown size, up to its Position.
    package mutating func cluster(timecode: Int) {
        append(Self.clusterHead)
        integer(ElementID.timecode, UInt64(timecode))
        integer(ElementID.position, 0)
    }

    /// - Parameter relativeTime: To the cluster's timecode.
    package mutating func simpleBlock(
        track: Int, relativeTime: Int16, isKey: Bool, isInvisible: Bool = false, isDiscardable: Bool = false, frame: some Collection<UInt8>
    ) {
        let number = Self.size(track)
        head(ElementID.simpleBlock, size: number.count + 3 + frame.count)
        append(number)
        append([UInt8(truncatingIfNeeded: relativeTime >> 8), UInt8(truncatingIfNeeded: relativeTime)])
        append([(isKey ? 0x80 : 0) | (isInvisible ? 0x08 : 0) | (isDiscardable ? 0x01 : 0)])
        append(frame)
    }

    // MARK: Elements

    package mutating func element(_ id: UInt32, _ content: (inout Writer) -> Void) {
        var writer = Writer()
        content(&writer)
        binary(id, writer.bytes)
    }

    package mutating func binary(_ id: UInt32, _ content: some Collection<UInt8>) {
        head(id, size: content.count)
        append(content)
    }

    package mutating func text(_ id: UInt32, _ text: String) { binary(id, Array(text.utf8)) }

    package mutating func integer(_ id: UInt32, _ value: UInt64) {
        let length = max(1, 8 - value.leadingZeroBitCount / 8)
        binary(id, (0..<length).map { UInt8(truncatingIfNeeded: value >> UInt64(8 * (length - 1 - $0))) })
    }

    package mutating func float(_ id: UInt32, _ value: Double) {
        head(id, size: 8)
        append((0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> UInt64(8 * (7 - $0))) })
    }

    private mutating func head(_ id: UInt32, size: Int) {
        for shift in [24, 16, 8, 0] where id >> UInt32(shift) > 0 { bytes.append(UInt8(truncatingIfNeeded: id >> UInt32(shift))) }
        append(Self.size(size))
    }

    /// A size, or a track's number, in the fewest bytes that do not read as unknown. Less than 2^56 - 1.
    static func size(_ value: Int) -> [UInt8] {
        var length = 1
        while length < 8, value >= 1 << (7 * length) - 1 { length += 1 }
        let marked = UInt64(value) | 1 << UInt64(7 * length)
        return (0..<length).map { UInt8(truncatingIfNeeded: marked >> UInt64(8 * (length - 1 - $0))) }
    }
}

extension Track.Kind {
    /// TrackType.
    fileprivate var number: UInt64 {
        switch self {
        case .video: 1
        case .audio: 2
        case .other(let number): UInt64(number)
        }
    }
}
