import Contract
import FragmentStore
import Matroska
import Testing

@testable import MediaPlane

/// The rules of PutMedia, each at its edge.
@Suite struct PutMediaSessionTests {
    /// Milliseconds since the epoch.
    private static let now: Int64 = 1_700_000_000_000

    /// What a body leads to: `begin TIMECODE PRODUCER-TIME` and `finish LENGTH` for each fragment; then the error, or `end`.
    private func outcome(
        _ film: Film, documented: Bool = false, _ type: FragmentTimecodeType = .absolute, producerStart: Int64 = 0,
        settings change: (inout MediaSettings) -> Void = { _ in }, pieces: Int = .max
    ) -> [String] {
        let actions = run(film, documented: documented, type, producerStart: producerStart, settings: change, pieces: pieces)
        let words = actions.compactMap { action -> String? in
            switch action {
            case .begin(let beginning): "begin \(beginning.timecode) \(beginning.producerTime)"
            case .append: nil
            case .finish(let ending): "finish \(ending.length)"
            case .fail(let failure):
                "\(failure.isOfFragment ? "fragment" : "stream") \(failure.error.rawValue)\(failure.invalidatesStream ? " 4006" : "")"
            }
        }
        if case .fail = actions.last { return words }
        return words + ["end"]
    }

    private func run(
        _ film: Film, documented: Bool = false, _ type: FragmentTimecodeType = .absolute, producerStart: Int64 = 0,
        settings change: (inout MediaSettings) -> Void = { _ in }, pieces: Int = .max
    ) -> [PutMediaSession.Action] {
        var settings = MediaSettings(documented: documented)
        change(&settings)
        var machine = PutMediaSession(settings, type, producerStart: producerStart)
        var parser = Parser(.service)
        var actions: [PutMediaSession.Action] = []
        func take(_ event: Event) -> Bool {
            actions += machine.take(event, now: Self.now)
            switch actions.last {
            case .fail: return false
            case .begin, .append, .finish, nil: return true
            }
        }
        var rest = film.bytes[...]
        while !rest.isEmpty {
            let piece = Array(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
            while let event = parser.next(in: piece.span) {
                guard take(event) else { return actions }
            }
        }
        for event in parser.finish() {
            guard take(event) else { return actions }
        }
        return actions
    }

    /// Clusters with nothing wrong, two seconds apart.
    private func film(_ clusters: Int = 2, from start: Int = Int(now), tracks: Int = 1) -> Film {
        var film = Film(tracks: tracks)
        for number in 0..<clusters {
            film.cluster(start + 2000 * number)
            for track in 1..<max(tracks, 2) where tracks > 1 { film.frame(20, track: track + 1) }
        }
        return film
    }

    @Test(arguments: [1, 7, 64, .max]) func `each cluster is a fragment, however its bytes are cut`(_ pieces: Int) {
        let start = Int(Self.now)
        #expect(
            outcome(film(), pieces: pieces) == [
                "begin \(start) \(start)", "finish 80", "begin \(start + 2000) \(start + 2000)", "finish 80", "end",
            ])
    }

