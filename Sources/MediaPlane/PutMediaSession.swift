import Contract
import FragmentStore
import Matroska

/// What one connection of PutMedia sends, held against the rules: takes what the parser finds and returns what is to be done with it. A value
/// without I/O.
///
/// A fragment is a cluster and the tags that follow it. Tags that stand before the first cluster, or behind END_OF_FRAGMENT, belong to the
/// fragment after them.
struct PutMediaSession {
    /// What is to be done, in order.
    enum Action {
        /// A fragment begins; `append` what follows, `head` first.
        case begin(Beginning)
        /// Keep these bytes of what was fed now, behind those that the parser held.
        case append(held: HeldBytes, Range<Int>)
        /// The fragment is whole.
        case finish(Ending)
        /// The fragment, if one has begun, is not: end the session with this error.
        case fail(Failure)
    }

    struct Beginning {
        let timecode: Int
        /// Milliseconds since the epoch.
        let producerTime: Int64
        let tracks: Matroska.TrackSet
        let head: [UInt8]
    }

    struct Ending {
        /// The producer's tags, as bytes and as what they say.
        let tagBytes: [UInt8]
        let tags: [Matroska.Tag]
        /// From the first frame to the last, in milliseconds.
        let length: Int64
        let flags: FragmentFlags
        /// Whether it starts no later than the one before ended: told nobody, and counted.
        let overlaps: Bool
    }

    struct Failure: Error, Equatable {
        let error: MediaError
        /// Whether it is about the fragment that is open, and not about the stream.
        let isOfFragment: Bool
        /// Whether the stream is told to be invalid too, as the service does.
        var invalidatesStream = false
    }

    private let settings: MediaSettings
    private let timecodeType: FragmentTimecodeType
    /// Milliseconds since the epoch.
    private let producerStart: Int64
    private var tracks: Matroska.TrackSet?
    private var fragment: OpenFragment?
    /// Tags that came while no fragment was open.
    private var early = FoundTags()
    private var previousTimecode: Int?
    private var previousEnd: Int?

    /// The tags of one fragment.
    private struct FoundTags {
        var entries: [Matroska.Tag] = []
        var bytes: [UInt8] = []
    }

    private struct OpenFragment {
        let timecode: Int
        var size: Int
        var tags: FoundTags
        /// Times of frames, in units of the timecode scale.
        var first: Int?
        var last: Int?
        /// By their place among the tracks.
        var tracksWithFrames = 0
        var startsWithoutKeyFrame = false
        var hasMainFrame = false
        var overlaps = false
    }

    init(_ settings: MediaSettings, _ timecodeType: FragmentTimecodeType, producerStart: Int64) {
        self.settings = settings
        self.timecodeType = timecodeType
        self.producerStart = producerStart
    }

    /// Whether a fragment has begun and is not whole.
    var isFragmentOpen: Bool { fragment != nil }

    /// Takes what the parser found. `now` is in milliseconds since the epoch. After a failure nothing more is to be taken.
    mutating func take(_ event: Event, now: Int64) -> [Action] {
        switch event {
        case .header(let found):
            tracks = found
            return []
        case .fragmentStart(let start): return begin(start, now)
        case .block(let block): return check(block).map { [.fail($0)] } ?? []
        case .bytes(let held, let range):
            guard grow(held.count + range.count) else { return [failure(.maximumFragmentSize)] }
            return [.append(held: held, range)]
        case .tags(let found): return check(found).map { [.fail($0)] } ?? []
        case .fragmentEnd: return end()
        // What comes behind the Segment is read: a second one, say, is a violation.
        case .end: return []
        case .violation(let violation):
            return [.fail(Failure(error: error(of: violation), isOfFragment: false))]
        }
    }

    private func error(of violation: Matroska.Violation) -> MediaError {
        if violation.reason == .tooManyTracks { return .moreThanAllowedTracks }
        // Of a cluster, as long as it has begun no fragment: a time of centuries from now, such as microseconds that pass for milliseconds.
        if violation.reason == .invalidTime, fragment == nil { return .invalidProducerTimestamp }
        return .invalidMKVData
    }

    // MARK: A fragment

    private mutating func begin(_ start: Matroska.FragmentStart, _ now: Int64) -> [Action] {
        guard let tracks else { return [.fail(Failure(error: .invalidMKVData, isOfFragment: false))] }
        let offset = milliseconds(start.timecode)
        let producerTime =
            switch timecodeType {
            case .absolute: offset
            case .relative: producerStart.addingReportingOverflow(offset).partialValue
            }
        let beginning = Action.begin(
            Beginning(timecode: start.timecode, producerTime: producerTime, tracks: tracks, head: start.head))
        fragment = OpenFragment(timecode: start.timecode, size: start.head.count, tags: early)
        early = FoundTags()
        if let failure = check(fragment?.tags ?? FoundTags()) { return [beginning, .fail(failure)] }
        let isTooOld = timecodeType == .absolute && producerTime < Self.earliestProducerTime
        guard !isTooOld, producerTime >= 0, producerTime <= now + Self.furthestAhead else {
            return [beginning, failure(.invalidProducerTimestamp)]
        }
        if let previousTimecode, start.timecode <= previousTimecode { return [beginning, failure(.timecodeLesserThanPrevious)] }
        previousTimecode = start.timecode
        return [beginning]
    }

