/// A fragment as a playlist lists it.
public struct ListedFragment: Hashable, Sendable {
    /// As the API writes it.
    public var number: String
    /// Its place in the order of arrival; grows from fragment to fragment, with gaps.
    public var sequence: Int64
    /// When it starts, in milliseconds since the epoch, by the clock of the session.
    public var start: Int64
    /// When it starts by its producer's clock.
    public var produced: Int64
    /// How long it plays, its last frame's duration included, in milliseconds.
    public var duration: Int64
    /// What is equal for fragments of equal codec private data.
    public var trackSet: String

    public init(number: String, sequence: Int64, start: Int64, produced: Int64, duration: Int64, trackSet: String) {
        self.number = number
        self.sequence = sequence
        self.start = start
        self.produced = produced
        self.duration = duration
        self.trackSet = trackSet
    }
}

/// When a playlist tells players to begin their timeline anew.
public enum DiscontinuityMode: String, Sendable, CaseIterable {
    case always = "ALWAYS"
    case never = "NEVER"
    /// Where fragments are more than 50 ms apart, or overlap by more.
    case onDiscontinuity = "ON_DISCONTINUITY"
}

/// What a playlist lists at a time, made by taking the fragments of a session one after the other in the order of their arrival. It depends on
/// these alone, so that every instance makes the same one, and the numbers in it never change.
public struct PlaylistWindow: Sendable {
    public struct Entry: Hashable, Sendable {
        public let fragment: ListedFragment
        /// Where it starts on a timeline on which no two overlap, in milliseconds from the session's first fragment; grows from entry to entry.
        public let time: Int64
        /// Whether players begin their timeline anew before it.
        public let isDiscontinuous: Bool
        /// The first fragment, by its sequence, of those in a row that have the same codec private data.
        public let initialization: Int64
    }

    /// Which fragments stay when there are more than the playlist may list.
    public enum Side: Sendable { case oldest, newest }

    private let capacity: Int
    private let side: Side
    private let mode: DiscontinuityMode
    private let base: Int64
    public private(set) var entries: [Entry] = []
    /// How many entries were listed and are no more, and how many of them were discontinuous.
    public private(set) var mediaSequence = 0
    public private(set) var discontinuitySequence = 0
    /// How many entries there are and were.
    public var count: Int { mediaSequence + entries.count }
    /// How often codec private data changed. Reference, GetHLSStreamingSessionURL: a session may see 500 changes.
    private var changes = 0
    private static let mostChanges = 500

    /// How far apart fragments may be, or overlap, and be no discontinuity, in milliseconds. Reference, DiscontinuityMode.
    private static let tolerance: Int64 = 50

    /// Whether a fragment that starts so many milliseconds after another, which plays for so many, follows it without a gap.
    static func follows(after step: Int64, _ duration: Int64) -> Bool {
        (step - duration).magnitude <= max(tolerance, min(duration / 4, 500))
    }

    /// - Parameter base: When the session's first fragment starts, in milliseconds since the epoch.
    public init(capacity: Int, keeping side: Side, mode: DiscontinuityMode, base: Int64 = 0) {
        self.capacity = capacity
        self.side = side
        self.mode = mode
        self.base = base
    }

    /// The entry that starts at a time of the timeline; nil where none is listed that does.
    public func entry(at time: Int64) -> Entry? {
        var range = entries[...]
        while let middle = range.indices.dropFirst(range.count / 2).first {
            if entries[middle].time == time { return entries[middle] }
            range = entries[middle].time < time ? range[(middle + 1)...] : range[..<middle]
        }
        return nil
    }

    /// Fragments that were listed are no more kept: so many at most. What is numbered from now on has no number that one of them had.
    public mutating func passOver(_ count: Int) {
        mediaSequence += count
        discontinuitySequence += count
    }

    /// Whether nothing that comes can be listed: the oldest fragments are there, or the session saw all changes it may.
    public var isOver: Bool { side == .oldest && entries.count == capacity || changes > Self.mostChanges }

    /// Takes the fragment that arrived after those taken so far. It takes the place of one that starts at the same time; one that starts
    /// before the newest is not added.
    public mutating func append(_ fragment: ListedFragment) {
        if let same = entries.lastIndex(where: { $0.fragment.start <= fragment.start }), entries[same].fragment.start == fragment.start {
            entries[same] = entry(fragment, after: same > 0 ? entries[same - 1] : nil, keeping: entries[same])
            for later in entries.indices.dropFirst(same + 1) {
                entries[later] = entry(entries[later].fragment, after: entries[later - 1], keeping: nil)
            }
            return
        }
        guard !isOver, fragment.start > entries.last?.fragment.start ?? .min else { return }
        let new = entry(fragment, after: entries.last, keeping: nil)
        if let last = entries.last, last.initialization != new.initialization { changes += 1 }
        guard changes <= Self.mostChanges else { return }
        entries.append(new)
        if entries.count > capacity {
            mediaSequence += 1
            discontinuitySequence += entries[0].isDiscontinuous ? 1 : 0
            entries.removeFirst()
        }
    }

    /// - Parameter replaced: The entry in whose place it comes. What was listed before that one may be known no more.
    private func entry(_ fragment: ListedFragment, after previous: Entry?, keeping replaced: Entry?) -> Entry {
        guard let previous else {
            let isChanged = replaced.map { $0.fragment.trackSet != fragment.trackSet } ?? true
            return Entry(
                fragment: fragment, time: replaced?.time ?? (side == .oldest ? 0 : fragment.start - base),
                isDiscontinuous: replaced.map { $0.isDiscontinuous || isChanged && mediaSequence > 0 } ?? false,
                initialization: isChanged ? fragment.sequence : replaced?.initialization ?? fragment.sequence)
        }
        let isSame = previous.fragment.trackSet == fragment.trackSet
        let jump = fragment.start - previous.fragment.start - previous.fragment.duration
        let jumps =
            switch mode {
            case .always: true
            case .never: false
            case .onDiscontinuity: jump.magnitude > Self.tolerance
            }
        return Entry(
            fragment: fragment, time: time(of: fragment, after: previous), isDiscontinuous: jumps || !isSame,
            initialization: isSame ? previous.initialization : fragment.sequence)
    }

    /// Fragments that follow each other are as far apart as they started, by the session's clock or else, as of a film that is sent at once, by its
    /// producer's; where sound and pictures do not end together, their durations overlap a little. One that overlaps by more begins behind the one
    /// before, with room for the rest of a frame of sound. What follows a gap does so too where all is there, as there is nothing to wait for; else
    /// the timeline is the clock's again, so that players know how late they are.
    private func time(of fragment: ListedFragment, after previous: Entry) -> Int64 {
        let behind = previous.time + previous.fragment.duration + Self.tolerance
        let last = previous.fragment
        for step in [fragment.start &- last.start, fragment.produced &- last.produced]
        where step > 0 && Self.follows(after: step, last.duration) {
            return previous.time + step
        }
        return side == .oldest ? behind : max(fragment.start - base, behind)
    }
}
