import Locking
import Logging
import SQL
import Store
import Synchronization

/// What one instance does for one destination: claims queues ahead, sends the events of so many at once, each queue's in their order, and hands each
/// in to be written down by itself, so that none waits for the slowest.
///
/// Threads: any task may use it at any time; at most one claims.
final class Lane: Sendable {
    /// A queue that is leased, with its events.
    private struct Work: Sendable {
        let queue: LeasedQueue
        let token: String
        let events: [WaitingEvent]
        /// When it was leased, or a little before.
        let leasedAt: ContinuousClock.Instant
    }

    private struct State {
        /// In the order in which they were claimed.
        var ready: [Work] = []
        /// As it was the last time that it was worked for.
        var destination: DestinationRecord?
        /// How many tasks take from `ready`.
        var workers = 0
        /// How long the last attempt took.
        var lastAnswer = Duration.zero
        /// When the receiver last asked for quiet: what was leased before is not sent under that lease.
        var quietSince: ContinuousClock.Instant?
    }

    let destinationID: String
    private let shared: CourierShared
    /// One for each queue that is leased and not written down.
    private let leases: Places
    private let health: Health
    private let state = Lock(State())
    private let isClaiming = Atomic(false)
    /// Whether somebody wanted to claim and could not.
    private let isWanted = Atomic(false)

    init(_ destination: DestinationRecord, _ shared: CourierShared) {
        destinationID = destination.id
        self.shared = shared
        leases = Places(shared.pace.queuesPerDestination)
        health = Health(failures: destination.failures)
    }

    /// The destination, if there is work for more tasks than are at it: there were too few places.
    var destinationThatLacksWorkers: DestinationRecord? {
        let limit = limit
        return state.withLock { $0.ready.isEmpty || $0.workers >= limit ? nil : $0.destination }
    }

    /// Whether nothing is leased and nobody claims.
    var isIdle: Bool { leases.taken == 0 && !isClaiming.load(ordering: .acquiring) }

    /// Takes the right to claim; false where somebody has it.
    func beginClaiming() -> Bool {
        if isClaiming.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged { return true }
        isWanted.store(true, ordering: .sequentiallyConsistent)
        // Who had it may have given it up in between, without seeing that it is wanted.
        return isClaiming.compareExchange(expected: false, desired: true, ordering: .sequentiallyConsistent).exchanged
    }

    /// Claims nothing more.
    func close() { leases.close() }

    /// Claims until nothing is due, and returns once what was claimed is attempted. The right to claim is given up before that.
    func work(_ destination: DestinationRecord) async {
        health.learn(failures: destination.failures)
        state.withLock { $0.destination = destination }
        await withDiscardingTaskGroup { group in
            do throws(DatabaseError) {
                repeat {
                    let count = await leases.take(upTo: shared.pace.claimLimit)
                    // After a stop what is given back would be claimed at once.
                    guard count > 0, !shared.isStopping else {
                        leases.giveBack(count)
                        break
                    }
                    let claimed = try await claim(count)
                    hire(destination, &group)
                    if claimed < count { break }
                } while true
            } catch {
                shared.failed(error)
            }
            isClaiming.store(false, ordering: .sequentiallyConsistent)
            // Who came a moment too early to claim and too late to be seen by the last claim is not forgotten.
            if isWanted.exchange(false, ordering: .sequentiallyConsistent) { shared.hint() }
        }
        // Who finished while the last claim held places did not know that nobody comes after it.
        if leases.taken == 0 { await writeNote(isLast: true) }
    }

    /// Leases at most `count` queues, for which there are places, and answers how many.
    private func claim(_ count: Int) async throws(DatabaseError) -> Int {
        var held = count
        do throws(DatabaseError) {
            let token = CourierShared.token()
            let now = ContinuousClock.now
            let queues = try await shared.store.claimQueues(of: destinationID, leaseToken: token, lease: shared.lease, limit: count)
            leases.giveBack(count - queues.count)
            held = queues.count
            guard !queues.isEmpty else { return 0 }
            let waiting = try await shared.store.waitingEvents(in: queues, leaseToken: token, limit: shared.pace.eventsPerQueue)
            let events = Dictionary(grouping: waiting, by: \.event.resourceARN)
            state.withLock { state in
                state.ready += queues.map { Work(queue: $0, token: token, events: events[$0.resourceARN] ?? [], leasedAt: now) }
            }
            return queues.count
        } catch {
            leases.giveBack(held)
            throw error
        }
    }

    /// Sees to it that as many tasks are at work as may be and there are places and work for, and at least one: however many places slow receivers
    /// take, and though the courier stops, so that what is leased is given back. Does not wait for places, which only they may give back.
    private func hire(_ destination: DestinationRecord, _ group: inout DiscardingTaskGroup) {
        let limit = limit
        leases.setLimit(limit + (isQuick ? shared.pace.queuesAhead : 0))
        // Only this task hires, so there are never more than there may be.
        let (workers, waiting) = state.withLock { ($0.workers, $0.ready.count) }
        guard workers < limit, waiting > 0 else { return }
        var hired = shared.places.takeFree(upTo: min(limit - workers, waiting))
        if hired == 0, workers == 0 {
            shared.places.takeAnyway()
            hired = 1
        }
        state.withLock { $0.workers += hired }
        for _ in 0..<hired { group.addTask { await self.shared.sending.run { await self.attend(destination) } } }
    }

