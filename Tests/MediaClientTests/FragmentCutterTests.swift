import Seeded
import Testing

@testable import Matroska
@testable import MediaClient

@Suite struct FragmentCutterTests {
    private static let video = Track(number: 1, kind: .video, codec: "V_MPEG4/ISO/AVC")
    private static let audio = Track(number: 2, kind: .audio, codec: "A_AAC")

    private func picture(_ time: Int, key: Bool = false, size: Int = 1) -> SourceFrame {
        SourceFrame(track: 1, time: time, isKey: key, bytes: Array(repeating: 1, count: size))
    }

    private func sound(_ time: Int) -> SourceFrame { SourceFrame(track: 2, time: time, isKey: true, bytes: [2]) }

    private func cut(_ frames: [SourceFrame], _ tracks: [Track] = [video, audio], _ rules: FragmentCutter.Rules = .init()) -> [CutFragment]
    {
        var cutter = FragmentCutter(tracks, rules)
        return frames.flatMap { cutter.add($0) } + cutter.finish()
    }

    private func times(_ fragments: [CutFragment], _ track: Int) -> [[Int]] {
        fragments.map { $0.frames.filter { $0.track == track }.map(\.time) }
    }

    @Test func `a fragment begins at each key frame, and sound goes where its time is`() {
        // Sound is interleaved late before the first cut, early before the second.
        let frames = [
            picture(0, key: true), sound(0), picture(1000), picture(2000, key: true), sound(1000), sound(1990), sound(2010), picture(3000),
            sound(4010), picture(4000, key: true), picture(5000),
        ]
        let fragments = cut(frames)
        #expect(fragments.map(\.timecode) == [0, 2000, 4000])
        #expect(times(fragments, 1) == [[0, 1000], [2000, 3000], [4000, 5000]])
        #expect(times(fragments, 2) == [[0, 1000, 1990], [2010], [4010]])
        #expect(fragments.allSatisfy { $0.frames[0].track == 1 && $0.frames[0].isKey })
    }

    @Test func `pictures that are shown before the key frame they follow stay behind it`() {
        // Decoding order of an open group: the key frame of 2000 comes before two pictures that are shown before it.
        let frames = [
            picture(0, key: true), picture(1000), picture(2000, key: true), picture(1900), picture(1950), sound(1890), sound(1910),
            picture(2100), sound(2200),
        ]
        let fragments = cut(frames)
        #expect(times(fragments, 1) == [[0, 1000], [2000, 1900, 1950, 2100]])
        #expect(times(fragments, 2) == [[1890], [1910, 2200]])
        #expect(fragments.map(\.timecode) == [0, 1900])
    }

    @Test func `every frame of a fragment is later than all of the one before, and none is lost, whatever the interleaving`() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<300 {
            // Groups of pictures with two that are shown before the one they follow, and sound up to two seconds early or late.
            var frames: [(SourceFrame, at: Int)] = []
            for group in 0..<6 {
                let start = group * 1600 + 100
                for index in 0..<4 {
                    let time = start + index * 400 + 200
                    frames.append((picture(time, key: index == 0), time))
                    frames.append((picture(time - 150), time + 1))
                    frames.append((picture(time - 50), time + 2))
                }
            }
            let skew = Int.random(in: -2000...2000, using: &random)
            for time in stride(from: 0, to: 10_000, by: 64) { frames.append((sound(time), time + skew)) }
            frames.sort { $0.at < $1.at }
            let source = frames.map(\.0)
            let fragments = cut(source)
            #expect(fragments.flatMap(\.frames).count == source.count)
            for (earlier, later) in zip(fragments, fragments.dropFirst()) { #expect(earlier.lastTime < later.timecode) }
            #expect(fragments.flatMap { $0.frames.filter { $0.track == 1 } } == source.filter { $0.track == 1 })
            #expect(
                fragments.flatMap { $0.frames.filter { $0.track == 2 }.map(\.time) }.sorted() == Array(stride(from: 0, to: 10_000, by: 64)))
        }
    }

    @Test func `key frames that come too soon begin no fragment`() {
        let frames = stride(from: 0, through: 2400, by: 100).map { picture($0, key: true) }
        #expect(cut(frames, [Self.video]).map(\.timecode) == [0, 1000, 2000])
    }

    @Test func `without key frames a fragment is cut before the service refuses it`() {
        let frames = stride(from: 0, through: 40_000, by: 500).map { picture($0, key: $0 == 0) }
        var cutter = FragmentCutter([Self.video])
        let fragments = frames.flatMap { cutter.add($0) } + cutter.finish()
        #expect(fragments.map(\.timecode) == [0, 18_000, 36_000] && cutter.withoutKey == 2)
        #expect(fragments.allSatisfy { $0.lastTime - $0.timecode <= 20_000 })
        let large = (0..<10).map { picture($0 * 10, key: $0 == 0, size: 10_000_000) }
        #expect(cut(large, [Self.video]).map { $0.frames.count } == [4, 4, 2])
    }

    @Test func `only sound is cut by time`() {
        let frames = stride(from: 0, to: 6000, by: 100).map(sound)
        #expect(cut(frames, [Self.audio]).map(\.timecode) == [0, 2000, 4000])
    }

    @Test func `a source that begins in the middle is sent from its first key frame on`() {
        var cutter = FragmentCutter([Self.video])
        let fragments = [picture(0), picture(40), picture(80, key: true), picture(120)].flatMap { cutter.add($0) } + cutter.finish()
        #expect(times(fragments, 1) == [[80, 120]] && cutter.undecodable == 2)
    }

    @Test func `sound that ends early or comes back late makes fragments of fewer tracks`() {
        var frames: [SourceFrame] = []
        for time in stride(from: 0, to: 12_000, by: 500) {
            frames.append(picture(time, key: time % 2000 == 0))
            if time < 3000 { frames.append(sound(time + 1)) }
        }
        let fragments = cut(frames)
        #expect(fragments.map(\.tracks) == [[1, 2], [1, 2], [1], [1], [1], [1]])
    }
}
