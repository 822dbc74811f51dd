import Contract
import Foundation
import FragmentStore
import Identity
import MediaFormats
import SQL
import Store
import TestSupport
import Testing

@testable import MediaPlane

/// Sessions of players, on a store of its own and both engines.
@Suite struct PlaybackSessionTests {
    private static let start = Int(Date.now.timeIntervalSince1970 * 1000) - 60_000

    private func film(_ count: Int, from first: Int = 0) -> Film {
        var film = Film.playable()
        for number in first..<(first + count) { film.pictures(Self.start + 1000 * number) }
        return film
    }

    @Test(arguments: Engine.allCases)
    func `a live playlist is the same on every instance, and its numbers never change`(engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(4))
            let master = try await fixture.session(.getHLSStreamingSessionURL, #","MaxMediaPlaylistFragmentResults":3"#)
            #expect(try await fixture.play(master).contains(#"CODECS="avc1.64000d""#))
            let address = master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")
            let before = try await fixture.play(address)
            #expect(before.contains("#EXT-X-MEDIA-SEQUENCE:0\n") && before.count(of: "#EXTINF:") == 3)
            #expect(!before.contains("#EXT-X-DISCONTINUITY-SEQUENCE"))

            try await fixture.put(film(2, from: 4))
            let after = try await fixture.play(address)
            // The first of the session was no discontinuity, the second one was.
            #expect(after.contains("#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-DISCONTINUITY-SEQUENCE:1\n"))
            // What was listed is as it was.
            let (old, new) = (before.split(separator: "\n"), after.split(separator: "\n"))
            let last = try #require(old.last)
            #expect(new.contains(last))
            let other = MediaPlane(
                store: fixture.fragments, settings: MediaSettings(documented: false), masterKey: try #require(MasterKey(Array(0..<32))),
                archiveAddress: { _, _ in "http://other.example" }, logger: .quiet)
            #expect(try await fixture.play(address, on: other) == after)
        }
    }

    @Test func `of too many listings those that were asked for longest ago go`() throws {
        func session(_ number: Int) -> PlaybackSession {
            PlaybackSession(
                form: .hlsMP4, stream: ResourceKey(.stream, account: "1", region: "r", name: "gate"), created: Int64(number), expires: .max,
                mode: .onDemand, source: .server, range: 0...1, discontinuity: .never, showsTimes: false, showsNumbers: false,
                capacity: 5000)
        }
        func listing(_ entries: Int) -> PlaybackSessions.Listing {
            var window = PlaylistWindow(capacity: entries, keeping: .oldest, mode: .never)
            for number in 0..<Int64(entries) {
                window.append(ListedFragment(number: "", sequence: number, start: number, produced: number, duration: 1, trackSet: ""))
            }
            return PlaybackSessions.Listing(window: window)
        }
        var kept = KeptListings()
        for number in 0..<KeptListings.mostListings { kept.keep(listing(1), of: session(number)) }
        #expect(kept.count == KeptListings.mostListings)
        #expect(kept.listing(of: session(0)) != nil)
        kept.keep(listing(1), of: session(5000))
        #expect(kept.count == KeptListings.mostListings * 7 / 8 && kept.entries == kept.count)
        #expect(kept.listing(of: session(0)) != nil && kept.listing(of: session(5000)) != nil)
        #expect(kept.listing(of: session(1)) == nil && kept.listing(of: session(KeptListings.mostListings - 1)) != nil)
        // What is replaced counts once; long ones count for what they hold.
        kept.keep(listing(3), of: session(0))
        #expect(kept.entries == kept.count + 2)
        for number in 6000..<6025 { kept.keep(listing(5000), of: session(number)) }
        #expect(kept.entries <= KeptListings.mostEntries && kept.listing(of: session(6024)) != nil && kept.listing(of: session(0)) == nil)
    }

    @Test func `numbers never go back where what a session began with is kept no more`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(4))
            let master = try await fixture.session(
                .getHLSStreamingSessionURL, #","Expires":43200,"MaxMediaPlaylistFragmentResults":3"#)
            let address = master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")
            func number(_ tag: String, on plane: MediaPlane? = nil) async throws -> Int {
                let text = try await fixture.play(address, on: plane)
                let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(tag) })
                return try #require(Int(line.dropFirst(tag.count)))
            }
            #expect(try await number("#EXT-X-MEDIA-SEQUENCE:") == 0)
            // All that was there is past its retention.
            try fixture.database.clock.advance(by: 25 * 3_600_000)
            try await fixture.put(film(5, from: 4))
            let other = MediaPlane(
                store: fixture.fragments, settings: MediaSettings(documented: false), masterKey: try #require(MasterKey(Array(0..<32))),
                archiveAddress: { _, _ in "http://other.example" }, logger: .quiet)
            for tag in ["#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-DISCONTINUITY-SEQUENCE:"] {
                let followed = try await number(tag)
                #expect(followed > 0)
                #expect(try await number(tag, on: other) >= followed)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func `a live session needs a fragment of the last thirty seconds to begin, and none to go on`(engine: Engine) async throws {
        try await MediaFixture.with(engine, isOneClock: true) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(2))
            try fixture.database.clock.advance(by: 29_000)
            let before = try await fixture.session(.getHLSStreamingSessionURL, "")
            try fixture.database.clock.advance(by: 2000)
            for id in [OperationID.getHLSStreamingSessionURL, .getDASHStreamingSessionURL] {
                let refusal = await #expect(throws: OperationError.self) { try await fixture.session(id, "") }
                #expect(refusal?.code == .resourceNotFound)
                #expect(refusal?.publicMessage == "No fragments found in the stream for the streaming request.")
            }
            func listed(_ master: String) async throws -> Int {
                try await fixture.play(master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")).count(of: "#EXTINF:")
            }
            #expect(try await listed(before) == 2)
            // Once the camera is back, the session goes on, and another may begin.
            try await fixture.put(film(1, from: 2))
            #expect(try await listed(before) == 3)
            #expect(try await listed(try await fixture.session(.getHLSStreamingSessionURL, "")) == 3)
        }
    }

    @Test func `a token lasts as long as it says, and under its key`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(2))
            let address = try await fixture.session(.getHLSStreamingSessionURL, #","Expires":300"#)
            func refusal(of address: String, _ key: UInt8, after seconds: Int64) async throws -> String? {
                let plane = MediaPlane(
                    store: fixture.fragments, settings: MediaSettings(documented: false),
                    masterKey: try #require(MasterKey([key] + Array(1..<32))), archiveAddress: { _, _ in "" },
                    clock: { systemTime() + seconds * 1000 }, logger: .quiet)
                do {
                    _ = try await fixture.play(address, on: plane)
                    return nil
                } catch let error as OperationError {
                    #expect(error.code == .accessDenied)
                    return error.publicMessage
                }
            }
            #expect(try await refusal(of: address, 0, after: 290) == nil)
            #expect(try await refusal(of: address, 0, after: 301) == "Streaming session token is expired")
            #expect(try await refusal(of: address, 1, after: 0) == "Streaming session token is invalid")
        }
    }

    @Test func `a session is what its text says`() throws {
        let session = PlaybackSession(
            form: .dash, stream: ResourceKey(.stream, account: "123456789012", region: "eu-west-1", name: "a.b_c-d", creationTime: 17),
            created: 1, expires: 2, mode: .liveReplay, source: .producer, range: 3...(.max), discontinuity: .onDiscontinuity,
            showsTimes: true, showsNumbers: false, capacity: 5, first: 6, base: 7, audioOrigin: -8, frame: 9, still: 10, target: 11)
        #expect(PlaybackSession(session.text) == session)
        #expect(PlaybackSession("") == nil && PlaybackSession("2" + session.text.dropFirst()) == nil)
        // As instances of other versions write it: without what they do not know, and with what this one does not.
        let first =
            "1 dash 123456789012 eu-west-1 a.b_c-d 17 1 2 LIVE_REPLAY PRODUCER_TIMESTAMP 3 \(Int64.max) ON_DISCONTINUITY 1 0 5 6 7 -8 9"
        #expect(session.text == first + " 10 11")
        #expect(PlaybackSession(session.text + " later") == session)
        var former = session
        former.still = former.frame
        #expect(PlaybackSession(first + " 11") == former)
        #expect(PlaybackSession(first) == nil && PlaybackSession(first + " -") == nil)
    }

    @Test func `a token that was made before sessions knew how long single frames last opens what it did`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(2))
            let address = try await fixture.session(.getHLSStreamingSessionURL, "")
                .replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")
            let tokens = SealedTokens(try #require(MasterKey(Array(0..<32))), for: "playback sessions")
            let token = try #require(address.split(separator: "=").last.map(String.init))
            var parts = try #require(tokens.content(of: token)).split(separator: " ")
            parts.remove(at: 20)
            let former = address.replacing(token, with: try tokens.token(of: parts.joined(separator: " ")))
            func durations(_ address: String) async throws -> [Substring] {
                try await fixture.play(address).split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }
            }
            #expect(try await durations(former) == durations(address))
        }
    }

    @Test(arguments: Engine.allCases)
    func `what is replayed appears as its time passes`(engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(40))
            let from = Self.start / 1000 - 1
            let range =
                #","MaxMediaPlaylistFragmentResults":100,"PlaybackMode":"LIVE_REPLAY","HLSFragmentSelector":"#
                + #"{"FragmentSelectorType":"PRODUCER_TIMESTAMP","TimestampRange":{"StartTimestamp":\#(from)}}"#
            let master = try await fixture.session(.getHLSStreamingSessionURL, range)
            let address = master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")
            // Each plays for 80 ms; the first is there at once.
            #expect(try await fixture.play(address).count(of: "#EXTINF:") == 1)
            try fixture.database.clock.advance(by: 800)
            #expect(try await fixture.play(address).count(of: "#EXTINF:") == 11)
            try fixture.database.clock.advance(by: 60_000)
            #expect(try await fixture.play(address).count(of: "#EXTINF:") == 40)
        }
    }

    @Test func `what was sent twice is replayed no slower`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            try await fixture.put(film(20))
            try await fixture.put(film(20))
            let range =
                #","MaxMediaPlaylistFragmentResults":100,"PlaybackMode":"LIVE_REPLAY","HLSFragmentSelector":"#
                + #"{"FragmentSelectorType":"PRODUCER_TIMESTAMP","TimestampRange":{"StartTimestamp":\#(Self.start / 1000 - 1)}}"#
            let master = try await fixture.session(.getHLSStreamingSessionURL, range)
            let address = master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist")
            try fixture.database.clock.advance(by: 800)
            #expect(try await fixture.play(address).count(of: "#EXTINF:") == 11)
        }
    }

    /// When each fragment starts, its frames' times, and what is listed of it.
    @Test(arguments: [
        [(0, [Int16(0)], "15.000"), (15_000, [0, 40], "0.080"), (16_000, [0, 40], "0.080"), (17_000, [0, 40, 80], "0.120")],
        [(0, [0, 40], "0.080"), (1000, [0], "1.000"), (2000, [0], "1.000"), (3000, [0], "1.000")],
        [(0, [0], "1.000"), (1000, [0], "1.000"), (31_000, [0], "1.000"), (32_000, [0], "1.000"), (33_000, [0, 40], "0.080")],
    ])
    func `fragments are listed with how long they play, whatever the session begins with`(
        _ fragments: [(start: Int, times: [Int16], listed: String)]
    ) async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            _ = try await fixture.store.createActive("gate")
            var film = Film.playable()
            for fragment in fragments { film.pictures(Self.start + fragment.start, fragment.times) }
            try await fixture.put(film)
            let (from, to) = (Self.start / 1000 - 1, Self.start / 1000 + 100)
            let master = try await fixture.session(
                .getHLSStreamingSessionURL,
                #","PlaybackMode":"ON_DEMAND","HLSFragmentSelector":{"FragmentSelectorType":"PRODUCER_TIMESTAMP","TimestampRange":"#
                    + #"{"StartTimestamp":\#(from),"EndTimestamp":\#(to)}}"#)
            let playlist = try await fixture.play(master.replacing("getHLSMasterPlaylist", with: "getHLSMediaPlaylist"))
            let listed = playlist.split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }.map(String.init)
            #expect(listed == fragments.map { "#EXTINF:\($0.listed)," })
        }
    }
}

extension String {
    fileprivate func count(of part: String) -> Int { ranges(of: part).count }
}
