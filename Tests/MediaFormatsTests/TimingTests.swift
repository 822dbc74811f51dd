import Seeded
import Testing

@testable import MediaFormats

@Suite struct TimingTests {
    private static let video: [GivenFrame] = [
        (1, 0, picture(5)), (1, 120, picture()), (1, 40, picture()), (1, 80, picture()),
    ]

    @Test func framesAreDecodedAtTheTimesInOrder() throws {
        let timed = try TimedFragment(fragment(Self.video), of: PlayedTracks([.h264]), at: 2_000_000_000)
        #expect(timed.video.map(\.decodeTime) == [180_000, 183_600, 187_200, 190_800])
        #expect(timed.video.map(\.offset) == [0, 7200, -3600, -3600])
        #expect(timed.video.map(\.duration) == [3600, 3600, 3600, 3600])
        #expect(timed.video.map(\.isSync) == [true, false, false, false])
        #expect(timed.length == 160_000_000)
    }

    @Test(
        arguments: [
            // The next fragment comes when a frame is due, early, late, too late, before this one ends, before it begins.
            (160, 160), (130, 130), (210, 210), (211, 160), (100, 160), (-5000, 160),
        ] as [(Int64, Int64)])
    func lastFrameLastsUntilTheNextFragmentIfThatFollows(next: Int64, length: Int64) throws {
        let timed = try TimedFragment(fragment(Self.video), of: PlayedTracks([.h264]), at: 0, next: next * 1_000_000)
        #expect(timed.length == length * 1_000_000)
        #expect(timed.video.last.map { $0.decodeTime + Int64($0.duration) } == length * 90)
    }

    @Test(arguments: [(1000, 1000), (19_000, 19_000), (21_000, 33), (nil, 33)] as [(Int64?, Int64)])
    func aFrameThatIsAloneLastsUntilTheNextFragment(next: Int64?, length: Int64) throws {
        let single = fragment([(1, 0, picture(5))])
        let timed = try TimedFragment(single, of: PlayedTracks([.h264]), at: 0, next: next.map { $0 * 1_000_000 })
        #expect(timed.length / 1_000_000 == length)
    }

    @Test func equalTimesAreDecodedOneAfterTheOther() throws {
        let fields = fragment([(1, 0, picture(5)), (1, 0, picture()), (1, 40, picture()), (1, 40, picture())])
        let timed = try TimedFragment(fields, of: PlayedTracks([.h264]), at: 0)
        #expect(timed.video.map(\.decodeTime) == [0, 1, 3600, 3601])
        #expect(timed.video.map(\.presentationTime) == [0, 0, 3600, 3600])
    }

    @Test func keyFramesAreKnownByTheirUnits() throws {
        // Only the first frame is flagged; the third says itself that it is one.
        let frames = fragment([(1, 0, picture()), (1, 40, picture()), (1, 80, [0, 0, 0, 2, 6, 0x80] + picture(5))])
        let timed = try TimedFragment(frames, of: PlayedTracks([.h264]), at: 0)
        #expect(timed.video.map(\.isSync) == [true, false, true])
    }

    /// Times in milliseconds of frames of 21 1/3 ms: each fragment alone finds its place on one grid.
    @Test func audioHasNoHolesBetweenFragments() throws {
        let tracks = try PlayedTracks([.aac])
        var expected: Int64 = 528  // 11 ms
        for number in 0..<50 {
            let frames = (0..<10).map { index -> GivenFrame in
                let exact = 11 + Double(number * 10 + index) * 64 / 3
                return (2, exact.rounded() - Double(number) * 213, [1, 2, 3])
            }
            let timed = try TimedFragment(
                fragment(frames), of: tracks, at: Int64(number) * 213_000_000, audioOrigin: 11_000_000)
            for sample in timed.audio {
                #expect(sample.decodeTime == expected)
                #expect(sample.duration == 1024)
                expected += 1024
            }
        }
    }

    @Test func audioThatWasLostLeavesAGap() throws {
        let frames = fragment([(2, 0, [1]), (2, 21, [1]), (2, 1000, [1]), (2, 1021, [1])])
        let timed = try TimedFragment(frames, of: PlayedTracks([.aac]), at: 0)
        #expect(timed.audio.map(\.decodeTime) == [0, 1024, 48_128, 49_152])
        #expect(timed.audio.map(\.duration) == [1024, 47_104, 1024, 1024])
    }

    @Test func g711LastsAsManyTicksAsItHasBytes() throws {
        let frames = fragment([(2, 0, Array(repeating: 0xD5, count: 160)), (2, 20, Array(repeating: 0xD5, count: 80))])
        let timed = try TimedFragment(frames, of: PlayedTracks([.aLaw]), at: 0)
        #expect(timed.audio.map(\.decodeTime) == [0, 160])
        #expect(timed.audio.map(\.duration) == [160, 80])
    }

