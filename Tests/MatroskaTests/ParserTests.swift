import Seeded
import Testing

@testable import Matroska

@Suite struct ParserTests {
    /// Two fragments in the shape of the official core in C: unknown sizes, blocks with sizes of eight bytes, tags after the cluster they belong to.
    static let twoFragments =
        Shape.header + Shape.cluster(1_700_000_000_000) + Shape.block() + Shape.block(40, flags: 0)
        + Shape.tags(Shape.simpleTag("a", "1")) + Shape.tags(Shape.simpleTag("b", "2")) + Shape.cluster(1_700_000_002_000)
        + Shape.block(0, [9])
        + Shape.endOfFragment

    @Test func `a stream of the official core is told as it came`() throws {
        let reading = Reading(Self.twoFragments)
        let trackSet = try #require(reading.trackSet)
        #expect(trackSet.info.timecodeScale == 1_000_000 && trackSet.info.title == "Weir" && trackSet.info.muxingApp == "test 1")
        #expect(trackSet.info.segmentUID == Array(repeating: 7, count: 16))
        #expect(trackSet.tracks == [Track(number: 1, uid: 1, kind: .video, codec: "V_MPEG4/ISO/AVC")])
        #expect(
            trackSet.ebml == Shape.ebml && trackSet.infoElement == Shape.info() && trackSet.tracksElement == Shape.tracks(Shape.track(1)))

