/// Whose clock timestamps are of.
public enum FragmentSelectorType: String, Sendable, CaseIterable {
    case producerTimestamp = "PRODUCER_TIMESTAMP"
    case serverTimestamp = "SERVER_TIMESTAMP"
}

/// A range of time, both ends included.
public struct TimestampRange: Sendable, Hashable {
    public let endTimestamp: Timestamp
    public let startTimestamp: Timestamp

    static let shape = structure(
        "TimestampRange", Self.init,
        required("EndTimestamp", .timestamp, \.endTimestamp, "The last start of a fragment that counts; not before StartTimestamp."),
        required("StartTimestamp", .timestamp, \.startTimestamp, "The first start of a fragment that counts."))
}

/// Which fragments are meant: those that start within a range.
public struct FragmentSelector: Sendable, Hashable {
    public let fragmentSelectorType: FragmentSelectorType
    public let timestampRange: TimestampRange

    static let shape = structure(
        "FragmentSelector", Self.init,
        required(
            "FragmentSelectorType", .enumeration(FragmentSelectorType.self), \.fragmentSelectorType, "Whose clock the range is of."),
        required("TimestampRange", TimestampRange.shape, \.timestampRange, "When fragments start."))
}
