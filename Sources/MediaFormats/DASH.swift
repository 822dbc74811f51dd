/// The manifest of MPEG-DASH (ISO/IEC 23009-1): one period, one set of segments for each track, whose times are milliseconds from the session's first
/// fragment.
public struct DASH: Sendable {
    /// What each address carries: letters, digits and `-._~` only.
    public let token: String
    /// When the first fragment starts and when the session began, in milliseconds since the epoch.
    public let base: Int64
    public let created: Int64
    /// Whether nothing will be added.
    public let isStatic: Bool
    /// Whether the starts and the numbers of fragments are shown, as attributes of the service's own.
    public let showsTimes: Bool
    public let showsNumbers: Bool

    public init(token: String, base: Int64, created: Int64, isStatic: Bool, showsTimes: Bool, showsNumbers: Bool) {
        self.token = token
        self.base = base
        self.created = created
        self.isStatic = isStatic
        self.showsTimes = showsTimes
        self.showsNumbers = showsNumbers
    }

    /// - Parameter bandwidth: Bits a second of the fragment that has the most.
    public func text(_ window: PlaylistWindow, _ tracks: PlayedTracks, bandwidth: Int) -> String {
        let start = window.entries.first?.time ?? 0
        let end = window.entries.last.map { $0.time + $0.fragment.duration } ?? 0
        var text = #"<?xml version="1.0" encoding="UTF-8"?>"# + "\n"
        text += #"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" xmlns:kvs="urn:weir:kinesisvideo:2017-09-30""#
        text += #" profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT\#(Self.seconds(longest(window.entries)))S""#
        if isStatic {
            text += #" type="static" mediaPresentationDuration="PT\#(Self.seconds(end - start))S">"#
        } else {
            // What is listed is there: the presentation's clock is at its end when the manifest is made.
            text += #" type="dynamic" availabilityStartTime="\#(timeOfDay(base))" publishTime="\#(timeOfDay(base + end))""#
            text += #" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT\#(Self.seconds(end - start))S">"#
        }
        // A static presentation begins with its first fragment; a dynamic one counts from its base.
        text += "\n<Period id=\"1\" start=\"PT0S\">\n"
        for track in [tracks.video, tracks.audio].compactMap({ $0 }) {
            text += adaptationSet(track, window.entries, from: isStatic ? start : 0, bandwidth: max(bandwidth, 1))
        }
        return text + "</Period>\n</MPD>\n"
    }

    /// - Parameter offset: The time of the timeline with which the presentation begins.
    private func adaptationSet(_ track: Track, _ entries: [PlaylistWindow.Entry], from offset: Int64, bandwidth: Int) -> String {
        let type = track.size == nil ? "audio" : "video"
        var text = "<AdaptationSet id=\"\(track.number)\" contentType=\"\(type)\" mimeType=\"\(type)/mp4\""
        text += " segmentAlignment=\"true\" startWithSAP=\"1\">\n"
        let query = "SessionToken=\(token)&amp;TrackNumber=\(track.number)"
        let sequence = entries.first?.fragment.sequence ?? 0
        let begins = offset > 0 ? " presentationTimeOffset=\"\(offset)\"" : ""
        text += "<SegmentTemplate timescale=\"1000\"\(begins)"
        text += " initialization=\"getMP4InitFragment.mp4?\(query)&amp;SequenceNumber=\(sequence)\""
        text += " media=\"getMP4MediaFragment.mp4?\(query)&amp;Time=$Time$\">\n<SegmentTimeline>\n"
        for (entry, next) in zip(entries, entries.dropFirst().map(Optional.some) + [nil]) {
            let fragment = entry.fragment
            // Segments may not overlap in a timeline, and players take what is between two that follow each other for a gap.
            let step = next.map { $0.time - entry.time } ?? fragment.duration
            let duration = step < fragment.duration || PlaylistWindow.follows(after: step, fragment.duration) ? step : fragment.duration
            text += "<S t=\"\(entry.time)\" d=\"\(max(duration, 1))\""
            if showsNumbers { text += " kvs:fn=\"\(fragment.number)\"" }
            if showsTimes { text += " kvs:ts=\"\(timeOfDay(fragment.start))\"" }
            text += "/>\n"
        }
        text += "</SegmentTimeline>\n</SegmentTemplate>\n"
        text += "<Representation id=\"\(track.number)\" codecs=\"\(track.codecs)\" bandwidth=\"\(bandwidth)\""
        if let size = track.size { text += " width=\"\(size.width)\" height=\"\(size.height)\"" }
        if let sound = track.sound { text += " audioSamplingRate=\"\(sound.rate)\"" }
        return text + "/>\n</AdaptationSet>\n"
    }

    private func longest(_ entries: [PlaylistWindow.Entry]) -> Int64 { entries.map(\.fragment.duration).max() ?? 1000 }

    private static func seconds(_ milliseconds: Int64) -> String {
        let fraction = String(milliseconds % 1000)
        return "\(milliseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }
}