    @Test func framesThatTheirCodecDoesNotExplainAreRefused() throws {
        let video = try PlayedTracks([.h264])
        let broken: [[UInt8]] = [
            [], [0, 0, 0, 5, 1, 2, 3, 4], [0, 0, 0, 2, 1, 2, 3], [0, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF, 1], [0, 0, 0, 1, 0x65, 0],
            [0, 0, 0, 1, 0x65],
        ]
        for content in broken.dropLast() {
            #expect(throws: UnplayableMedia.invalidMediaFrame(track: 1)) {
                try TimedFragment(fragment([(1, 0, content)]), of: video, at: 0)
            }
        }
        #expect(throws: Never.self) { try TimedFragment(fragment([(1, 0, broken[6])]), of: video, at: 0) }
        #expect(throws: UnplayableMedia.invalidMediaFrame(track: 2)) {
            try TimedFragment(fragment([(2, 0, Array(repeating: 0, count: 8185))]), of: PlayedTracks([.aac]), at: 0)
        }
        #expect(throws: UnplayableMedia.invalidMediaFrame(track: 1)) {
            try TimedFragment(fragment([(1, 61_000, picture(5))]), of: video, at: 0)
        }
        #expect(throws: UnplayableMedia.invalidMediaFrame(track: 1)) {
            var outside = fragment([(1, 0, picture(5))])
            outside.frames[0].bytes = 0..<outside.bytes.count + 1
            _ = try TimedFragment(outside, of: video, at: 0)
        }
        #expect(throws: UnplayableMedia.invalidMediaFrame(track: 1)) {
            let frame = Frame(track: 1, time: 0, isKey: true, bytes: 0..<5)
            let many = Fragment(frames: Array(repeating: frame, count: 65_537), bytes: [0, 0, 0, 1, 0x65])
            _ = try TimedFragment(many, of: video, at: 0)
        }
    }

    @Test func aTrackWithoutFramesAndOneThatIsNotPlayedAreNoFault() throws {
        let timed = try TimedFragment(fragment([(2, 0, [1]), (2, 21, [1]), (7, 0, [])]), of: PlayedTracks([.h264, .aac]), at: 0)
        #expect(timed.video.isEmpty)
        #expect(timed.audio.count == 2)
        #expect(timed.length == 42_000_000)
    }

    /// Frames with whatever times and bytes are written or refused.
    @Test func hostileFrames() throws {
        var numbers = SeededGenerator(seed: 2)
        let tracks = try PlayedTracks([.h264, .aac])
        for _ in 0..<60 {
            var clip = Clip(of: tracks)
            for number in 0..<3 {
                let frames = (0..<Int.random(in: 0...12, using: &numbers)).map { _ -> GivenFrame in
                    let content = Bool.random(using: &numbers) ? picture(UInt8.random(in: 1...9, using: &numbers)) : [0, 0, 0, 1, 0x41]
                    return (UInt64.random(in: 1...3, using: &numbers), Double.random(in: -60_000...60_000, using: &numbers), content)
                }
                let next = Int64.random(in: .min ... .max, using: &numbers) >> Int64.random(in: 0...40, using: &numbers)
                let fragment = fragment(frames)
                let timed = try TimedFragment(fragment, of: tracks, at: Int64(number) * 2_000_000_000, next: next)
                #expect(zip(timed.video, timed.video.dropFirst()).allSatisfy { $0.decodeTime + Int64($0.duration) == $1.decodeTime })
                #expect(zip(timed.audio, timed.audio.dropFirst()).allSatisfy { $0.decodeTime + Int64($0.duration) == $1.decodeTime })
                #expect(!segment(of: timed.video, in: fragment.bytes, sequence: 1).isEmpty)
                let stream = try TransportStream.segment(of: timed, tracks: tracks, in: fragment.bytes, sequence: 1)
                #expect(stream.count % 188 == 0)
                #expect(throws: Never.self) { try clip.append(fragment, start: next >> 4) }
            }
            #expect(!clip.beginning().isEmpty)
        }
    }

    /// As of a camera without a clock, which begins in 1970 and learns the time later.
    @Test func decadesBetweenFragmentsDoNotEndTheProgram() throws {
        let tracks = try PlayedTracks([.h264, TrackEntry(number: 2, kind: .audio, codecID: "A_AAC", codecPrivate: [0x10, 0x10])])
        let given = fragment([(1, 0, picture(5)), (2, 0, [1, 2, 3]), (2, 11, [1, 2, 3])])
        let start: Int64 = 140 * 365 * 86_400 * 1_000_000_000
        let timed = try TimedFragment(given, of: tracks, at: start)
        let stream = try TransportStream.segment(of: timed, tracks: tracks, in: given.bytes, sequence: 0)
        #expect(!stream.isEmpty && stream.count.isMultiple(of: 188))
    }
}
