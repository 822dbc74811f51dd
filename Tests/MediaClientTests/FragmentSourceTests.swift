import Foundation
import Testing

@testable import Matroska
@testable import MediaClient

/// Files of the muxers that people use, from their bytes to what is sent: `Tests/Vectors/matroska`.
@Suite struct FragmentSourceTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(
        path: "Vectors/matroska")
    private static let start = 1_700_000_000_000

    private func fragments(_ bytes: [UInt8], isLive: Bool = false, pieces: Int = 1000) throws -> [Fragment] {
        let settings = MediaProducer.Settings(
            stream: "s", isLive: isLive, start: Date(timeIntervalSince1970: Double(Self.start) / 1000), isRealtime: false)
        var source = FragmentSource(settings)
        var fragments: [Fragment] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            fragments += try source.read(Array(rest.prefix(pieces)))
            rest = rest.dropFirst(pieces)
        }
        return fragments + (try source.finish())
    }

    private func file(_ name: String) throws -> [UInt8] { Array(try Data(contentsOf: Self.folder.appending(path: name))) }

    @Test(arguments: ["ffmpeg.mkv", "ffmpeg-live.webm", "gstreamer.mkv", "mkvmerge-laced.mkv", "mkvmerge-stripped.mkv"])
    func `what is sent holds every frame, under the rules of the service`(_ name: String) throws {
        let bytes = try file(name)
        let sent = try fragments(bytes)
        #expect(try sent == fragments(bytes, pieces: 1) && sent == fragments(bytes, pieces: .max))
        var last = -1
        var found: [String] = []
        for fragment in sent {
            let trackSet = try TrackSet(reading: fragment.header)
            #expect(trackSet.info.timecodeScale == 1_000_000 && trackSet.tracks.allSatisfy { $0.encoding == .none })
            // The server's own parser takes it, finds its end, and stores it without the tag that ends it.
            var parser = Parser(.service)
            let body = fragment.header + fragment.bytes
            var stored: [UInt8] = []
            var events: [Event] = []
            while let event = parser.next(in: body.span) {
                events.append(event)
                if case .fragmentStart(let start) = event { stored = start.head }
                if case .bytes(let held, let range) = event { stored += Array(held) + body[range] }
            }
            #expect(events.last == .fragmentEnd(.endOfFragmentTag))
            let cluster = try Cluster(reading: stored)
            #expect(cluster.timecode == fragment.timecode && cluster.timecode == cluster.frames.map(\.time).min() && cluster.tags.isEmpty)
            #expect(Set(cluster.frames.map(\.track)) == Set(trackSet.tracks.map(\.number)))
            #expect(cluster.frames.map(\.time).min() ?? 0 > last)
            last = cluster.frames.map(\.time).max() ?? 0
            #expect(last == fragment.lastTime)
            for frame in cluster.frames { found.append("\(trackSet.track(frame.track)?.codec ?? "") \(Array(stored[frame.bytes]))") }
        }
        let expected = try frames(bytes)
        #expect(found.sorted() == expected.sorted())
        #expect(sent[0].timecode == Self.start)
    }

    /// All frames of a file as its tracks' decoders take them.
    private func frames(_ bytes: [UInt8]) throws -> [String] {
        var reader = FrameReader()
        var found: [SourceFrame] = []
        try reader.read(bytes) { found.append($0) }
        let trackSet = try #require(reader.trackSet)
        return found.map { "\(trackSet.track($0.track)?.codec ?? "") \($0.bytes)" }
    }

    @Test func `laced frames get times of their own, and stripped ones their beginning`() throws {
        var reader = FrameReader()
        var times: [Int] = []
        try reader.read(try file("mkvmerge-laced.mkv")) { if $0.track == 2 { times.append($0.time) } }
        #expect(times.prefix(10) == [0, 64, 128, 192, 256, 320, 384, 448, 512, 576])
        var beginnings: Set<[UInt8]> = []
        var stripped = FrameReader()
        try stripped.read(try file("mkvmerge-stripped.mkv")) { beginnings.insert(Array($0.bytes.prefix(3))) }
        #expect(beginnings == [[0, 0, 1]])
    }

    @Test func `the first frame of a live source is of now`() throws {
        let sent = try fragments(try file("ffmpeg.mkv"), isLive: true)
        // The file's first block is a picture of 64 ms, and its sound begins with 0.
        #expect(sent[0].timecode == Self.start - 64)
    }

    @Test func `a source that breaks off is sent up to there, and told`() throws {
        let bytes = Array(try file("ffmpeg.mkv").dropLast(2000))
        let settings = MediaProducer.Settings(
            stream: "s", isLive: false, start: Date(timeIntervalSince1970: Double(Self.start) / 1000))
        var source = FragmentSource(settings)
        var sent = try source.read(bytes)
        let fault = #expect(throws: SourceFault.self) { try source.finish() }
        #expect(fault?.description.contains("breaks off") == true)
        sent += source.rest()
        let whole = try fragments(try file("ffmpeg.mkv"))
        #expect(!sent.isEmpty && sent.count <= whole.count && sent.map(\.timecode) == whole.prefix(sent.count).map(\.timecode))
    }

    @Test func `what is no Matroska is told`() {
        let fault = #expect(throws: SourceFault.self) { try fragments(Array("RIFF....AVI ".utf8)) }
        #expect(fault?.description.contains("ffmpeg -i FILE -c copy -f matroska -") == true)
        #expect(throws: SourceFault.self) { try fragments([]) }
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.info(Info())
        writer.tracks([Track(number: 1, kind: .other(17), codec: "S_TEXT/UTF8")])
        writer.cluster(timecode: 0)
        writer.simpleBlock(track: 1, relativeTime: 0, isKey: true, frame: [1])
        #expect(throws: SourceFault.self) { try fragments(writer.bytes) }
    }
}
