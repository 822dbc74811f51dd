import MediaFormats
import Testing

@Suite struct PlaylistTests {
    private static func fragment(_ sequence: Int64, at start: Int64, lasting duration: Int64 = 2000, set: String = "a") -> ListedFragment {
        ListedFragment(number: "\(900 + sequence)", sequence: sequence, start: start, produced: start, duration: duration, trackSet: set)
    }

    private static func window(
        _ capacity: Int, _ fragments: [ListedFragment], keeping side: PlaylistWindow.Side = .newest, mode: DiscontinuityMode = .never
    ) -> PlaylistWindow {
        var window = PlaylistWindow(capacity: capacity, keeping: side, mode: mode)
        for fragment in fragments { window.append(fragment) }
        return window
    }

    @Test func newestSlideAndTheirNumbersStay() {
        let window = Self.window(3, (0..<5).map { Self.fragment($0, at: $0 * 2000) }, mode: .always)
        #expect(window.entries.map(\.fragment.sequence) == [2, 3, 4])
        #expect(window.mediaSequence == 2)
        // The first fragment of the session has nothing before it.
        #expect(window.discontinuitySequence == 1)
        #expect(!window.isOver)
    }

    @Test func oldestStay() {
        let window = Self.window(3, (0..<5).map { Self.fragment($0, at: $0 * 2000) }, keeping: .oldest)
        #expect(window.entries.map(\.fragment.sequence) == [0, 1, 2])
        #expect(window.mediaSequence == 0)
        #expect(window.isOver)
    }

    @Test func whatStartsBeforeTheNewestIsNotAdded() {
        let window = Self.window(5, [0, 4000, 2000, 6000].enumerated().map { Self.fragment(Int64($0), at: Int64($1)) })
        #expect(window.entries.map(\.fragment.sequence) == [0, 1, 3])
    }

    @Test func ofEqualStartsTheLaterArrivalIsListed() {
        let window = Self.window(
            5, [0, 2000, 4000, 2000, 4000, 6000].enumerated().map { Self.fragment(Int64($0), at: Int64($1), set: $0 == 4 ? "b" : "a") })
        #expect(window.entries.map(\.fragment.sequence) == [0, 3, 4, 5])
        #expect(window.entries.map(\.initialization) == [0, 0, 4, 5])
        #expect(window.entries.map(\.isDiscontinuous) == [false, false, true, true])
        #expect(window.mediaSequence == 0)
    }

    @Test(arguments: [
        (DiscontinuityMode.always, [false, true, true, true]), (.never, [false, false, false, false]),
        (.onDiscontinuity, [false, false, true, true]),
    ])
    func discontinuities(mode: DiscontinuityMode, expected: [Bool]) {
        // 50 ms late, 51 ms early, a minute late.
        let window = Self.window(
            5, [0, 2050, 3999, 66_000].enumerated().map { Self.fragment(Int64($0), at: Int64($1)) }, mode: mode)
        #expect(window.entries.map(\.isDiscontinuous) == expected)
    }

