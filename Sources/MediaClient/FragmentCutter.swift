import Matroska

/// A fragment as it is sent: frames of some tracks, of which none comes before its timecode.
struct CutFragment: Sendable, Equatable {
    /// In milliseconds, of the earliest frame.
    let timecode: Int
    /// Of the latest frame.
    let lastTime: Int
    /// In decoding order.
    let frames: [SourceFrame]

    /// Numbers of the tracks that it has frames of.
    var tracks: Set<Int> { Set(frames.map(\.track)) }

    init(_ frames: [SourceFrame]) {
        self.frames = frames
        timecode = frames.map(\.time).min() ?? 0
        lastTime = frames.map(\.time).max() ?? 0
    }
}

/// Makes fragments of frames that come in the order in which files have them. A value without I/O.
///
/// A fragment begins at a key frame of the leading track, which is the first one with pictures, or else the first one; a source that has only sound is
/// cut by time. All frames of a fragment are later than all those of the one before, as the service demands: frames of the other tracks that come
/// somewhat before or after a cut go to the side on which their time is.
struct FragmentCutter {
    struct Rules: Sendable {
        /// Milliseconds that a fragment lasts at least: key frames that come sooner begin none.
        var shortest = 1000
        /// Milliseconds after which one is cut without a key frame: the service takes 20 seconds.
        var longest = 18_000
        /// Bytes after which one is cut without a key frame: the service takes 50 MB.
        var largest = 40_000_000
        /// How many milliseconds of pictures to wait, at most, for sound that belongs before a cut.
        var patience = 5_000
    }

    private let rules: Rules
    private let leading: Int
    private let others: [Int]
    /// Whether every frame of the leading track may begin a fragment.
    private let hasPictures: Bool
    /// The fragment that grows.
    private var current: [SourceFrame] = []
    /// From the frame on that begins the next fragment, until it is known which others belong to it.
    private var next: [SourceFrame] = []
    /// Of each track, the latest time so far.
    private var latest: [Int: Int] = [:]
    /// Where the fragment begins that grows: nothing earlier may follow.
    private var boundary = Int.min
    private var hasBegun = false

    /// Frames that were left out: before the first key frame, and those that came too late for their fragment.
    private(set) var undecodable = 0
    private(set) var late = 0
    /// Fragments that begin without a key frame.
    private(set) var withoutKey = 0

    /// - Parameter tracks: At least one.
    init(_ tracks: [Track], _ rules: Rules = Rules()) {
        self.rules = rules
        let pictures = tracks.first { $0.kind == .video }
        leading = (pictures ?? tracks.first)?.number ?? 0
        hasPictures = pictures != nil
        others = tracks.map(\.number).filter { [leading] in $0 != leading }
    }

    /// Returns the fragments that this frame completes.
    mutating func add(_ frame: SourceFrame) -> [CutFragment] {
        latest[frame.track] = max(latest[frame.track] ?? frame.time, frame.time)
        return place([frame], isLast: false)
    }

    /// Returns what is left; nothing more comes.
    mutating func finish() -> [CutFragment] {
        var fragments = place([], isLast: true)
        if !current.isEmpty { fragments.append(CutFragment(current)) }
        current = []
        return fragments
    }

    private mutating func place(_ frames: [SourceFrame], isLast: Bool) -> [CutFragment] {
        var fragments: [CutFragment] = []
        // The last one first.
        var waiting = Array(frames.reversed())
        while true {
            if let frame = waiting.popLast() {
                place(frame)
            } else if !isLast || next.isEmpty {
                return fragments
            }
            guard let cut = cut(isLast: isLast && waiting.isEmpty) else { continue }
            let before = { [leading] (frame: SourceFrame) in frame.track != leading && frame.time < cut }
            let after = { [leading] (frame: SourceFrame) in frame.track != leading && frame.time >= cut }
            fragments.append(CutFragment(current.filter { !after($0) } + next.filter(before)))
            // What is sound of the time after the cut goes behind the frame that begins the fragment.
            var following = next.filter { !before($0) }
            following.insert(contentsOf: current.filter(after), at: min(1, following.count))
            if hasPictures, following.first?.isKey == false { withoutKey += 1 }
            boundary = cut
            current = []
            next = []
            waiting += following.reversed()
        }
    }

    private mutating func place(_ frame: SourceFrame) {
        let leads = frame.track == leading
        guard frame.time >= boundary else {
            late += 1
            return
        }
        if leads, !hasBegun {
            guard frame.isKey || !hasPictures else {
                undecodable += 1
                return
            }
            hasBegun = true
        }
        if !next.isEmpty {
            next.append(frame)
        } else if begins(frame, leads) {
            next = [frame]
        } else {
            current.append(frame)
        }
    }

    /// Whether a fragment may begin with this frame, and the one that grows is long enough for that.
    private func begins(_ frame: SourceFrame, _ leads: Bool) -> Bool {
        guard let start = current.lazy.map(\.time).min() else { return false }
        let length = frame.time - start
        guard leads else { return length >= rules.longest + rules.patience }
        guard let last = current.lazy.filter({ $0.track == leading }).map(\.time).max() else { return length >= rules.longest }
        if frame.isKey || !hasPictures, length >= (hasPictures ? rules.shortest : 2 * rules.shortest) { return true }
        // In the middle of pictures that are shown before one that was sent before them nothing can be cut.
        return frame.time > last && (length >= rules.longest || current.reduce(0) { $0 + $1.bytes.count } >= rules.largest)
    }

    /// The time at which the next fragment begins, once that is known, and all sound that belongs before it has come or was waited for long enough.
    private func cut(isLast: Bool) -> Int? {
        guard let first = next.first else { return nil }
        guard first.track == leading else { return first.time }
        // Pictures that are shown before the key frame may follow it, until one comes that is shown after it.
        let pictures = next.filter { $0.track == leading }
        let cut = pictures.map(\.time).min() ?? first.time
        if isLast { return cut }
        let newest = pictures.map(\.time).max() ?? first.time
        guard newest > first.time || !hasPictures else { return nil }
        if newest - cut >= rules.patience { return cut }
        return others.allSatisfy { latest[$0, default: .min] >= cut } ? cut : nil
    }
}
