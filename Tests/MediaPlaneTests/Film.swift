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
    init(tracks: Int = 1, timecodeScale: Int = 1_000_000) {
        writer.ebml()
        writer.segment()
        writer.info(Info(timecodeScale: timecodeScale, title: "film", muxingApp: "test", writingApp: "test"))
        writer.tracks(Self.tracks(tracks))
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
