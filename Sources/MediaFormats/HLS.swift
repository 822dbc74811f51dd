import FoundationEssentials

/// The playlists of HTTP Live Streaming (RFC 8216), with the names that the service gives to what they lead to.
public struct HLS: Sendable {
    public enum Container: String, Sendable, CaseIterable {
        case fragmentedMP4 = "FRAGMENTED_MP4"
        case transportStream = "MPEG_TS"
    }

    public let container: Container
    /// What each address carries: letters, digits and `-._~` only.
    public let token: String

    public init(container: Container, token: String) {
        self.container = container
        self.token = token
    }

    /// The playlist that names the media playlists.
    ///
    /// - Parameter bandwidth: Bits a second of the fragment that has the most.
    public func master(_ tracks: PlayedTracks, bandwidth: Int) -> String {
        var lines = ["#EXTM3U", "#EXT-X-VERSION:1"]
        var attributes = [#"CODECS="\#([tracks.video, tracks.audio].compactMap { $0?.codecs }.joined(separator: ","))""#]
        if let size = tracks.video?.size { attributes.append("RESOLUTION=\(size.width)x\(size.height)") }
        if let rate = tracks.video?.frameRate {
            attributes.append("FRAME-RATE=\(Self.decimal(thousandths: Int64((rate * 1000).rounded())))")
        }
        attributes.append("BANDWIDTH=\(max(bandwidth, 1))")
        if container == .fragmentedMP4, tracks.video != nil, let audio = tracks.audio {
            let address = media(ofTrack: audio.number)
            lines.append(
                #"#EXT-X-MEDIA:AUTOSELECT=YES,TYPE=AUDIO,URI="\#(address)",GROUP-ID="audio",DEFAULT=NO,NAME="audio""#)
            attributes.append(#"AUDIO="audio""#)
        }
        lines.append("#EXT-X-STREAM-INF:" + attributes.joined(separator: ","))
        lines.append(media(ofTrack: (tracks.video ?? tracks.audio)?.number ?? 1))
        return lines.joined(separator: "\n") + "\n"
    }

    /// How a media playlist is to be played.
    public struct Playlist: Sendable {
        /// Whether it is whole and never changes.
        public var isOnDemand: Bool
        /// Whether nothing will be added.
        public var isEnded: Bool
        /// Whether players are told the time of day.
        public var showsTimes: Bool
        /// Seconds that no fragment is longer than; more if one of those listed is longer.
        public var target: Int64

        public init(isOnDemand: Bool, isEnded: Bool, showsTimes: Bool, target: Int64) {
            self.isOnDemand = isOnDemand
            self.isEnded = isEnded
            self.showsTimes = showsTimes
            self.target = target
        }
    }

    /// The playlist of a track, or with MPEG-TS of all.
    public func media(_ window: PlaylistWindow, track: UInt64, _ playlist: Playlist) -> String {
        let following = window.entries.dropFirst().map(Optional.some) + [nil]
        let durations = zip(window.entries, following).map { entry, next in
            playlist.isOnDemand ? Self.duration(of: entry, before: next) : entry.fragment.duration
        }
        let longest = durations.reduce(playlist.target) { max($0, Self.target($1)) }
        var text = "#EXTM3U\n#EXT-X-VERSION:\(container == .fragmentedMP4 ? 7 : 3)\n"
        text.reserveCapacity(512 + window.entries.count * (256 + token.utf8.count))
        if playlist.isOnDemand { text += "#EXT-X-PLAYLIST-TYPE:VOD\n" }
        text += "#EXT-X-TARGETDURATION:\(longest)\n#EXT-X-MEDIA-SEQUENCE:\(window.mediaSequence)\n"
        if window.discontinuitySequence > 0 { text += "#EXT-X-DISCONTINUITY-SEQUENCE:\(window.discontinuitySequence)\n" }
        text += "#EXT-X-INDEPENDENT-SEGMENTS\n"
        var initialization: Int64?
        for (entry, duration) in zip(window.entries, durations) {
            if entry.isDiscontinuous { text += "#EXT-X-DISCONTINUITY\n" }
            if container == .fragmentedMP4, initialization != entry.initialization {
                initialization = entry.initialization
                let address = "getMP4InitFragment.mp4?SessionToken=\(token)&TrackNumber=\(track)&SequenceNumber=\(entry.initialization)"
                text += "#EXT-X-MAP:URI=\"\(address)\"\n"
            }
            if playlist.showsTimes { text += "#EXT-X-PROGRAM-DATE-TIME:\(timeOfDay(entry.fragment.start))\n" }
            text += "#EXTINF:\(Self.decimal(thousandths: duration)),\n"
            switch container {
            case .fragmentedMP4:
                text += "getMP4MediaFragment.mp4?FragmentNumber=\(entry.fragment.number)&SessionToken=\(token)&TrackNumber=\(track)\n"
            case .transportStream:
                text += "getTSFragment.ts?FragmentNumber=\(entry.fragment.number)&SessionToken=\(token)\n"
            }
        }
        return playlist.isEnded ? text + "#EXT-X-ENDLIST\n" : text
    }

    /// How long a fragment plays in a list that never changes: until the next, where that one follows it. Sound that outlasts the pictures, and what
    /// is rounded, would add up to seconds else.
    private static func duration(of entry: PlaylistWindow.Entry, before next: PlaylistWindow.Entry?) -> Int64 {
        guard let next, !next.isDiscontinuous else { return entry.fragment.duration }
        let step = next.fragment.start - entry.fragment.start
        return PlaylistWindow.follows(after: step, entry.fragment.duration) ? step : entry.fragment.duration
    }

    /// What a fragment's duration in milliseconds counts for in EXT-X-TARGETDURATION: whole seconds, rounded.
    public static func target(_ duration: Int64) -> Int64 { max((duration + 500) / 1000, 1) }

    private func media(ofTrack number: UInt64) -> String { "getHLSMediaPlaylist.m3u8?SessionToken=\(token)&TrackNumber=\(number)" }

    private static func decimal(thousandths value: Int64) -> String {
        let fraction = String(value % 1000)
        return "\(value / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}

/// A moment in milliseconds since the epoch, as playlists and manifests show it: `2026-11-28T11:04:05.030Z`.
///
/// What formats a date cuts off what follows the milliseconds, and a date is a binary number of seconds that may lie just below the millisecond
/// that is meant. So the middle of that millisecond is formatted.
func timeOfDay(_ milliseconds: Int64) -> String {
    Date(timeIntervalSince1970: (Double(milliseconds) + 0.5) / 1000).formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
}
