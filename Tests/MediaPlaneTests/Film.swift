import Matroska

/// Writes what producers send.
struct Film {
    /// Video, and as many tracks with sound as wanted.
    static func tracks(_ count: Int) -> [Track] {
        (1...max(count, 1)).prefix(count).map { number in
            number == 1
                ? Track(
                    number: 1, uid: 1, kind: .video, codec: "V_MPEG4/ISO/AVC", codecPrivate: [1, 2, 3],
                    video: .init(width: 640, height: 480))
                : Track(
                    number: number, uid: UInt64(number), kind: .audio, codec: "A_AAC", codecPrivate: [4, 5],
                    audio: .init(samplingFrequency: 48_000, channels: 2))
        }
    }

    private var writer = Writer()

    /// EBML, Segment, Info and Tracks.
    init(tracks: Int = 1, timecodeScale: Int = 1_000_000) { self.init(Self.tracks(tracks), timecodeScale: timecodeScale) }

    /// A track of H.264 that players take: 320 by 240 pixels, as x264 describes them.
    static func playable(level: UInt8 = 0x0D) -> Film {
        let sets: [UInt8] = [
            0xFF, 0xE1, 0x00, 0x19, 0x67, 0x64, 0x00, 0x0D, 0xAC, 0xD9, 0x41, 0x41, 0xFB, 0x01, 0x10, 0x00, 0x00, 0x03, 0x00, 0x10, 0x00,
            0x00, 0x03, 0x03, 0x20, 0xF1, 0x42, 0x99, 0x60, 0x01, 0x00, 0x06, 0x68, 0xEB, 0xE3, 0xCB, 0x22, 0xC0, 0xFD, 0xF8, 0xF8, 0x00,
        ]
        return Film(
            [
                Track(
                    number: 1, uid: 1, kind: .video, codec: "V_MPEG4/ISO/AVC", codecPrivate: [1, 0x64, 0x00, level] + sets,
                    video: .init(width: 320, height: 240))
            ], timecodeScale: 1_000_000)
    }

    /// A cluster with a key frame and one that follows it after 40 ms, or with frames at other times, each a NAL unit with its length.
    mutating func pictures(_ timecode: Int, _ times: [Int16] = [0, 40]) {
        writer.cluster(timecode: timecode)
        for time in times {
            writer.simpleBlock(
                track: 1, relativeTime: time, isKey: time == 0, frame: [0, 0, 0, 2, time == 0 ? 0x65 : 0x41, 0x88])
        }
    }

    private init(_ tracks: [Track], timecodeScale: Int) {
        writer.ebml()
        writer.segment()
        writer.info(Info(timecodeScale: timecodeScale, title: "film", muxingApp: "test", writingApp: "test"))
        writer.tracks(tracks)
    }

    var bytes: [UInt8] { writer.bytes }

    /// A cluster with frames of so many bytes at these times after its timecode; the first is a key frame.
    mutating func cluster(_ timecode: Int, _ times: [Int16] = [0, 40, 80], track: Int = 1, size: Int = 100) {
        writer.cluster(timecode: timecode)
        for time in times { frame(time, track: track, isKey: time == times.first, size: size) }
    }

    mutating func frame(_ time: Int16, track: Int = 1, isKey: Bool = false, size: Int = 100) {
        writer.simpleBlock(
            track: track, relativeTime: time, isKey: isKey, frame: Array(repeating: UInt8(truncatingIfNeeded: time), count: size))
    }

    mutating func tags(_ tags: [(String, String)]) { writer.tags(tags.map { Matroska.Tag($0.0, $0.1) }) }

    mutating func endOfFragment() { tags([(Matroska.Tag.endOfFragment, "")]) }

    mutating func append(_ bytes: [UInt8]) { writer.append(bytes) }
}