    @Test func `relative timecodes count from the producer's start, and are told as they were sent`() {
        #expect(
            outcome(film(from: 0), .relative, producerStart: 5_000) == ["begin 0 5000", "finish 80", "begin 2000 7000", "finish 80", "end"])
        // A client of the service starts at 0, which is then 1970.
        #expect(outcome(film(1, from: 461), .relative) == ["begin 461 461", "finish 80", "end"])
    }

    @Test func `other units than milliseconds are counted as such`() {
        var seconds = Film(timecodeScale: 1_000_000_000)
        seconds.cluster(1_700_000_000, [0, 3])
        #expect(outcome(seconds) == ["begin 1700000000 1700000000000", "finish 3000", "end"])
        var fine = Film(timecodeScale: 100_000)
        fine.cluster(17_000_000_000_000, [0, 15])
        #expect(outcome(fine) == ["begin 17000000000000 1700000000000", "finish 1", "end"])
    }

    @Test func `END_OF_FRAGMENT ends a fragment, and is no tag of it`() {
        var film = film(1)
        film.tags([("place", "gate")])
        film.endOfFragment()
        let actions = run(film)
        guard case .finish(let ending) = actions.last(where: { if case .finish = $0 { true } else { false } }) else {
            Issue.record("no end")
            return
        }
        #expect(ending.tags == [Matroska.Tag("place", "gate")])
        #expect(ending.flags == .tags)
        #expect(!String(decoding: ending.tagBytes, as: UTF8.self).contains("AWS_"))
        #expect(String(decoding: ending.tagBytes, as: UTF8.self).contains("gate"))
    }

    @Test func `tags belong to the cluster before them, and before the first to the first`() {
        var film = Film()
        film.tags([("first", "1")])
        film.cluster(Int(Self.now))
        film.tags([("second", "2")])
        film.cluster(Int(Self.now) + 1000)
        film.tags([("third", "3")])
        let names = run(film).compactMap { action -> [String]? in
            if case .finish(let ending) = action { ending.tags.map(\.name) } else { nil }
        }
        #expect(names == [["first", "second"], ["third"]])
    }

    // MARK: Errors

    @Test func `4001, a fragment that is too large`() {
        let whole = film(1).bytes.count - Film().bytes.count
        #expect(outcome(film(1), settings: { $0.largestFragment = whole }).last == "end")
        #expect(outcome(film(1), settings: { $0.largestFragment = whole - 1 }).last == "fragment 4001")
        var tagged = film(1)
        tagged.tags([("a", "b")])
        #expect(outcome(tagged, settings: { $0.largestFragment = whole }).last == "fragment 4001")
    }

    @Test func `4002, a fragment that is too long`() {
        var film = Film()
        film.cluster(Int(Self.now), [0, 20_000])
        #expect(outcome(film, documented: true).last == "end")
        film = Film()
        film.cluster(Int(Self.now), [0, 20_001])
        #expect(outcome(film, documented: true).last == "fragment 4002")
        #expect(outcome(film).last == "end")
    }

    @Test func `4004, a fragment that begins no later than the one before`() {
        func two(_ second: Int, _ times: [Int16] = [0]) -> Film {
            var film = Film()
            film.cluster(Int(Self.now), [0, 1000])
            film.cluster(Int(Self.now) + second, times)
            return film
        }
        // Of the service: no frame before the last of the fragment before, or at the same time.
        #expect(outcome(two(1001), documented: true).last == "end")
        #expect(outcome(two(1000), documented: true).last == "fragment 4004")
        #expect(outcome(two(1001, [0, -1]), documented: true).last == "fragment 4004")
        // Unless that is asked for: only timecodes have to rise.
        #expect(outcome(two(1000)).last == "end")
        #expect(outcome(two(1)).last == "end")
        #expect(outcome(two(0)).last == "fragment 4004")
        #expect(outcome(two(-1)).last == "fragment 4004")
        let overlaps = run(two(1000)).compactMap { if case .finish(let ending) = $0 { ending.overlaps } else { nil } }
        #expect(overlaps == [false, true])
    }

    @Test func `4004 counts the sound too`() {
        var film = Film(tracks: 2)
        film.cluster(Int(Self.now), [0, 40])
        film.frame(1500, track: 2)
        film.cluster(Int(Self.now) + 1500, [0])
        film.frame(10, track: 2)
        #expect(outcome(film, documented: true).last == "fragment 4004")
        #expect(outcome(film).last == "end")
    }

    @Test func `4005, a track too many`() {
        #expect(outcome(film(1, tracks: 3)).last == "end")
        #expect(outcome(film(1, tracks: 4)) == ["stream 4005"])
    }

    @Test func `4006, what is no Matroska`() {
        var film = film(1)
        film.append([0xFF, 0xFF])
        #expect(outcome(film).last == "stream 4006")
        var cut = Film()
        cut.append(Array(self.film(1).bytes.dropFirst(Film().bytes.count).dropLast(5)))
        #expect(outcome(cut).last == "stream 4006")
        var second = self.film(1)
        second.append(Film().bytes)
        #expect(outcome(second).last == "stream 4006")
    }

    @Test func `4007, a time that no producer can have`() {
        let (year, day) = (365 * 86_400_000, 86_400_000)
        #expect(outcome(film(1, from: year)).last == "end")
        #expect(outcome(film(1, from: year - 1)).last == "fragment 4007")
        #expect(outcome(film(1, from: Int(Self.now) + day)).last == "end")
        #expect(outcome(film(1, from: Int(Self.now) + day + 1)).last == "fragment 4007")
        #expect(outcome(film(1, from: 0), .relative, producerStart: Self.now + Int64(day)).last == "end")
        #expect(outcome(film(1, from: 1), .relative, producerStart: Self.now + Int64(day)).last == "fragment 4007")
        #expect(outcome(film(1, from: .max / 1_000_000), .relative, producerStart: 99_999_999_999_000).last == "fragment 4007")
        // Microseconds that pass for milliseconds: more nanoseconds than can be counted, so that no fragment begins.
        #expect(outcome(film(1, from: Int(Self.now) * 1000)) == ["stream 4007"])
        var changing = film(1)
        changing.cluster(.max / 1_000_000 + 1)
        #expect(outcome(changing) == ["begin \(Self.now) \(Self.now)", "finish 80", "stream 4007"])
        // Within a fragment it is the frame that is wrong.
        var early = Film()
        early.cluster(0, [-1])
        #expect(outcome(early, .relative).last == "stream 4006")
    }

    @Test func `4009, tags that are too many or too long`() {
        func tagged(_ tags: [(String, String)]) -> String? {
            var film = film(1)
            film.tags(tags)
            return outcome(film).last
        }
        let ten = (1...10).map { ("name\($0)", "value") }
        #expect(tagged(ten) == "end")
        #expect(tagged(ten + [("one", "more")]) == "fragment 4009")
        // Producers count the mark of the end among them.
        #expect(tagged(ten.dropLast() + [(Matroska.Tag.endOfFragment, "")]) == "end")
        #expect(tagged(ten + [(Matroska.Tag.endOfFragment, "")]) == "fragment 4009")
        #expect(tagged([(String(repeating: "n", count: 128), String(repeating: "v", count: 256))]) == "end")
        #expect(tagged([(String(repeating: "n", count: 129), "v")]) == "fragment 4009")
        #expect(tagged([("n", String(repeating: "v", count: 257))]) == "fragment 4009")
        var apart = film(1)
        for tag in ten { apart.tags([tag]) }
        #expect(outcome(apart).last == "end")
        apart.tags([("one", "more")])
        #expect(outcome(apart).last == "fragment 4009")
        // Tags without anything in them take room too.
        var empty = film(1)
        for _ in 0..<20_000 { empty.tags([]) }
        #expect(outcome(empty).last == "fragment 4009")
        var early = Film()
        early.tags(ten + [("one", "more")])
        #expect(outcome(early) == ["stream 4009"])
    }

    @Test func `4010, a frame of a track that there is not`() {
        var film = Film()
        film.cluster(Int(Self.now))
        film.frame(90, track: 2)
        #expect(outcome(film).last == "fragment 4010")
    }

    @Test func `4011, a track without a frame, and then the stream is invalid`() {
        var film = Film(tracks: 2)
        film.cluster(Int(Self.now))
        #expect(outcome(film).last == "fragment 4011 4006")
        film.frame(0, track: 2)
        #expect(outcome(film).last == "end")
        var empty = Film()
        empty.cluster(Int(Self.now), [])
        #expect(outcome(empty).last == "fragment 4011 4006")
    }

    @Test(arguments: [
        ("AWS_KINESISVIDEO_NOTIFICATION", true), ("AWS_KINESISVIDEO_IMAGE_GENERATION", true), ("AWS_KINESISVIDEO_IMAGE_PREFIX", true),
        ("AWS_KINESISVIDEO_FRAGMENT_NUMBER", false), ("AWS_", false), ("AWS", true), ("aws_x", true),
    ]) func `4012, a tag with a name of the service's own`(_ name: String, _ isTaken: Bool) {
        var film = film(1)
        film.tags([(name, "x")])
        #expect(outcome(film).last == (isTaken ? "end" : "fragment 4012"))
    }

    @Test func `what is known of a fragment without reading it`() {
        func flags(_ film: Film, _ type: FragmentTimecodeType = .absolute) -> FragmentFlags? {
            for case .finish(let ending) in run(film, type) { return ending.flags }
            return nil
        }
        #expect(flags(film(1)) == [])
        #expect(flags(film(1, from: 0), .relative) == .relativeTimecode)
        var marked = film(1)
        marked.tags([("AWS_KINESISVIDEO_NOTIFICATION", ""), ("AWS_KINESISVIDEO_IMAGE_GENERATION", "")])
        #expect(flags(marked) == [.notification, .imageGeneration, .tags])
        // Sound comes first, and all of it is a key frame.
        var sound = Film(tracks: 2)
        sound.cluster(Int(Self.now), [])
        sound.frame(0, track: 2, isKey: true)
        sound.frame(0, isKey: false)
        #expect(flags(sound) == .startsWithoutKeyFrame)
    }
}
