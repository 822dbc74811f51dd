import Foundation
import Seeded
import Testing

@testable import MediaFormats

/// Media with mistakes in it: codec private data, frames, sizes and times. Each input has a number and is the same in every run; `ops/fuzz formats` tries
/// others and more of them.
@Suite struct MutationTests {
    private static func setting(_ name: String) throws -> UInt64? {
        guard let text = ProcessInfo.processInfo.environment[name] else { return nil }
        let number: UInt64 = try #require(UInt64(text), "\(name) is a number")
        return number
    }

    @Test func `mutated media is played or refused, and what is made of it is whole`() throws {
        let first = try Self.setting("WEIR_FUZZ_FIRST") ?? 0
        let end = try Self.setting("WEIR_FUZZ_MINUTES").map { ContinuousClock.now + .seconds(60 * $0) }
        let count = end == nil ? 4000 : UInt64.max - first
        var made = (played: 0, refused: 0, clips: 0, streams: 0)
        var number = first
        while number < first + count, end.map({ .now < $0 }) ?? true {
            if number > first, number.isMultiple(of: 1_000_000) { print("input \(number): \(made)") }
            var random = SeededGenerator(seed: number)
            for _ in 0..<4 { _ = random.next() }
            var input = MutatedMedia(&random)
            do throws(UnplayableMedia) {
                let tracks = try PlayedTracks(input.entries)
                made.played += 1
                guard Self.check(tracks, &input, &made, &random) else {
                    Issue.record("input \(number)")
                    return
                }
            } catch {
                made.refused += 1
            }
            number += 1
        }
        print("\(number - first) inputs from \(first) on: \(made)")
        // The mutations reach what they are for.
        #expect(made.played > 1000 && made.refused > 100 && made.clips > 100 && made.streams > 100, "\(made)")
    }

    /// Makes all that players take; returns whether it is whole.
    private static func check(
        _ tracks: PlayedTracks, _ input: inout MutatedMedia, _ made: inout (played: Int, refused: Int, clips: Int, streams: Int),
        _ random: inout SeededGenerator
    ) -> Bool {
        for track in [tracks.video, tracks.audio].compactMap({ $0 }) {
            guard Self.isWhole(FragmentedMP4.initialization(of: track)) else { return false }
        }
        var window = PlaylistWindow(capacity: 3, keeping: .newest, mode: .onDiscontinuity)
        var clip = Clip(of: tracks)
        var payload = 0
        for place in 0..<Int64(3) {
            let fragment = input.fragment(tracks, &random)
            let start = Bool.random(using: &random) ? place * 2_000_000_000 : input.time(&random)
            let next = Bool.random(using: &random) ? nil : Optional(input.time(&random))
            if let timed = try? TimedFragment(fragment, of: tracks, at: start, next: next, audioOrigin: input.time(&random)) {
                for samples in [timed.video, timed.audio] where !samples.isEmpty {
                    let segment = segment(of: samples, in: fragment.bytes, sequence: UInt32(place))
                    guard Self.isWhole(segment), zip(samples, samples.dropFirst()).allSatisfy({ $0.decodeTime <= $1.decodeTime }) else {
                        return false
                    }
                }
                if let stream = try? TransportStream.segment(of: timed, tracks: tracks, in: fragment.bytes, sequence: UInt64(place)) {
                    made.streams += 1
                    guard stream.count.isMultiple(of: 188),
                        stride(from: 0, to: stream.count, by: 188).allSatisfy({ stream[$0] == 0x47 })
                    else { return false }
                }
            }
            if (try? clip.append(fragment, start: start)) == true { payload += clip.payload(of: fragment).count }
            window.append(
                ListedFragment(
                    number: "\(place)", sequence: place, start: start / 1_000_000,
                    produced: Int64.random(in: .min ... .max, using: &random),
                    duration: Int64.random(in: 0...20_000, using: &random),
                    trackSet: Bool.random(using: &random) ? "a" : "b"))
        }
        guard payload == clip.payloadSize else { return false }
        if clip.fragments > 0 {
            made.clips += 1
            guard Self.isWhole(clip.beginning() + Array(repeating: 0, count: payload)) else { return false }
        }
        let master = HLS(container: .fragmentedMP4, token: "t").master(tracks, bandwidth: 1)
        let manifest = DASH(token: "t", base: 0, created: 0, isStatic: true, showsTimes: true, showsNumbers: true)
            .text(window, tracks, bandwidth: 1)
        return master.hasPrefix("#EXTM3U\n") && manifest.hasSuffix("</MPD>\n")
    }

    /// Whether the bytes are boxes, one after the other, and nothing else.
    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        Box.all(in: bytes[...]).reduce(0) { $0 + $1.content.count + 8 } == bytes.count
    }
}

/// Tracks of every codec, and fragments of them, with one to four of the mistakes that break programs.
private struct MutatedMedia {
    private static let videos = [TrackEntry.h264, .h265]
    private static let sounds = [TrackEntry.aac, .aLaw]

    private(set) var entries: [TrackEntry] = []

    init(_ random: inout SeededGenerator) {
        let kind = Int.random(in: 0..<4, using: &random)
        if kind != 0, let video = Self.videos.randomElement(using: &random) { entries.append(video) }
        if kind < 2, let sound = Self.sounds.randomElement(using: &random) { entries.append(sound) }
        // Half of them are left as they are, since frames come behind what describes them.
        guard Bool.random(using: &random) else { return }
        entries = entries.map { entry in
            TrackEntry(
                number: entry.number, kind: entry.kind, codecID: entry.codecID,
                codecPrivate: mutated(entry.codecPrivate, &random))
        }
    }

    /// A time in nanoseconds: a likely one, or the end of time.
    func time(_ random: inout SeededGenerator) -> Int64 {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: [.min, .max, 0, -1, 1 << 61, -(1 << 61), 1 << 53].randomElement(using: &random) ?? 0
        case 1: Int64.random(in: .min ... .max, using: &random)
        default: Int64.random(in: -1_000_000_000...20_000_000_000, using: &random)
        }
    }

    func fragment(_ tracks: PlayedTracks, _ random: inout SeededGenerator) -> Fragment {
        var given: [GivenFrame] = []
        let isWild = Int.random(in: 0..<3, using: &random) == 0
        for place in 0..<Int.random(in: 0...12, using: &random) {
            let entry = entries.randomElement(using: &random) ?? .h264
            var content =
                entry.kind == .video
                ? picture(
                    [0x65, 0x41, 0x26, 0x02, 0x09, 0x67].randomElement(using: &random) ?? 1, size: Int.random(in: 1...200, using: &random))
                : (0..<Int.random(in: 1...200, using: &random)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
            if isWild { content = mutated(content, &random) }
            given.append((track: entry.number, time: Double(place * 40), content: content))
        }
        var made = MediaFormatsTests.fragment(given)
        guard isWild else { return made }
        made.frames = made.frames.map { frame in
            guard Int.random(in: 0..<6, using: &random) == 0 else { return frame }
            return Frame(
                track: Bool.random(using: &random) ? frame.track : UInt64.random(in: 0...3, using: &random), time: time(&random),
                isKey: Bool.random(using: &random), bytes: frame.bytes)
        }
        return made
    }
}
