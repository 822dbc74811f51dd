/// The range of time that a clip is of, both ends included.
public struct ClipTimestampRange: Sendable, Hashable {
    public let endTimestamp: Timestamp
    public let startTimestamp: Timestamp

    static let shape = structure(
        "ClipTimestampRange", Self.init,
        required(
            "EndTimestamp", .timestamp, \.endTimestamp,
            "The last start of a fragment that counts: later than StartTimestamp, by 24 hours at most; in the past with SERVER_TIMESTAMP."),
        required("StartTimestamp", .timestamp, \.startTimestamp, "The first start of a fragment that counts."))
}

/// Which fragments a clip is of: those that start within a range.
public struct ClipFragmentSelector: Sendable, Hashable {
    public let fragmentSelectorType: FragmentSelectorType
    public let timestampRange: ClipTimestampRange

    static let shape = structure(
        "ClipFragmentSelector", Self.init,
        required(
            "FragmentSelectorType", .enumeration(FragmentSelectorType.self), \.fragmentSelectorType, "Whose clock the range is of."),
        required("TimestampRange", ClipTimestampRange.shape, \.timestampRange, "When fragments start."))
}
