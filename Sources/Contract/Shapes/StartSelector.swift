/// How the fragment is named that reading begins with.
public enum StartSelectorType: String, Sendable, CaseIterable {
    case fragmentNumber = "FRAGMENT_NUMBER"
    case serverTimestamp = "SERVER_TIMESTAMP"
    case producerTimestamp = "PRODUCER_TIMESTAMP"
    case now = "NOW"
    case earliest = "EARLIEST"
    case continuationToken = "CONTINUATION_TOKEN"
}

/// Where reading begins.
public struct StartSelector: Sendable, Hashable {
    public let afterFragmentNumber: String?
    public let continuationToken: String?
    public let startSelectorType: StartSelectorType
    public let startTimestamp: Timestamp?

    static let shape = structure(
        "StartSelector", Self.init,
        optional(
            "AfterFragmentNumber", .fragmentNumber, \.afterFragmentNumber,
            "With FRAGMENT_NUMBER, and required there: reading begins with the fragment after this one."),
        optional(
            "ContinuationToken", .continuationToken, \.continuationToken,
            "With CONTINUATION_TOKEN, and required there: reading goes on after the fragment whose token it is."),
        required(
            "StartSelectorType", .enumeration(StartSelectorType.self), \.startSelectorType,
            """
            EARLIEST begins with the oldest fragment that is kept, NOW with the one that is being received, or else the next to come; \
            SERVER_TIMESTAMP and PRODUCER_TIMESTAMP with the one whose span holds StartTimestamp, or else the next later one.
            """),
        optional(
            "StartTimestamp", .timestamp, \.startTimestamp, "With SERVER_TIMESTAMP or PRODUCER_TIMESTAMP, and required there."))
}
