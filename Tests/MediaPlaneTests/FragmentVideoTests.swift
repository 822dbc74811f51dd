import Frames
import Matroska
import Testing

@testable import MediaPlane

@Suite struct FragmentVideoTests {
    /// Frames in the order of decoding, as (milliseconds, whether a key frame), each of three bytes.
    private func video(
        _ frames: [(Int16, Bool)], encoding: Track.Encoding = .none, codec: String = "V_MPEG4/ISO/AVC"
    ) throws -> FragmentVideo? {
        var writer = Writer()
        writer.cluster(timecode: 5000)
        for (index, frame) in frames.enumerated() {
            writer.simpleBlock(track: 1, relativeTime: frame.0, isKey: frame.1, frame: Array(repeating: UInt8(index), count: 3))
        }
        var header = Writer()
        header.ebml()
        header.segment()
        header.info(Info(title: "film", muxingApp: "test", writingApp: "test"))
        header.tracks([Track(number: 1, uid: 1, kind: .video, codec: codec, codecPrivate: [9], encoding: encoding)])
        return FragmentVideo(try TrackSet(reading: header.bytes), writer.bytes)
    }

    private let style = ImageStyle(.png, width: nil, height: 90)

    /// The nanoseconds of milliseconds.
    private func nanoseconds(_ milliseconds: [Int64?]) -> [Int64?] { milliseconds.map { $0.map { $0 * 1_000_000 } } }

    @Test func `a moment shows the last frame before it`() throws {
        let video = try #require(try video([(0, true), (120, false), (40, false), (80, false)]))
        #expect(video.seen(at: [0, 39, 40, 41, 100, 120, 159], next: nil) == nanoseconds([0, 0, 40, 40, 80, 120, 120]))
        // A frame's duration after the last one nothing is seen.
        #expect(video.seen(at: [160, 10_000], next: nil) == [nil, nil])
    }

    @Test func `the last frame is shown until the next fragment, where that is no gap`() throws {
        let video = try #require(try video([(0, true), (40, false)]))
        #expect(video.seen(at: [500, 999, 1000], next: 1000) == nanoseconds([40, 40, nil]))
        #expect(video.seen(at: [79, 500], next: 5000) == nanoseconds([40, nil]))
        // One that comes earlier than this one ends does not cut it off.
        #expect(video.seen(at: [40], next: 20) == nanoseconds([40]))
    }

    @Test func `a frame that is alone is shown for a second`() throws {
        let video = try #require(try video([(20, true)]))
        #expect(video.seen(at: [0, 1019, 1020], next: nil) == nanoseconds([20, 20, nil]))
        #expect(video.seen(at: [Int64.max, Int64.min], next: nil) == [nil, nil])
    }

    @Test func `decoding begins at the key frame before what is wanted and ends with it`() throws {
        let video = try #require(try video([(0, true), (80, false), (40, false), (120, true), (200, false), (160, false), (240, false)]))
        let request = try #require(video.request(for: [160_000_000, 120_000_000, 160_000_000], style))
        #expect(request.wanted == [120_000_000, 160_000_000])
        #expect(request.frames.map(\.time) == [120_000_000, 200_000_000, 160_000_000])
        #expect(request.frames.map { Array(request.bytes[$0.bytes]) } == [[3, 3, 3], [4, 4, 4], [5, 5, 5]])
        #expect(request.codecPrivate == [9] && request.height == 90 && request.width == nil)
        #expect(video.request(for: [], style) == nil)
    }

    /// Those that are decoded after the first key frame and shown before it.
    @Test func `the key frame is seen where frames need what came before the fragment`() throws {
        let video = try #require(try video([(80, true), (0, false), (40, false), (160, true), (120, false), (200, false)]))
        #expect(video.seen(at: [0, 79, 80, 119, 120], next: nil) == nanoseconds([80, 80, 80, 80, 120]))
        // One that is shown before the second key frame is decoded from the first.
        let request = try #require(video.request(for: [120_000_000], style))
        #expect(request.frames.map(\.time) == [80, 0, 40, 160, 120].map { $0 * 1_000_000 })
    }

    @Test func `frames get back what their container took from their beginning`() throws {
        let video = try #require(try video([(0, true), (40, false)], encoding: .strippedHeader([7, 7])))
        #expect(video.frames.map { Array(video.bytes[$0.bytes]) } == [[7, 7, 0, 0, 0], [7, 7, 1, 1, 1]])
    }

    @Test func `there is no video of another codec, and none without frames`() throws {
        #expect(try video([(0, true)], codec: "V_VP9") == nil)
        #expect(try video([]) == nil)
        #expect(try video([(0, true)], codec: "V_MPEGH/ISO/HEVC")?.codec == .h265)
    }
}
