import Locking
import Logging
import SQL
import Store
import Synchronization

/// How much a courier does at once, and how often it looks. Operators have no say in it; tests do.
struct Pace: Sendable {
    /// Queues of one destination that are in flight at once.
    var queuesPerDestination = 32
    /// The same while the destination fails: a receiver that hangs must not take the places of others.
    var queuesPerFailingDestination = 4
    /// Queues in flight at once.
    var queues = 512
    /// Queues of a destination that are leased besides those in flight, as long as it is quick: they wait for their turn or to be written down.
    var queuesAhead = 224
    /// A destination is quick if it answers within this.
    var quickAnswer = Duration.milliseconds(100)
    /// Queues that are leased by one claim.
    var claimLimit = 64
    /// Events of a queue that are sent under one lease.
    var eventsPerQueue = 16
    /// Between two looks without a hint, in milliseconds.
    var lookInterval = 500...1000
    /// Between two looks with hints.
    var rest = Duration.milliseconds(5)
    /// Between two looks after destinations that fail or are gone, in milliseconds.
    var upkeepInterval = 45_000...75_000
    /// How long what is in flight may take to arrive when the courier stops.
    var grace = Duration.seconds(2)
    var backoff = Backoff()
}

/// What the lanes of a courier have in common.
///
/// Threads: any task may use it at any time.
final class CourierShared: Sendable {
    let store: Store
    let settings: DeliverySettings
    let sender: Sender
    let pace: Pace
    let logger: Logger
    let places: Places
    let sending = Sending()
    let finisher: Finisher
    /// One element for any number of hints since the last was taken.
    let hints: AsyncStream<Void>
    private let hinting: AsyncStream<Void>.Continuation
    private let stopped = Atomic(false)
    private let troubles: Troubles
    private let saidUnsent = Lock<ContinuousClock.Instant?>(nil)

    init(store: Store, settings: DeliverySettings, sender: Sender, pace: Pace, logger: Logger) {
        self.store = store
        self.settings = settings
        self.sender = sender
        self.pace = pace
        self.logger = logger
        places = Places(pace.queues)
        let troubles = Troubles(logger)
        self.troubles = troubles
        finisher = Finisher(store: store, failed: { troubles.failed($0) })
        (hints, hinting) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Milliseconds of a lease. An event is begun within the first `timeout` of it, so that its attempt ends before the lease does.
    var lease: Int64 { Int64((settings.timeout * 2 + .seconds(5)) / .milliseconds(1)) }

    var isStopping: Bool { stopped.load(ordering: .acquiring) }

    func hint() { hinting.yield() }

    /// Has everything end: at once what waits, after a moment what is in flight.
    func stop() {
        guard stopped.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged else { return }
        places.close()
        finisher.hurry()
        hinting.yield()
        Task { [grace = pace.grace, sending] in
            try? await Task.sleep(for: grace)
            sending.cancel()
        }
    }

    /// Sleeps for a time out of a range, so that instances do not move in step; false where the task was cancelled meanwhile.
    func pause(milliseconds: ClosedRange<Int>) async -> Bool {
        (try? await Task.sleep(for: .milliseconds(Int.random(in: milliseconds)))) != nil
    }

    static func token() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }

    /// The database did not do as it was asked.
    func failed(_ error: DatabaseError) { troubles.failed(error) }

    /// It did.
    func succeeded() { troubles.succeeded() }

    /// Events could not be sent, for a reason of our own; said once a minute.
    func unsent(_ reason: String) {
        let now = ContinuousClock.now
        let isNew = saidUnsent.withLock { said in
            if let last = said, now - last < .seconds(60) { return false }
            said = now
            return true
        }
        if isNew { logger.error("events cannot be sent", metadata: ["error": "\(reason)"]) }
    }

    /// What is written down of an attempt that failed.
    func failure(_ waiting: WaitingEvent, _ failure: Receipt.Failure, duration: Int64) -> QueueOutcome.Failure {
        let attempt = waiting.attempts + 1
        return QueueOutcome.Failure(
            event: waiting.event.key, attempt: attempt, duration: duration, status: failure.status.map(Int64.init), error: failure.error,
            isLast: attempt >= settings.attempts || failure.isGone, delay: pace.backoff.delay(afterAttempt: attempt, waiting.failingFor))
    }
}

/// Says that the database does not do as it is asked, once until it does again.
///
/// Threads: any task may use it at any time.
final class Troubles: Sendable {
    private let logger: Logger
    private let isFailing = Atomic(false)

    init(_ logger: Logger) { self.logger = logger }

    func failed(_ error: DatabaseError) {
        guard !isFailing.exchange(true, ordering: .relaxed) else { return }
        logger.warning("deliveries wait", metadata: ["error": "\(error)"])
    }

    func succeeded() {
        if isFailing.exchange(false, ordering: .relaxed) { logger.notice("deliveries go on") }
    }
}
