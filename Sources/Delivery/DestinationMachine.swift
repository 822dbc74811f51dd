import Store

/// What one courier does for one destination, as a value: it takes what happened and returns what to do about it. It knows neither network nor
/// database, and is given the time. `docs/events-delivery.md` has the states as a diagram.
///
/// A queue, the events of one resource, is claimed (leased), waits in `ready`, is sent event by event, and ends as a `FinishedQueue` that is to
/// be written down. It counts as leased until that is done.
struct DestinationMachine {
    typealias Moment = ContinuousClock.Instant

    /// What happened.
    enum Input {
        /// Events are due.
        case due(DestinationRecord)
        /// A claim has leased these queues: fewer than asked for where no more are due, none where it failed.
        case claimed([ClaimedQueue])
        /// The attempt of this number ended so.
        case attempted(Int, AttemptResult, took: Duration)
        /// What the receiver asked for is in force; the queue of the attempt that it was asked in is to be written down.
        case demandWritten(FinishedQueue)
        /// What became of a queue is written down, or could not be: then its lease ends by itself. Whether more may wait in it.
        case written(FinishedQueue, mayHoldMore: Bool)
        /// The courier stops: nothing new is begun.
        case stop
    }

    /// What to do.
    enum Action {
        /// Lease at most so many queues.
        case claim(Int)
        /// Send an event, as the attempt of this number.
        case attempt(Int, WaitingEvent)
        /// See to it that nothing more is sent, or nothing for a while, and tell `demandWritten`.
        case enforce(ReceiverDemand, FinishedQueue)
        /// Write down what became of a queue, and tell `written`.
        case write(FinishedQueue)
        /// Write down how the destination is.
        case note(FailureCount.Note)
        /// Tell the operator.
        case report(DeliveryReport)
    }

    /// A queue whose events are being sent.
    private struct Sending {
        let queue: ClaimedQueue
        /// The position of the event in flight.
        var position = 0
        var outcome: QueueOutcome

        var finished: FinishedQueue { FinishedQueue(queue.queue, leaseToken: queue.token, outcome) }
    }

    private enum Claim {
        case none
        /// One is under way, for so many queues. It `holdsPlace` where no attempt was in flight when it began: its first queue takes the place.
        case underWay(Int, holdsPlace: Bool)
    }

    /// As it was when events were last due.
    private(set) var record: DestinationRecord
    private let pace: Pace
    private let timeout: Duration
    private let attemptLimit: Int64

    private var claim = Claim.none
    /// Whether a claim may find something.
    private var isDue = false
    /// In the order in which they were claimed.
    private var ready: [ClaimedQueue] = []
    private var sending: [Int: Sending] = [:]
    private var attempts = 0
    /// Queues that are claimed and not written down.
    private var leased = 0
    private var failures: FailureCount
    private var lastAnswer = Duration.zero
    /// When the receiver last asked for quiet: what was claimed before is not sent under that lease.
    private var quietSince: Moment?
    private var isStopping = false

    /// - Parameters:
    ///   - timeout: How long an attempt may take. An event is begun no later than this after its queue was claimed, so that it ends before the lease.
    ///   - attemptLimit: After how many attempts an event is given up.
    init(_ record: DestinationRecord, pace: Pace, timeout: Duration, attemptLimit: Int64) {
        self.record = record
        self.pace = pace
        self.timeout = timeout
        self.attemptLimit = attemptLimit
        failures = FailureCount(known: record.failures, pace)
    }

    /// Whether nothing is claimed, being claimed or due.
    var isIdle: Bool {
        guard case .none = claim else { return false }
        return leased == 0 && !isDue
    }

    /// Places for attempts that are taken: by those in flight and by a claim that nothing is in flight beside.
    var takenPlaces: Int {
        guard case .underWay(_, holdsPlace: true) = claim else { return sending.count }
        return sending.count + 1
    }

    /// Places that could be used now besides those that are taken.
    var wantedPlaces: Int {
        guard !isStopping else { return 0 }
        if !ready.isEmpty { return max(0, min(ready.count, placeLimit - takenPlaces)) }
        guard case .none = claim, isDue, takenPlaces == 0 else { return 0 }
        return 1
    }

    private var placeLimit: Int { failures.isFailing ? pace.attemptsPerFailingDestination : pace.attemptsPerDestination }

    private var leaseLimit: Int {
        placeLimit + (!failures.isFailing && lastAnswer <= pace.quickAnswer ? pace.queuesAhead : 0)
    }

    /// Uses places, at most `wantedPlaces` of them.
    mutating func take(places: Int, at now: Moment) -> [Action] {
        var actions: [Action] = []
        for _ in 0..<places {
            actions += ready.isEmpty ? beginClaim(holdsPlace: true) : begin(ready.removeFirst(), at: now)
        }
        return actions + claimAhead()
    }

