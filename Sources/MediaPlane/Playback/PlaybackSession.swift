import Contract
import FragmentStore
import MediaFormats
import Store

/// What the token of a session holds: all that is needed to answer its requests, on whatever instance. Times are milliseconds since the epoch.
struct PlaybackSession: Sendable, Hashable {
    enum Form: String, Sendable { case hlsMP4, hlsTransportStream, dash }

    var form: Form
    /// With the creation time: a stream that is made anew under the name is another.
    var stream: ResourceKey
    var created: Int64
    var expires: Int64
    var mode: MediaFormats.PlaybackMode
    var source: TimestampSource
    /// Which starts of fragments belong to it; with LIVE, whatever starts after `first`.
    var range: ClosedRange<Int64>
    var discontinuity: MediaFormats.DiscontinuityMode
    var showsTimes: Bool
    var showsNumbers: Bool
    var capacity: Int
    /// The sequence of the fragment that it begins with, and its start: 0 on the timeline.
    var first: Int64 = 0
    var base: Int64 = 0
    /// Where the first sound starts on the timeline, in nanoseconds.
    var audioOrigin: Int64 = 0
    /// How long the last frame of a fragment lasts, in milliseconds, and how long the only one of a fragment that has no other.
    var frame: Int64 = 0
    var still: Int64 = 0
    /// Seconds: of EXT-X-TARGETDURATION.
    var target: Int64 = 1

    /// When a fragment starts, by the session's clock.
    func start(of record: FragmentRecord) -> Int64 { source.start(of: record) }

    /// Which fragments the index is asked for. What arrives is LIVE by the server's clock, whatever the source.
    var selection: FragmentSelection {
        switch mode {
        case .live: .all
        case .liveReplay, .onDemand: source.selection(of: range)
        }
    }

    /// Whether a fragment may be asked for.
    func holds(_ record: FragmentRecord) -> Bool {
        let start = start(of: record)
        return start >= base && (mode == .live ? record.number.sequence >= first : range.contains(start))
    }

    /// The place behind a fragment, in the order of the selection.
    func position(after record: FragmentRecord) -> FragmentPosition {
        switch (mode, source) {
        case (.live, _), (.liveReplay, .server), (.onDemand, .server): .after(record.number.sequence)
        case (.liveReplay, .producer), (.onDemand, .producer):
            FragmentPosition(time: record.producerTime, sequence: record.number.sequence)
        }
    }

    /// How long a fragment plays, its last frame included, in milliseconds.
    func duration(of record: FragmentRecord) -> Int64 { record.length > 0 ? record.length + frame : still }
}

extension ListedFragment {
    /// A stored fragment whose start is by the clock of `source`. `duration` is in milliseconds, with its last frame where that is known.
    init(_ record: FragmentRecord, by source: TimestampSource, duration: Int64, trackSet: String) {
        self.init(
            number: record.number.description, sequence: record.number.sequence, start: source.start(of: record),
            produced: record.producerTime, duration: duration, trackSet: trackSet)
    }
}

extension PlaybackSession {
    /// As the token holds it. No part holds a space. While instances of two versions run, each opens the tokens of the other: a new part comes last and
    /// has a default, and the number in front changes only when an older instance must not open the token.
    var text: String {
        [
            "1", form.rawValue, stream.account, stream.region, stream.name, "\(stream.creationTime ?? 0)", "\(created)", "\(expires)",
            mode.rawValue, source.rawValue, "\(range.lowerBound)", "\(range.upperBound)", discontinuity.rawValue, showsTimes ? "1" : "0",
            showsNumbers ? "1" : "0", "\(capacity)", "\(first)", "\(base)", "\(audioOrigin)", "\(frame)", "\(still)",
            "\(target)",
        ].joined(separator: " ")
    }

    /// - Parameter text: What `text` of a session was, on an instance of this version or another; nil for anything else.
    init?(_ text: String) {
        var parts = text.split(separator: " ").map(String.init)
        // The first form has no `still`: the only frame of a fragment lasts as long as the last one of others.
        if parts.count == 21 { parts.insert(parts[19], at: 20) }
        guard parts.count >= 22, parts[0] == "1", let form = Form(rawValue: parts[1]),
            let mode = MediaFormats.PlaybackMode(rawValue: parts[8]), let source = TimestampSource(rawValue: parts[9]),
            let discontinuity = MediaFormats.DiscontinuityMode(rawValue: parts[12])
        else { return nil }
        let numbers = ([5, 6, 7, 10, 11] + Array(15...21)).compactMap { Int64(parts[$0]) }
        guard numbers.count == 12, numbers[3] <= numbers[4] else { return nil }
        self.init(
            form: form,
            stream: ResourceKey(.stream, account: parts[2], region: parts[3], name: parts[4], creationTime: numbers[0]),
            created: numbers[1], expires: numbers[2], mode: mode, source: source, range: numbers[3]...numbers[4],
            discontinuity: discontinuity, showsTimes: parts[13] == "1", showsNumbers: parts[14] == "1", capacity: Int(numbers[5]),
            first: numbers[6], base: numbers[7], audioOrigin: numbers[8], frame: numbers[9], still: numbers[10], target: numbers[11])
    }
}
