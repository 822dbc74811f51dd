/// What a session plays: what arrives, what arrived from a moment on as if it arrived now, or what lies within a range.
public enum PlaybackMode: String, Sendable, CaseIterable {
    case live = "LIVE"
    case liveReplay = "LIVE_REPLAY"
    case onDemand = "ON_DEMAND"
}

/// Whose clock the starts of fragments are compared by.
public enum TimestampSource: String, Sendable, CaseIterable {
    case producer = "PRODUCER_TIMESTAMP"
    case server = "SERVER_TIMESTAMP"
}

/// The range of time in which the fragments of a session or a clip start. Times are milliseconds since the epoch; both ends belong to it.
///
/// Reference: HLSTimestampRange, DASHTimestampRange, ClipTimestampRange and the selectors that hold them.
public struct PlaybackRange: Hashable, Sendable {
    public let source: TimestampSource
    /// Nil in LIVE, which begins with what is newest by the server's clock, whatever the source is.
    public let start: Int64?
    /// Nil where the session goes on with what arrives.
    public let end: Int64?

    /// What is wrong with a range, for an InvalidArgumentException.
    public struct Fault: Error, Hashable {
        public let message: String
    }

    private static let longest: Int64 = 24 * 3_600_000

    /// - Parameters:
    ///   - source: SERVER_TIMESTAMP where it is not given.
    ///   - range: The members of TimestampRange; nil where it is not given.
    public init(
        _ mode: PlaybackMode, source: TimestampSource?, range: (start: Int64?, end: Int64?)?, now: Int64
    ) throws(Fault) {
        self.source = source ?? .server
        guard mode != .live else {
            guard range == nil else { throw Fault(message: "TimestampRange is given: with the PlaybackMode LIVE there is none.") }
            (start, end) = (nil, nil)
            return
        }
        guard let range else { throw Fault(message: "TimestampRange is required with the PlaybackMode \(mode.rawValue).") }
        guard let start = range.start else { throw Fault(message: "StartTimestamp is required in a TimestampRange.") }
        self.start = start
        end = range.end
        guard let end else {
            guard mode == .liveReplay else {
                throw Fault(message: "EndTimestamp is required with the PlaybackMode \(mode.rawValue).")
            }
            return
        }
        guard end > start else { throw Fault(message: "EndTimestamp must be later than StartTimestamp.") }
        let (length, isTooLong) = end.subtractingReportingOverflow(start)
        guard !isTooLong, length <= Self.longest else {
            throw Fault(message: "EndTimestamp must be within 24 hours of StartTimestamp.")
        }
        guard self.source == .producer || end < now else {
            throw Fault(message: "EndTimestamp must be in the past where FragmentSelectorType is SERVER_TIMESTAMP.")
        }
    }
}
