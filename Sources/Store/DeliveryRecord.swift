/// Something that happened, with all that is told of it.
public struct TellingEvent: Sendable, Hashable {
    public let resourceARN: String
    /// Counts from 1 for each resource, without gaps.
    public let sequence: Int64
    public let type: String
    public let account: String
    public let region: String
    /// The resource's status after it, or that of the edge configuration which the event is about; DELETED once it is gone.
    public let status: String
    public let version: String
    /// The access key of the call that led to it.
    public let keyID: String
    /// Of the call that led to it; empty where none did.
    public let requestID: String
    /// Milliseconds since the epoch.
    public let occurredAt: Int64

    /// The same wherever the event is told: `ARN/SEQUENCE@MILLISECONDS`.
    public var id: String { "\(resourceARN)/\(sequence)@\(occurredAt)" }

    public init(
        resourceARN: String, sequence: Int64, type: String, account: String, region: String, status: String, version: String, keyID: String,
        requestID: String, occurredAt: Int64
    ) {
        self.resourceARN = resourceARN
        self.sequence = sequence
        self.type = type
        self.account = account
        self.region = region
        self.status = status
        self.version = version
        self.keyID = keyID
        self.requestID = requestID
        self.occurredAt = occurredAt
    }
}

/// Which event is meant, taken out of its id.
public struct EventKey: Sendable, Hashable {
    public let resourceARN: String
    public let sequence: Int64
    public let occurredAt: Int64

    /// From `ARN/SEQUENCE@MILLISECONDS`; nil where the text has another form.
    public init?(id: String) {
        guard let at = id.lastIndex(of: "@"), let slash = id[..<at].lastIndex(of: "/"),
            let sequence = Int64(id[id.index(after: slash)..<at]), let occurredAt = Int64(id[id.index(after: at)...])
        else { return nil }
        resourceARN = String(id[..<slash])
        self.sequence = sequence
        self.occurredAt = occurredAt
    }
}

/// The queue of one resource's events for one destination, leased.
public struct LeasedQueue: Sendable, Hashable {
    public let destinationID: String
    public let resourceARN: String
    /// How many events were ever added when it was leased.
    public let enqueued: Int64
    /// How often the first that waits was attempted.
    public let attempt: Int64
}

/// An event that waits for a destination.
public struct WaitingEvent: Sendable, Hashable {
    public let destinationID: String
    public let event: TellingEvent
    /// Whether it is sent again because an operator asked for it.
    public let isReplay: Bool
}

/// How the delivery of an event to a destination stands.
public struct DeliveryRecord: Sendable, Hashable {
    public let destinationID: String
    /// PENDING, DELIVERED or DEAD.
    public let state: String
    public let attempts: Int64
    public let isReplay: Bool
    /// Milliseconds since the epoch.
    public let finishedAt: Int64?
    public let lastStatus: Int64?
    public let lastError: String?
}

/// An attempt that failed.
public struct FailedAttempt: Sendable, Hashable {
    public let destinationID: String
    public let attempt: Int64
    /// Milliseconds since the epoch.
    public let endedAt: Int64
    /// Milliseconds.
    public let duration: Int64
    public let httpStatus: Int64?
    public let error: String
}
