/// The range of time that a streaming session is of, both ends included.
public struct PlaybackTimestampRange: Sendable, Hashable {
    public let endTimestamp: Timestamp?
    public let startTimestamp: Timestamp?

    static func shape(_ name: String) -> Shape<PlaybackTimestampRange> {
        structure(
            name, Self.init,
            optional(
                "EndTimestamp", .timestamp, \.endTimestamp,
                "The last start of a fragment that counts: later than StartTimestamp, by 24 hours at most; in the past with "
                    + "SERVER_TIMESTAMP. May be absent with LIVE_REPLAY, which then goes on with what arrives."),
            optional("StartTimestamp", .timestamp, \.startTimestamp, "The first start of a fragment that counts."))
    }
}

/// Which fragments a streaming session is of, and whose clock its times are of.
public struct PlaybackFragmentSelector: Sendable, Hashable {
    public let fragmentSelectorType: FragmentSelectorType?
    public let timestampRange: PlaybackTimestampRange?

    static func shape(_ name: String, range: String) -> Shape<PlaybackFragmentSelector> {
        structure(
            name, Self.init,
            optional(
                "FragmentSelectorType", .enumeration(FragmentSelectorType.self), \.fragmentSelectorType,
                "Whose clock times are of; SERVER_TIMESTAMP unless given."),
            optional(
                "TimestampRange", PlaybackTimestampRange.shape(range), \.timestampRange,
                "When fragments start: with ON_DEMAND and LIVE_REPLAY, and not with LIVE."))
    }
}

/// What a streaming session shows.
public enum PlaybackMode: String, Sendable, CaseIterable {
    case live = "LIVE"
    case liveReplay = "LIVE_REPLAY"
    case onDemand = "ON_DEMAND"
}

/// Whether something is shown.
public enum Display: String, Sendable, CaseIterable {
    case always = "ALWAYS"
    case never = "NEVER"
}