    /// Fragments of two seconds: 30 ms late, three that came at once, one after half a minute.
    @Test(arguments: [(PlaylistWindow.Side.oldest, [0, 2030, 4080, 6130, 8180]), (.newest, [0, 2030, 4080, 6130, 34_000])])
    func noneOverlapsOnTheTimeline(side: PlaylistWindow.Side, expected: [Int64]) {
        let starts: [Int64] = [0, 2030, 2031, 2032, 34_000]
        let window = Self.window(5, starts.enumerated().map { Self.fragment(Int64($0), at: $1) }, keeping: side)
        #expect(window.entries.map(\.time) == expected)
        for entry in window.entries { #expect(window.entry(at: entry.time) == entry) }
        #expect([-1, 1, 2029, 40_000].allSatisfy { window.entry(at: $0) == nil })
    }

    /// A film that is sent at once: by the server's clock its fragments are a millisecond apart.
    @Test func theProducersClockPlaysWhatCameAtOnce() {
        var window = PlaylistWindow(capacity: 5, keeping: .newest, mode: .never)
        for number in 0..<4 as Range<Int64> {
            window.append(
                ListedFragment(
                    number: "\(number)", sequence: number, start: number, produced: 7000 + number * 1990, duration: 2000, trackSet: "a"))
        }
        #expect(window.entries.map(\.time) == [0, 1990, 3980, 5970])
    }

    @Test func newCodecDataIsADiscontinuityInEachMode() {
        let window = Self.window(2, (0..<6).map { Self.fragment($0, at: $0 * 2000, set: $0 < 3 ? "a" : "b") })
        #expect(window.discontinuitySequence == 1)
        #expect(window.entries.map(\.initialization) == [3, 3])
    }

    @Test func fiveHundredChangesAreAllowed() {
        let window = Self.window(5000, (0..<600).map { Self.fragment($0, at: $0 * 2000, set: "\($0)") })
        #expect(window.entries.count == 501)
        #expect(window.isOver)
    }

    @Test func masterNamesAPlaylistForEachTrack() throws {
        let tracks = try PlayedTracks([.h264, .aac])
        #expect(
            HLS(container: .fragmentedMP4, token: "T~").master(tracks, bandwidth: 329_640) == """
                #EXTM3U
                #EXT-X-VERSION:1
                #EXT-X-MEDIA:AUTOSELECT=YES,TYPE=AUDIO,URI="getHLSMediaPlaylist.m3u8?SessionToken=T~&TrackNumber=2",\
                GROUP-ID="audio",DEFAULT=NO,NAME="audio"
                #EXT-X-STREAM-INF:CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000,BANDWIDTH=329640,AUDIO="audio"
                getHLSMediaPlaylist.m3u8?SessionToken=T~&TrackNumber=1

                """)
        #expect(
            HLS(container: .transportStream, token: "T").master(tracks, bandwidth: 1) == """
                #EXTM3U
                #EXT-X-VERSION:1
                #EXT-X-STREAM-INF:CODECS="avc1.64001e,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=30.000,BANDWIDTH=1
                getHLSMediaPlaylist.m3u8?SessionToken=T&TrackNumber=1

                """)
        #expect(
            try HLS(container: .fragmentedMP4, token: "T").master(PlayedTracks([.aac]), bandwidth: 0) == """
                #EXTM3U
                #EXT-X-VERSION:1
                #EXT-X-STREAM-INF:CODECS="mp4a.40.2",BANDWIDTH=1
                getHLSMediaPlaylist.m3u8?SessionToken=T&TrackNumber=2

                """)
    }

    @Test func livePlaylist() {
        let fragments = (0..<4).map {
            Self.fragment($0, at: 1_684_331_315_994 + $0 * 1856, lasting: 1856, set: $0 < 3 ? "a" : "b")
        }
        let text = HLS(container: .fragmentedMP4, token: "T").media(
            Self.window(2, fragments, mode: .always), track: 1,
            HLS.Playlist(isOnDemand: false, isEnded: false, showsTimes: true, target: 1))
        #expect(
            text == """
                #EXTM3U
                #EXT-X-VERSION:7
                #EXT-X-TARGETDURATION:2
                #EXT-X-MEDIA-SEQUENCE:2
                #EXT-X-DISCONTINUITY-SEQUENCE:1
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXT-X-DISCONTINUITY
                #EXT-X-MAP:URI="getMP4InitFragment.mp4?SessionToken=T&TrackNumber=1&SequenceNumber=0"
                #EXT-X-PROGRAM-DATE-TIME:2023-05-17T13:48:39.706Z
                #EXTINF:1.856,
                getMP4MediaFragment.mp4?FragmentNumber=902&SessionToken=T&TrackNumber=1
                #EXT-X-DISCONTINUITY
                #EXT-X-MAP:URI="getMP4InitFragment.mp4?SessionToken=T&TrackNumber=1&SequenceNumber=3"
                #EXT-X-PROGRAM-DATE-TIME:2023-05-17T13:48:41.562Z
                #EXTINF:1.856,
                getMP4MediaFragment.mp4?FragmentNumber=903&SessionToken=T&TrackNumber=1

                """)
    }

    /// All of a second: as a binary fraction, half of them lie just below what is meant.
    @Test func everyMillisecondIsShownAsItIs() throws {
        let base: Int64 = 1_795_863_845_000
        let window = Self.window(1000, (0..<1000).map { Self.fragment($0, at: base + $0, lasting: 1) })
        let playlist = HLS(container: .transportStream, token: "T").media(
            window, track: 1, HLS.Playlist(isOnDemand: false, isEnded: false, showsTimes: true, target: 1))
        let manifest = DASH(token: "T", base: base, created: base, isStatic: true, showsTimes: true, showsNumbers: false)
            .text(window, try PlayedTracks([.aac]), bandwidth: 1)
        let times = (0..<1000).map { "2026-11-28T11:04:05.\(String($0 + 1000).dropFirst())Z" }
        let name = "#EXT-X-PROGRAM-DATE-TIME:"
        #expect(playlist.split(separator: "\n").filter { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) } == times)
        let segments = manifest.split(separator: "\n").filter { $0.hasPrefix("<S ") }
        #expect(segments.map { String($0.suffix(27).prefix(24)) } == times)
    }

    @Test func playlistOnDemandOfTransportStream() {
        let text = HLS(container: .transportStream, token: "T").media(
            Self.window(2, [Self.fragment(0, at: 0, lasting: 60)], keeping: .oldest), track: 1,
            HLS.Playlist(isOnDemand: true, isEnded: true, showsTimes: false, target: 4))
        #expect(
            text == """
                #EXTM3U
                #EXT-X-VERSION:3
                #EXT-X-PLAYLIST-TYPE:VOD
                #EXT-X-TARGETDURATION:4
                #EXT-X-MEDIA-SEQUENCE:0
                #EXT-X-INDEPENDENT-SEGMENTS
                #EXTINF:0.060,
                getTSFragment.ts?FragmentNumber=900&SessionToken=T
                #EXT-X-ENDLIST

                """)
    }

    /// Sound that outlasts the pictures of each fragment does not add up; what is before a gap, or may still change, is as long as it plays.
    @Test func fragmentsOnDemandLastUntilTheNext() {
        let fragments = [(0, 1021), (1000, 1021), (2000, 840), (3000, 1021), (9000, 1003)].enumerated().map { place, times in
            Self.fragment(Int64(place), at: Int64(times.0), lasting: Int64(times.1))
        }
        func listed(_ isOnDemand: Bool, _ mode: DiscontinuityMode) -> [String] {
            HLS(container: .fragmentedMP4, token: "T").media(
                Self.window(10, fragments, keeping: .oldest, mode: mode), track: 1,
                HLS.Playlist(isOnDemand: isOnDemand, isEnded: isOnDemand, showsTimes: false, target: 1)
            ).split(separator: "\n").filter { $0.hasPrefix("#EXTINF:") }.map { String($0.dropFirst(8).dropLast()) }
        }
        let played = ["1.021", "1.021", "0.840", "1.021", "1.003"]
        #expect(listed(true, .never) == ["1.000", "1.000", "1.000", "1.021", "1.003"])
        #expect(listed(true, .onDiscontinuity) == ["1.000", "1.000", "0.840", "1.021", "1.003"])
        #expect(listed(true, .always) == played)
        #expect(listed(false, .never) == played)
    }

    /// Segments that follow each other have no gap and no overlap between them.
    @Test func segmentsOfAManifestMeet() throws {
        let fragments = [(0, 995), (1000, 1021), (2000, 1000), (9000, 1003)].enumerated().map { place, times in
            Self.fragment(Int64(place), at: Int64(times.0), lasting: Int64(times.1))
        }
        func segments(_ side: PlaylistWindow.Side) throws -> [String] {
            let manifest = DASH(token: "T", base: 0, created: 0, isStatic: side == .oldest, showsTimes: false, showsNumbers: false)
                .text(Self.window(10, fragments, keeping: side), try PlayedTracks([.aac]), bandwidth: 1)
            return manifest.split(separator: "\n").filter { $0.hasPrefix("<S ") }.map(String.init)
        }
        let joined = [#"<S t="0" d="1000"/>"#, #"<S t="1000" d="1000"/>"#]
        // What is recorded has no gap either; what is live is at its time.
        #expect(try segments(.oldest) == joined + [#"<S t="2000" d="1050"/>"#, #"<S t="3050" d="1003"/>"#])
        #expect(try segments(.newest) == joined + [#"<S t="2000" d="1000"/>"#, #"<S t="9000" d="1003"/>"#])
    }
}
