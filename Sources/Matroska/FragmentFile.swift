/// A Matroska file of fragments that were stored, with what a player needs to seek in it: sizes, a duration and Cues.
///
/// What it returns is written one after the other. `head` comes first, and once more over itself in the end, when all is known; it is always as long.
package struct FragmentFile: Sendable {
    private let tracks: TrackSet
    private let date: Int64
    /// Bytes behind the head of the Segment.
    private var length = 0
    private var duration = 0
    private var cues: [(time: Int, position: Int)] = []
    private var cuesPosition = 0

    /// A file of fragments with these tracks. - Parameter date: When it begins, in milliseconds since the epoch.
    package init(_ tracks: TrackSet, date: Int64) {
        self.tracks = tracks
        self.date = date
        length = head.count - segmentOffset
    }

    /// EBML, the head of the Segment, SeekHead, Info and Tracks.
    package var head: [UInt8] {
        var content = Writer()
        content.element(ElementID.seekHead) { writer in
            writer.element(0x4DBB) { writer in
                writer.binary(0x53AB, [0x1C, 0x53, 0xBB, 0x6B])
                writer.binary(0x53AC, Self.bytes(cuesPosition))
            }
        }
        content.element(ElementID.info) { writer in
            if let uid = tracks.info.segmentUID { writer.binary(0x73A4, uid) }
            writer.integer(0x2A_D7B1, UInt64(tracks.info.timecodeScale))
            writer.float(0x4489, Double(duration))
            writer.binary(0x4461, Self.bytes(Int((date - Self.year2001) * 1_000_000)))
            if let title = tracks.info.title { writer.text(0x7BA9, title) }
            writer.text(0x4D80, "Weir")
            writer.text(0x5741, tracks.info.writingApp ?? "")
        }
        var size = Self.bytes(length)
        size[0] = 0x01
        return tracks.ebml + [0x18, 0x53, 0x80, 0x67] + size + content.bytes + tracks.tracksElement
    }

    private var segmentOffset: Int { tracks.ebml.count + Writer.segmentHead.count }

    /// DateUTC counts from there, in milliseconds since the epoch.
    private static let year2001: Int64 = 978_307_200_000

    private static func bytes(_ value: Int) -> [UInt8] { (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * (7 - $0))) } }

    /// Returns a fragment as it is written, a Cluster of a known size and the Tags after it. Its frames are as they came.
    ///
    /// - Parameter fragment: A Cluster and Tags, as they are stored.
    /// - Parameter time: Of the Cluster from the file's beginning, in milliseconds.
    package mutating func add(_ fragment: [UInt8], at time: Int64) throws(Violation) -> [UInt8] {
        var parser = Parser(fragmentsBehind: .stored)
        let timecode = max(0, Int(time * 1_000_000) / tracks.info.timecodeScale)
        var stored = 0
        var content = Writer()
        var tags: [UInt8] = []
        var startsWithKeyFrame: Bool?
        content.integer(ElementID.timecode, UInt64(timecode))
        while let event = parser.next(in: fragment.span) {
            switch event {
            case .fragmentStart(let start): stored = start.timecode
            case .block(let block):
                duration = max(duration, timecode + block.time - stored + (block.duration ?? 0))
                if block.track == cueTrack { startsWithKeyFrame = startsWithKeyFrame ?? block.isKey }
            case .bytes(let held, let range):
                content.append(held)
                content.append(fragment[range])
            case .tags(let found): tags += found.bytes
            case .violation(let violation): throw violation
            case .header, .fragmentEnd, .end: continue
            }
        }
        if startsWithKeyFrame == true { cues.append((timecode, length)) }
        var writer = Writer()
        writer.binary(ElementID.cluster, content.bytes)
        writer.append(tags)
        length += writer.bytes.count
        return writer.bytes
    }

    private var cueTrack: Int { (tracks.tracks.first { $0.kind == .video } ?? tracks.tracks.first)?.number ?? 1 }

    /// Returns the file's end. Nothing is added behind it.
    package mutating func end() -> [UInt8] {
        cuesPosition = length
        var writer = Writer()
        writer.element(ElementID.cues) { writer in
            for cue in cues {
                writer.element(0xBB) { writer in
                    writer.integer(0xB3, UInt64(cue.time))
                    writer.element(0xB7) { writer in
                        writer.integer(0xF7, UInt64(cueTrack))
                        writer.integer(0xF1, UInt64(cue.position))
                    }
                }
            }
        }
        length += writer.bytes.count
        return writer.bytes
    }
}