    /// Takes note of what happened.
    mutating func receive(_ input: Input, at now: Moment) -> [Action] {
        switch input {
        case .due(let record):
            self.record = record
            failures.learn(known: record.failures)
            isDue = true
            return claimAhead()
        case .claimed(let queues): return receive(claimed: queues, at: now)
        case .attempted(let attempt, let result, let duration):
            guard let queue = sending.removeValue(forKey: attempt) else { return [] }
            lastAnswer = duration
            return receive(result, of: queue, duration, at: now) + claimAhead()
        case .demandWritten(let finished):
            // And what was claimed until it was in force.
            quietSince = now
            return giveBackReady() + [.write(finished)]
        case .written(let finished, let mayHoldMore):
            leased -= 1
            if (mayHoldMore || finished.outcome.hasMore) && finished.outcome.isDueAtOnce { isDue = true }
            return note(at: now) + claimAhead()
        case .stop:
            isStopping = true
            return giveBackReady()
        }
    }

    // MARK: Claims

    /// Claims while attempts are in flight, so that the next are there when these end.
    private mutating func claimAhead() -> [Action] {
        sending.isEmpty ? [] : beginClaim(holdsPlace: false)
    }

    private mutating func beginClaim(holdsPlace: Bool) -> [Action] {
        let count = min(pace.claimLimit, leaseLimit - leased)
        // After a stop what is given back would be claimed at once.
        guard case .none = claim, isDue, !isStopping, count > 0 else { return [] }
        isDue = false
        claim = .underWay(count, holdsPlace: holdsPlace)
        return [.claim(count)]
    }

    private mutating func receive(claimed queues: [ClaimedQueue], at now: Moment) -> [Action] {
        guard case .underWay(let count, let holdsPlace) = claim else { return [] }
        claim = .none
        leased += queues.count
        ready += queues
        if queues.count == count { isDue = true }
        if isStopping { return giveBackReady() }
        let actions = holdsPlace && !ready.isEmpty ? begin(ready.removeFirst(), at: now) : []
        return actions + note(at: now) + claimAhead()
    }

    // MARK: Attempts

    /// Begins to send a queue, or gives it back.
    private mutating func begin(_ queue: ClaimedQueue, at now: Moment) -> [Action] {
        proceed(Sending(queue: queue, outcome: QueueOutcome(hasMore: queue.events.count == pace.eventsPerQueue)), at: now)
    }

    /// Sends the event at the queue's position, unless there is none or it must not be sent under this lease: then the queue ends.
    private mutating func proceed(_ queue: Sending, at now: Moment) -> [Action] {
        guard queue.position < queue.queue.events.count else { return [.write(queue.finished)] }
        let isQuiet = quietSince.map { queue.queue.claimedAt <= $0 } ?? false
        guard !isStopping, !isQuiet, now - queue.queue.claimedAt <= timeout else {
            var rest = queue
            rest.outcome.hasMore = true
            return [.write(rest.finished)]
        }
        attempts += 1
        sending[attempts] = queue
        return [.attempt(attempts, queue.queue.events[queue.position])]
    }

    private mutating func receive(_ result: AttemptResult, of queue: Sending, _ duration: Duration, at now: Moment) -> [Action] {
        var queue = queue
        let waiting = queue.queue.events[queue.position]
        switch result {
        case .delivered(let status, _):
            queue.outcome.delivered.append((event: waiting.event.key, status: status.map(Int64.init)))
            queue.position += 1
            let report = failures.succeeded().map { [Action.report($0)] } ?? []
            return report + proceed(queue, at: now)
        case .unsent(let reason):
            // The fault is ours, and costs no attempt.
            queue.outcome.hasMore = true
            queue.outcome.delay = 1000
            return [.report(.unsent(reason)), .write(queue.finished)]
        case .cutShort:
            queue.outcome.hasMore = true
            return [.write(queue.finished)]
        case .failed(let failure):
            let attempt = waiting.attempts + 1
            queue.outcome.hasMore = true
            queue.outcome.failure = QueueOutcome.Failure(
                event: waiting.event.key, attempt: attempt, duration: Int64(duration / .milliseconds(1)),
                status: failure.status.map(Int64.init), error: failure.error, isLast: attempt >= attemptLimit || failure.demand == .nothing,
                delay: pace.backoff.delay(afterAttempt: attempt, waiting.failingFor))
            let report = failures.failed(failure.error).map { [Action.report($0)] } ?? []
            guard let demand = failure.demand else { return report + [.write(queue.finished)] }
            quietSince = now
            return report + giveBackReady() + [.enforce(demand, queue.finished)]
        }
    }

    /// Gives back what is claimed and not begun.
    private mutating func giveBackReady() -> [Action] {
        defer { ready = [] }
        return ready.map { .write(Sending(queue: $0, outcome: QueueOutcome(hasMore: true)).finished) }
    }

    // MARK: Failures

    private mutating func note(at now: Moment) -> [Action] {
        var isLast = leased == 0
        if case .underWay = claim { isLast = false }
        return failures.takeNote(at: now, isLast: isLast).map { [.note($0)] } ?? []
    }
}

extension QueueOutcome {
    /// Whether what still waits in the queue may be claimed without a wait.
    fileprivate var isDueAtOnce: Bool { failure.map(\.isLast) ?? (delay == 0) }
}

/// A queue that is leased, with its events.
struct ClaimedQueue: Sendable {
    let queue: LeasedQueue
    let token: String
    let events: [WaitingEvent]
    /// When it was claimed, or a little before.
    let claimedAt: ContinuousClock.Instant
}
