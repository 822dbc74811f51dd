/// Something that happened, with all that is told of it.
public struct Event: Sendable, Hashable {
    public let resourceARN: String
    /// Grows with each event of a resource. Streams and channels count from 1 without gaps; an event that no resource counts has its moment here.
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
    /// What it says beyond that, as a JSON object: of a fragment, its notification.
    public let detail: String?

    /// The same wherever the event is told: `ARN/SEQUENCE@MILLISECONDS`.
    public var id: String { key.id }

    public var key: EventKey { EventKey(resourceARN: resourceARN, sequence: sequence, occurredAt: occurredAt) }

    public init(
        resourceARN: String, sequence: Int64, type: String, account: String, region: String, status: String, version: String, keyID: String,
        requestID: String, occurredAt: Int64, detail: String? = nil
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
        self.detail = detail
    }
}

/// Which event is meant.
public struct EventKey: Sendable, Hashable {
    public let resourceARN: String
    public let sequence: Int64
    public let occurredAt: Int64

    /// `ARN/SEQUENCE@MILLISECONDS`.
    public var id: String { "\(resourceARN)/\(sequence)@\(occurredAt)" }

    public init(resourceARN: String, sequence: Int64, occurredAt: Int64) {
        self.resourceARN = resourceARN
        self.sequence = sequence
        self.occurredAt = occurredAt
    }

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
    /// When the lease ends, in milliseconds since the epoch.
    public let leasedUntil: Int64
}

/// An event that waits for a destination.
public struct WaitingEvent: Sendable, Hashable {
    public let destinationID: String
    public let event: Event
    /// Attempts that failed so far.
    public let attempts: Int64
    /// Milliseconds since the first attempt failed; 0 where none has failed.
    public let failingFor: Int64
    /// Whether it is sent again because an operator asked for it.
    public let isReplay: Bool
}

/// The outcome of the attempted events of a leased queue, in their order.
public struct QueueOutcome: Sendable {
    /// Those that arrived, with the HTTP status where there is one.
    public var delivered: [(event: EventKey, status: Int64?)] = []
    /// The one that did not, after which none was attempted.
    public var failure: Failure?
    /// Whether events may wait that were not attempted.
    public var hasMore: Bool
    /// Milliseconds until the queue may be claimed again; counts where no attempt failed.
    public var delay: Int64 = 0

    public init(hasMore: Bool) { self.hasMore = hasMore }

    /// An attempt that failed.
    public struct Failure: Sendable {
        public let event: EventKey
        /// Which attempt of the event it was, from 1.
        public let attempt: Int64
        /// Milliseconds.
        public let duration: Int64
        public let status: Int64?
        public let error: String
        /// Whether the event is given up, so that later ones may pass.
        public let isLast: Bool
        /// Milliseconds until the next attempt.
        public let delay: Int64

        public init(event: EventKey, attempt: Int64, duration: Int64, status: Int64?, error: String, isLast: Bool, delay: Int64) {
            self.event = event
            self.attempt = attempt
            self.duration = duration
            self.status = status
            self.error = error
            self.isLast = isLast
            self.delay = delay
        }
    }
}

/// A queue whose lease has done its service.
public struct FinishedQueue: Sendable {
    public let queue: LeasedQueue
    public let leaseToken: String
    public let outcome: QueueOutcome

    public init(_ queue: LeasedQueue, leaseToken: String, _ outcome: QueueOutcome) {
        self.queue = queue
        self.leaseToken = leaseToken
        self.outcome = outcome
    }
}

/// An event that was given up for a destination.
public struct DeadLetter: Sendable {
    public let destinationID: String
    public let event: Event
}

/// How the delivery of an event to a destination stands.
public struct DeliveryRecord: Sendable, Hashable {
    public let destinationID: String
    public let state: DeliveryState
    /// Attempts since the event was last put on its way.
    public let attempts: Int64
    public let isReplay: Bool
    /// Milliseconds since the epoch.
    public let finishedAt: Int64?
    public let lastStatus: Int64?
    public let lastError: String?
}

/// Where an event is on its way to a destination.
public enum DeliveryState: String, Sendable {
    /// It waits: where a delivery begins, and where a replay puts it back.
    case pending = "PENDING"
    case delivered = "DELIVERED"
    /// Given up: after the last attempt, or because the destination is disabled or gone.
    case dead = "DEAD"
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
