import Logging
import SQL
import Store
import Synchronization

/// What one instance does for one destination: claims queues as there are places, sends the events of each in their order, and finishes each by
/// itself, so that none waits for the slowest.
///
/// Threads: any task may use it at any time; at most one claims.
final class Lane: Sendable {
    let destinationID: String
    private let shared: CourierShared
    private let places: Places
    private let health: Health
    private let isClaiming = Atomic(false)
    /// Whether somebody wanted to claim and could not.
    private let isWanted = Atomic(false)

    init(_ destination: DestinationRecord, _ shared: CourierShared) {
        destinationID = destination.id
        self.shared = shared
        places = Places(shared.pace.queuesPerDestination)
        health = Health(failures: destination.failures)
    }

    /// Whether nothing is in flight and nobody claims.
    var isIdle: Bool { places.taken == 0 && !isClaiming.load(ordering: .acquiring) }

    /// Takes the right to claim; false where somebody has it.
    func beginClaiming() -> Bool {
        if isClaiming.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged { return true }
        isWanted.store(true, ordering: .sequentiallyConsistent)
        return false
    }

    /// No more places are given.
    func close() { places.close() }

    /// Claims until nothing is due, and returns once what was claimed is finished. The right to claim is given up before that.
    func work(_ destination: DestinationRecord) async {
        health.learn(failures: destination.failures)
        await withDiscardingTaskGroup { group in
            do throws(DatabaseError) {
                while let claim = try await claim() {
                    for queue in claim.queues {
                        group.addTask {
                            await self.work(queue, of: claim, destination)
                            self.giveBack(1)
                        }
                    }
                    if !claim.isFull { break }
                }
            } catch {
                shared.failed(error)
            }
            isClaiming.store(false, ordering: .sequentiallyConsistent)
            // Who came a moment too early to claim and too late to be seen by the last claim is not forgotten.
            if isWanted.exchange(false, ordering: .sequentiallyConsistent) { shared.hint() }
        }
        await writeNote(isLast: true)
    }

    /// Queues that were leased at once.
    private struct Claim: Sendable {
        let token: String
        let queues: [LeasedQueue]
        let events: [String: [WaitingEvent]]
        let at: ContinuousClock.Instant
        /// Whether as many were found as were asked for.
        let isFull: Bool
    }

    /// nil where nothing is due, or where the courier stops.
    private func claim() async throws(DatabaseError) -> Claim? {
        places.setLimit(health.isFailing ? shared.pace.queuesPerFailingDestination : shared.pace.queuesPerDestination)
        var count = await places.take(upTo: shared.pace.claimLimit)
        let granted = await shared.places.take(upTo: count)
        places.giveBack(count - granted)
        count = granted
        guard count > 0 else { return nil }
        let token = CourierShared.token()
        let now = ContinuousClock.now
        do throws(DatabaseError) {
            let queues = try await shared.store.claimQueues(of: destinationID, leaseToken: token, lease: shared.lease, limit: count)
            giveBack(count - queues.count)
            let isFull = queues.count == count
            count = queues.count
            guard count > 0 else { return nil }
            let events = try await shared.store.waitingEvents(leaseToken: token, limit: shared.pace.eventsPerQueue)
            return Claim(
                token: token, queues: queues, events: Dictionary(grouping: events, by: \.event.resourceARN), at: now, isFull: isFull)
        } catch {
            giveBack(count)
            throw error
        }
    }

    private func giveBack(_ count: Int) {
        shared.places.giveBack(count)
        places.giveBack(count)
    }

    private func work(_ queue: LeasedQueue, of claim: Claim, _ destination: DestinationRecord) async {
        let events = claim.events[queue.resourceARN] ?? []
        let attempted = await shared.sending.run { await self.send(events, since: claim.at, destination) }
        await finish(queue, claim.token, attempted, destination)
    }

    /// What became of a queue's events.
    private struct Attempted: Sendable {
        var outcome: QueueOutcome
        var failure: Receipt.Failure?
    }

    /// Sends events one after the other until one fails, the lease may not last for another, or the courier stops.
    private func send(_ events: [WaitingEvent], since start: ContinuousClock.Instant, _ destination: DestinationRecord) async -> Attempted {
        var attempted = Attempted(outcome: QueueOutcome(hasMore: events.count == shared.pace.eventsPerQueue))
        for waiting in events {
            let begin = ContinuousClock.now
            guard !shared.isStopping, begin - start <= shared.settings.timeout else {
                attempted.outcome.hasMore = true
                break
            }
            let receipt = await shared.sender.send(waiting.event, isReplay: waiting.isReplay, to: destination)
            switch receipt {
            case .delivered(let status, _):
                attempted.outcome.delivered.append((event: waiting.event.key, status: status.map(Int64.init)))
                continue
            case .failed(let failure):
                attempted.outcome.hasMore = true
                // What was cut short by the courier's own stop is no failure of the receiver.
                guard !Task.isCancelled else { break }
                let duration = (ContinuousClock.now - begin) / .milliseconds(1)
                attempted.failure = failure
                attempted.outcome.failure = shared.failure(waiting, failure, duration: Int64(duration))
            }
            break
        }
        return attempted
    }

    private func finish(_ queue: LeasedQueue, _ token: String, _ attempted: Attempted, _ destination: DestinationRecord) async {
        let outcome = attempted.outcome
        if let failure = attempted.failure { await obey(failure) }
        for attempt in 1...3 {
            do throws(DatabaseError) {
                try await shared.store.finishQueue(queue, leaseToken: token, outcome)
                break
            } catch {
                // Otherwise the lease ends by itself, and what was delivered is sent again.
                shared.failed(error)
                guard attempt < 3, (try? await Task.sleep(for: .milliseconds(200 * attempt))) != nil else { return }
            }
        }
        if !outcome.delivered.isEmpty { note(succeeded: true, nil) }
        if let failure = attempted.failure { note(succeeded: false, failure.error) }
        await writeNote(isLast: false)
        if outcome.hasMore, outcome.failure.map(\.isLast) ?? true { shared.hint() }
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

    /// Does what the receiver asks for, before the queue can be claimed again.
    private func obey(_ failure: Receipt.Failure) async {
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