    /// Of producers whose timecodes count from the epoch: what is earlier counts from something else.
    private static let earliestProducerTime: Int64 = 365 * 86_400_000
    /// How far a producer's clock may be ahead, in milliseconds.
    private static let furthestAhead: Int64 = 86_400_000

    private mutating func check(_ block: Block) -> Failure? {
        guard let tracks, var open = fragment else { return Failure(error: .invalidMKVData, isOfFragment: false) }
        guard let place = tracks.tracks.firstIndex(where: { $0.number == block.track }) else { return about(.trackNumberMismatch) }
        open.tracksWithFrames |= 1 << place
        if let longest = settings.longestFragment, milliseconds(block.time) - milliseconds(open.timecode) > longest * 1000 {
            return about(.maximumFragmentDuration)
        }
        if let previousEnd, block.time <= previousEnd {
            guard !settings.forbidsOverlap else { return about(.timecodeLesserThanPrevious) }
            open.overlaps = true
        }
        if !open.hasMainFrame, place == tracks.mainPlace {
            open.hasMainFrame = true
            open.startsWithoutKeyFrame = !block.isKey
        }
        open.first = min(open.first ?? block.time, block.time)
        open.last = max(open.last ?? block.time, block.time)
        fragment = open
        return nil
    }

    /// Whether the fragment may have so many bytes more.
    private mutating func grow(_ count: Int) -> Bool {
        fragment?.size += count
        return (fragment?.size ?? 0) <= settings.largestFragment
    }

    private mutating func check(_ found: Tags) -> Failure? {
        var tags = fragment?.tags ?? early
        tags.entries += found.entries
        tags.bytes += found.bytes
        if fragment == nil { early = tags } else { fragment?.tags = tags }
        return check(tags)
    }

    private func check(_ tags: FoundTags) -> Failure? {
        for tag in tags.entries where tag.name.hasPrefix("AWS_") && !Self.ownTags.contains(tag.name) {
            return about(.invalidFragmentMetadata)
        }
        let areShort = tags.entries.allSatisfy { $0.name.utf8.count <= 128 && $0.value.utf8.count <= 256 }
        // What is between the tags is bounded too, though nobody sends it.
        guard areShort, tags.entries.count <= 10, tags.bytes.count <= 65_536 else { return about(.fragmentMetadataLimit) }
        return nil
    }

    /// Tags of the service's own that a producer may send. Developer guide, "Streaming metadata" and "Getting started with notifications".
    private static let ownTags: Set<String> = [
        Matroska.Tag.endOfFragment, Matroska.Tag.notification, Matroska.Tag.imageGeneration, Matroska.Tag.imagePrefix,
    ]

    private mutating func end() -> [Action] {
        guard let open = fragment, let tracks else { return [] }
        guard open.tracksWithFrames == (1 << tracks.tracks.count) - 1 else {
            return [.fail(Failure(error: .framesMissingForTrack, isOfFragment: true, invalidatesStream: true))]
        }
        let size = open.size + open.tags.bytes.count
        guard size <= settings.largestFragment else { return [failure(.maximumFragmentSize)] }
        var flags: FragmentFlags = timecodeType == .relative ? [.relativeTimecode] : []
        let names = Set(open.tags.entries.map(\.name))
        if names.contains(Matroska.Tag.notification) { flags.insert(.notification) }
        if names.contains(Matroska.Tag.imageGeneration) { flags.insert(.imageGeneration) }
        if !open.tags.bytes.isEmpty { flags.insert(.tags) }
        if open.startsWithoutKeyFrame { flags.insert(.startsWithoutKeyFrame) }
        previousEnd = max(previousEnd ?? 0, open.last ?? 0)
        fragment = nil
        return [
            .finish(
                Ending(
                    tagBytes: open.tags.bytes, tags: open.tags.entries.filter { $0.name != Matroska.Tag.endOfFragment },
                    length: milliseconds(open.last ?? 0) - milliseconds(open.first ?? 0), flags: flags, overlaps: open.overlaps))
        ]
    }

    private func failure(_ error: MediaError) -> Action { .fail(about(error)) }

    private func about(_ error: MediaError) -> Failure { Failure(error: error, isOfFragment: fragment != nil) }

    /// A time in units of the timecode scale, in milliseconds. The parser has seen to it that it is at most so many nanoseconds as 64 bits hold.
    private func milliseconds(_ time: Int) -> Int64 {
        Int64(time * (tracks?.info.timecodeScale ?? 1_000_000) / 1_000_000)
    }
}

extension Matroska.TrackSet {
    /// The place of the track whose first frame opens a fragment: the first with video, else the first.
    fileprivate var mainPlace: Int { tracks.firstIndex { $0.kind == .video } ?? 0 }
}

extension Matroska.Tag {
    static let notification = "AWS_KINESISVIDEO_NOTIFICATION"
    static let imageGeneration = "AWS_KINESISVIDEO_IMAGE_GENERATION"
    static let imagePrefix = "AWS_KINESISVIDEO_IMAGE_PREFIX"
}