        let first = Shape.cluster(1_700_000_000_000) + Shape.block() + Shape.block(40, flags: 0)
        let tags = Shape.tags(Shape.simpleTag("a", "1")) + Shape.tags(Shape.simpleTag("b", "2"))
        #expect(reading.fragments == [first + tags, Shape.cluster(1_700_000_002_000) + Shape.block(0, [9])])
        #expect(reading.starts.map(\.timecode) == [1_700_000_000_000, 1_700_000_002_000])
        #expect(reading.starts.map(\.offset) == [Shape.header.count, Shape.header.count + first.count + tags.count])
        #expect(reading.ends == [.nextCluster, .endOfFragmentTag])
        #expect(reading.tags == [[Tag("a", "1")], [Tag("b", "2")], [Tag("AWS_KINESISVIDEO_END_OF_FRAGMENT", "")]])
        #expect(reading.blocks.map(\.time) == [1_700_000_000_000, 1_700_000_000_040, 1_700_000_002_000])
        #expect(reading.blocks.map(\.isKey) == [true, false, true])
        #expect(reading.events.last == .end)
        let second = reading.blocks[1].payload
        #expect(Array(Self.twoFragments[second]) == [1, 2, 3])
    }

    /// Streams that have everything in them, for what must hold of all.
    static let streams: [[UInt8]] = [
        twoFragments,
        // Known sizes, groups, lacing, what is passed over, and everything that may stand between clusters.
        Shape.ebml + Shape.void(3)
            + Shape.element(
                [0x18, 0x53, 0x80, 0x67], Shape.void(5), Shape.info(), Shape.tags(Shape.simpleTag("first", "x")),
                Shape.tracks(Shape.track(1), Shape.track(2, kind: 2)),
                Shape.element(
                    [0x1F, 0x43, 0xB6, 0x75], [0xBF, 0x84, 1, 2, 3, 4], [0xE7, 0x81, 200], [0xAB, 0x81, 0],
                    Shape.group(-5, more: [0x9B, 0x81, 40], [0xFB, 0x81, 0xD8]),
                    Shape.block(7, track: 2, flags: 0x06, [2, 0x81, 0xC0, 5, 6, 7, 8]), Shape.void(2)),
                Shape.element([0x1C, 0x53, 0xBB, 0x6B], [1, 2, 3]),
                Shape.element([0x1F, 0x43, 0xB6, 0x75], sizeLength: 1, [0xE7, 0x81, 201], Shape.group(track: 2)),
                Shape.tags(Shape.simpleTag("nested", "1", more: Shape.simpleTag("inner", "2"))),
                Shape.element([0x11, 0x4D, 0x9B, 0x74], [4, 5])) + Shape.void(1),
        // A payload and a size that look like a cluster's identifier, and clusters one after the other.
        Shape.header + Shape.cluster(1) + Shape.block(0, [0x1F, 0x43, 0xB6, 0x75, 0xFF]) + [0x1F, 0x43, 0xB6, 0x75, 0xFF, 0xE7, 0x80]
            + Shape.cluster(3)
            + Shape.block() + Shape.endOfFragment + Shape.tags(Shape.simpleTag("of the next", "1")) + Shape.cluster(4) + Shape.block(),
        // An element in a cluster whose identifier begins as those that end one do.
        Shape.header + Shape.cluster(1) + Shape.element([0x1F, 0x43, 0xB6, 0x76], [1, 2, 3]) + Shape.block(),
        // Ends in the middle.
        Array(twoFragments.dropLast(7)),
    ]

    @Test(arguments: streams.indices)
    func `every cut in two gives the same events`(_ stream: Int) {
        let bytes = Self.streams[stream]
        let whole = Reading(bytes)
        for position in 1..<bytes.count {
            var isFirst = true
            let cut = Reading(bytes) {
                defer { isFirst = false }
                return isFirst ? position : .max
            }
            #expect(cut == whole, "cut at \(position)")
        }
    }

    @Test(arguments: streams.indices)
    func `pieces of every size give the same events`(_ stream: Int) {
        let bytes = Self.streams[stream]
        let whole = Reading(bytes)
        for size in 1...16 { #expect(Reading(bytes) { size } == whole, "pieces of \(size)") }
        var random = SeededGenerator(seed: 1)
        for _ in 0..<300 { #expect(Reading(bytes) { Int.random(in: 1...9, using: &random) } == whole) }
    }

    @Test func `known sizes, groups and lacing`() throws {
        let reading = Reading(Self.streams[1])
        #expect(reading.violation == nil)
        #expect(reading.blocks.map(\.time) == [195, 207, 201])
        #expect(reading.blocks.map(\.isKey) == [false, false, true])
        #expect(reading.blocks.map(\.duration) == [40, nil, nil])
        #expect(reading.blocks.map(\.lacing) == [.none, .ebml, .none] && reading.blocks.map(\.frames) == [1, 3, 1])
        #expect(reading.ends == [.nextCluster, .endOfSegment])
        #expect(reading.tags == [[Tag("first", "x")], [Tag("nested", "1"), Tag("inner", "2")]])
        let cluster = try Cluster(reading: reading.fragments[0])
        #expect(cluster.timecode == 200)
        #expect(cluster.frames.map { Array(reading.fragments[0][$0.bytes]) } == [[1, 2, 3], [5], [6, 7], [8]])
        #expect(cluster.frames.map(\.lace) == [0, 0, 1, 2])
        let last = try Cluster(reading: reading.fragments[1])
        #expect(last.tags == [Tag("nested", "1"), Tag("inner", "2")])
    }

    @Test func `a fragment is open until something ends it, and tags belong to it so long`() {
        let reading = Reading(Self.streams[2])
        #expect(reading.ends == [.nextCluster, .nextCluster, .endOfFragmentTag, .endOfBody])
        let told = reading.events.map { event in
            switch event {
            case .header: "header"
            case .fragmentStart: "start"
            case .block: "block"
            case .bytes: "bytes"
            case .tags: "tags"
            case .fragmentEnd: "end of fragment"
            case .end: "end"
            case .violation: "violation"
            }
        }
        #expect(
            told == [
                "header", "start", "block", "end of fragment", "start", "end of fragment", "start", "block", "tags", "end of fragment",
                "tags",
                "start", "block", "end of fragment", "end",
            ])
    }

    @Test func `the end of a fragment is told with the last byte of what ends it`() {
        var parser = Parser()
        var ends: [Int] = []
        for (position, byte) in Self.twoFragments.enumerated() {
            let piece = [byte]
            while let event = parser.next(in: piece.span) {
                if case .fragmentEnd = event { ends.append(position) }
            }
        }
        let first = Shape.header.count + Shape.cluster(0).count + 2 * Shape.block().count + 2 * Shape.tags(Shape.simpleTag("a", "1")).count
        #expect(ends == [first + 4, Self.twoFragments.count - 1])
    }

    @Test func `END_OF_FRAGMENT beside other tags is left out of what is stored`() {
        let mixed = Shape.tags(Shape.simpleTag("a", "1"), Shape.simpleTag(Tag.endOfFragment, ""), Shape.simpleTag("b", "2"))
        let reading = Reading(Shape.header + Shape.cluster(1) + Shape.block() + mixed)
        #expect(reading.ends == [.endOfFragmentTag])
        var stored = Writer()
        stored.tags([Tag("a", "1"), Tag("b", "2")])
        #expect(reading.fragments == [Shape.cluster(1) + Shape.block() + stored.bytes])
    }

    @Test func `without a fragment END_OF_FRAGMENT ends nothing`() {
        let reading = Reading(Shape.header + Shape.endOfFragment + Shape.cluster(1) + Shape.block())
        #expect(reading.ends == [.endOfBody] && reading.violation == nil)
    }

    @Test func `a body without bytes ends as it may, one without tracks does not`() {
        #expect(Reading([]).events == [.end])
        #expect(Reading(Shape.header).events.last == .end)
        #expect(Reading(Shape.ebml).reason == .truncated)
        #expect(Reading(Shape.ebml + Shape.segment + Shape.info()).reason == .truncated)
        #expect(Reading(Shape.ebml + [0x18, 0x53, 0x80, 0x67, 0x80]).reason == .truncated)
    }

    /// embedded-c fills its texts up with NUL and takes 16 bits of a block's time for unsigned.
    @Test func `texts end at NUL, and a time of 32768 reads as negative`() throws {
        let padded = "camera" + String(repeating: "\0", count: 10)
        let name = Shape.element([0x53, 0x6E], sizeLength: 1, Array(padded.utf8))
        let codec = Shape.element([0x86], sizeLength: 2, Array("V_MPEG4/ISO/AVC".utf8))
        let track = Shape.element(
            [0xAE], sizeLength: 4, [0xD7, 0x81, 1, 0x83, 0x81, 1], name, codec, [0xE0, 0x88, 0xB0, 0x82, 5, 0, 0xBA, 0x82, 2, 0xD0])
        let header = Shape.ebml + Shape.segment + Shape.info(title: padded) + Shape.tracks(track)
        let trackSet = try #require(Reading(header).trackSet)
        #expect(trackSet.info.title == "camera" && trackSet.tracks[0].name == "camera" && trackSet.tracks[0].codec == "V_MPEG4/ISO/AVC")
        #expect(trackSet.tracks[0].video == Track.Video(width: 1280, height: 720))
        let late = Shape.element([0xA3], [0x81, 0x80, 0x00, 0x80, 1])
        #expect(Reading(header + Shape.cluster(32768) + late).blocks.map(\.time) == [0])
        #expect(Reading(header + Shape.cluster(32767) + late).reason == .invalidTime)
    }

    @Test func `a stored document reads as the track set that it was`() throws {
        let trackSet = try #require(Reading(Self.streams[1]).trackSet)
        #expect(try TrackSet(reading: trackSet.document) == trackSet)
        #expect(throws: Violation.self) { try TrackSet(reading: Shape.ebml) }
    }

    @Test func `what is no stored fragment is refused`() {
        let fragment = Shape.cluster(1) + Shape.block()
        for damaged in [Array(fragment.dropLast()), fragment + fragment, Shape.block(), [], fragment + [0], Shape.header + fragment] {
            #expect(throws: Violation.self) { try Cluster(reading: damaged) }
        }
    }

    /// The frames of a fragment that comes in pieces, and how many bytes were held at most.
    private func frames(of fragment: [UInt8], inPiecesOf size: Int) throws -> (frames: [[UInt8]], heads: [[Int]], held: Int) {
        var reader = ClusterReader()
        var (frames, heads, held): ([[UInt8]], [[Int]], Int) = ([], [], 0)
        for start in stride(from: 0, to: fragment.count, by: size) {
            for frame in try reader.feed(fragment[start..<min(start + size, fragment.count)]) {
                frames.append(Array(reader.bytes[frame.bytes]))
                heads.append([frame.track, frame.time, frame.lace, frame.isKey ? 1 : 0, reader.timecode ?? -1])
            }
            held = max(held, reader.bytes.count)
        }
        try reader.finish()
        return (frames, heads, held)
    }

    @Test(arguments: streams.indices)
    func `a stored fragment has the same frames in pieces of every size`(_ stream: Int) throws {
        for fragment in Reading(Self.streams[stream]).fragments {
            let whole = try Cluster(reading: fragment)
            for size in 1...fragment.count {
                let read = try frames(of: fragment, inPiecesOf: size)
                #expect(read.frames == whole.frames.map { Array(fragment[$0.bytes]) })
                #expect(read.heads == whole.frames.map { [$0.track, $0.time, $0.lace, $0.isKey ? 1 : 0, whole.timecode] })
            }
        }
    }

    @Test func `of a stored fragment in pieces no more is held than one and a frame`() throws {
        let (piece, size) = (1 << 20, 1_000_000)
        var fragment = Shape.cluster(1)
        for number in 0..<25 as Range<UInt8> {
            fragment += [0xA3] + Shape.size(4 + size, length: 4) + [0x81, 0, number, 0x80]
            fragment += Array(repeating: number, count: size)
        }
        let read = try frames(of: fragment, inPiecesOf: piece)
        #expect(read.frames.count == 25 && read.frames.allSatisfy { $0.count == size })
        #expect(read.held < piece + size + 100)
    }

    @Test func `what is no stored fragment is refused in pieces too`() {
        let fragment = Shape.cluster(1) + Shape.block()
        for damaged in [Array(fragment.dropLast()), fragment + fragment, Shape.block(), fragment + [0], Shape.header + fragment] {
            for size in 1...damaged.count {
                #expect(throws: Violation.self) { try frames(of: damaged, inPiecesOf: size) }
            }
        }
        #expect(throws: Violation.self) { try frames(of: [], inPiecesOf: 1) }
    }

    @Test func `one document after the other, where that is allowed`() {
        let two =
            Shape.header + Shape.cluster(1) + Shape.block() + Shape.ebml + Shape.segment + Shape.info(scale: 1000)
            + Shape.tracks(Shape.track(2)) + Shape.cluster(2) + Shape.block(track: 2)
        #expect(Reading(two).reason == .unexpectedElement)
        for size in [Int.max, 1, 7] {
            let reading = Reading(two, .served) { size }
            #expect(reading.violation == nil && reading.ends == [.endOfSegment, .endOfBody])
            #expect(reading.fragments == [Shape.cluster(1) + Shape.block(), Shape.cluster(2) + Shape.block(track: 2)])
            let headers = reading.events.compactMap { if case .header(let trackSet) = $0 { trackSet.tracks[0].number } else { nil } }
            #expect(headers == [1, 2])
        }
        let known = Shape.ebml + Shape.element([0x18, 0x53, 0x80, 0x67], Shape.info(), Shape.tracks(Shape.track(1)))
        #expect(Reading(known + known, .served).events.last == .end && Reading(known + known).reason == .unexpectedElement)
    }

    @Test func `after a violation nothing is told`() {
        var parser = Parser()
        let bytes = [UInt8](repeating: 0, count: 20)
        guard case .violation = parser.next(in: bytes.span) else {
            Issue.record("no violation")
            return
        }
        #expect(parser.next(in: bytes.span) == nil && parser.next(in: Self.twoFragments.span) == nil && parser.finish() == [])
    }
}