    /// How many queues may be in flight.
    private var limit: Int { health.isFailing ? shared.pace.queuesPerFailingDestination : shared.pace.queuesPerDestination }

    private var isQuick: Bool { !health.isFailing && state.withLock { $0.lastAnswer <= shared.pace.quickAnswer } }

    /// Takes one queue after the other, until there is none or there are too many who do.
    private func attend(_ destination: DestinationRecord) async {
        while let work = next() {
            await handIn(work, await send(work, destination))
        }
        shared.places.giveBack(1)
    }

    private func next() -> Work? {
        let limit = limit
        return state.withLock { state in
            guard !state.ready.isEmpty, state.workers <= limit else {
                state.workers -= 1
                return nil
            }
            return state.ready.removeFirst()
        }
    }

    /// What became of a queue's events.
    private struct Attempted: Sendable {
        var outcome: QueueOutcome
        var failure: Receipt.Failure?
    }

    /// Sends events one after the other until one fails, the lease may not last for another, the receiver has asked for quiet, or the courier stops.
    private func send(_ work: Work, _ destination: DestinationRecord) async -> Attempted {
        var attempted = Attempted(outcome: QueueOutcome(hasMore: work.events.count == shared.pace.eventsPerQueue))
        for waiting in work.events {
            let begin = ContinuousClock.now
            guard !shared.isStopping, begin - work.leasedAt <= shared.settings.timeout, !isQuiet(work) else {
                attempted.outcome.hasMore = true
                break
            }
            let receipt = await shared.sender.send(waiting.event, isReplay: waiting.isReplay, to: destination)
            let duration = ContinuousClock.now - begin
            state.withLock { $0.lastAnswer = duration }
            switch receipt {
            case .delivered(let status, _):
                attempted.outcome.delivered.append((event: waiting.event.key, status: status.map(Int64.init)))
                continue
            case .unsent(let reason):
                // The fault is ours, and costs no attempt.
                shared.unsent(reason)
                attempted.outcome.hasMore = true
                attempted.outcome.delay = 1000
            case .failed(let failure):
                attempted.outcome.hasMore = true
                // What was cut short by the courier's own stop is no failure of the receiver.
                guard !Task.isCancelled else { break }
                attempted.failure = failure
                attempted.outcome.failure = shared.failure(waiting, failure, duration: Int64(duration / .milliseconds(1)))
            }
            break
        }
        return attempted
    }

    /// Has written down what became of a queue.
    private func handIn(_ work: Work, _ attempted: Attempted) async {
        if !attempted.outcome.delivered.isEmpty { note(succeeded: true, nil) }
        if let failure = attempted.failure {
            note(succeeded: false, failure.error)
            await obey(failure)
        }
        let outcome = attempted.outcome
        shared.finisher.finish(
            Finisher.Work(queue: FinishedQueue(work.queue, leaseToken: work.token, outcome)) { isWaiting in
                self.leases.giveBack(1)
                await self.writeNote(isLast: self.leases.taken == 0)
                if isWaiting || outcome.hasMore, outcome.failure.map(\.isLast) ?? (outcome.delay == 0) { self.shared.hint() }
            })
    }

    private func note(succeeded: Bool, _ error: String?) {
        switch health.note(succeeded: succeeded) {
        case .nothing: break
        case .recovered: shared.logger.notice("a destination takes events again", metadata: ["destination": "\(destinationID)"])
        case .failing:
            shared.logger.warning("a destination fails", metadata: ["destination": "\(destinationID)", "error": "\(error ?? "")"])
        }
    }

    /// Writes down how the destination is, if there is anything new.
    private func writeNote(isLast: Bool) async {
        guard let note = health.takeNote(isLast: isLast) else { return }
        do throws(DatabaseError) {
            try await shared.store.noteAttempts(of: destinationID, succeeded: note.succeeded, failuresSince: note.failuresSince)
        } catch {
            shared.failed(error)
        }
    }

    private func isQuiet(_ work: Work) -> Bool { state.withLock { $0.quietSince.map { work.leasedAt <= $0 } ?? false } }

    /// What is leased by now is given back, not sent.
    private func keepQuiet() { state.withLock { $0.quietSince = .now } }

    /// Does what the receiver asks for, before the queue can be claimed again.
    private func obey(_ failure: Receipt.Failure) async {
        guard failure.isGone || failure.retryAfter != nil else { return }
        // At once, and again for what was claimed until it is written down.
        keepQuiet()
        defer { keepQuiet() }
        do throws(DatabaseError) {
            if failure.isGone, try await shared.store.setDestinationStatus(destinationID, .disabled, reason: failure.error) {
                shared.logger.warning("a destination wants no more events and is disabled", metadata: ["destination": "\(destinationID)"])
                try await shared.store.abandonDeliveries(of: destinationID, because: failure.error)
            }
            if let delay = failure.retryAfter { try await shared.store.holdBack(destinationID, for: delay) }
        } catch {
            shared.failed(error)
        }
    }
}
