public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Brings events to their destinations, each at least once, those of one resource in order.
///
/// Any number of instances may do so at once. Each claims queues (the events of one resource for one destination) for the time of a lease. Where an
/// instance dies, another sends the rest again once the lease has ended, under the same ids.
///
/// `CourierMachine` decides; the courier carries its actions out and feeds their results back. `docs/events-delivery.md` shows how.
///
/// Threads: one task runs it; any may call `hint()` at any time.
public final class Courier: Service {
    private typealias Input = CourierMachine.Input

    private let store: Store
    private let settings: DeliverySettings
    private let sender: Sender
    private let pace: Pace
    private let logger: Logger
    private let inputs: AsyncStream<CourierMachine.Input>
    private let input: AsyncStream<CourierMachine.Input>.Continuation
    /// One element for any number of hints since the last was taken.
    private let hints: AsyncStream<Void>
    private let hinting: AsyncStream<Void>.Continuation

    /// A courier for a store. Throws where the settings name a file that cannot be used.
    public convenience init(store: Store, settings: DeliverySettings, secrets: @escaping SecretSource, logger: Logger) throws {
        self.init(
            store: store, settings: settings, sender: Sender(settings, transport: try settings.transport(), secrets: secrets), pace: Pace(),
            logger: logger)
    }

    init(store: Store, settings: DeliverySettings, sender: Sender, pace: Pace, logger: Logger) {
        self.store = store
        self.settings = settings
        self.sender = sender
        self.pace = pace
        self.logger = logger
        (inputs, input) = AsyncStream.makeStream()
        (hints, hinting) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Sockets to receivers that are open, unused ones included.
    public var sockets: Int { sender.sockets }

    /// Says that events may wait. Without it they are found within a second.
    public func hint() { hinting.yield() }

    /// Delivers until the process is asked to stop. Attempts in flight then have a moment to end; the rest of the leased events is given back.
    ///
    /// Where its task is cancelled, everything ends at once: events that were sent but not written down are sent again after their lease.
    public func run() async throws {
        await withGracefulShutdownHandler {
            // Two groups: what is to be written down must not be cancelled with the attempts that it tells of. The inner group ends first, once the
            // machine has nothing left to do.
            await withDiscardingTaskGroup { writes in
                await withDiscardingTaskGroup { attempts in
                    attempts.addTask { await self.look() }
                    attempts.addTask { await self.lookFromTimeToTime() }
                    attempts.addTask { await self.keepUp() }
                    await self.decide(&attempts, &writes)
                    attempts.cancelAll()
                }
            }
        } onGracefulShutdown: {
            self.input.yield(.stop)
        }
        await sender.close()
    }

    private func decide(_ attempts: inout DiscardingTaskGroup, _ writes: inout DiscardingTaskGroup) async {
        var machine = CourierMachine(pace: pace, timeout: settings.timeout, attemptLimit: settings.attempts)
        for await event in inputs {
            for action in machine.receive(event, at: .now) { perform(action, &attempts, &writes) }
            if machine.isEnded { return }
        }
    }

    private func perform(_ action: CourierMachine.Action, _ attempts: inout DiscardingTaskGroup, _ writes: inout DiscardingTaskGroup) {
        switch action {
        case .attempt(let destination, let number, let waiting):
            attempts.addTask { self.input.yield(await self.attempt(destination, number, waiting)) }
        case .claim(let id, let count): writes.addTask { self.input.yield(.claimed(id, await self.claim(id, count))) }
        case .enforce(let demand, let finished):
            writes.addTask {
                await self.enforce(demand, finished.queue.destinationID)
                self.input.yield(.demandWritten(finished))
            }
        case .write(let queues, let isFirstTry, let pause):
            writes.addTask { self.input.yield(await self.write(queues, isFirstTry: isFirstTry, after: pause)) }
        case .note(let id, let note):
            writes.addTask {
                await self.trying { () async throws(DatabaseError) in
                    try await self.store.noteAttempts(of: id, succeeded: note.succeeded, failuresSince: note.failuresSince)
                }
                self.input.yield(.noted)
            }
        case .log(let line): log(line)
        case .beginGrace:
            attempts.addTask {
                try? await Task.sleep(for: self.pace.grace)
                self.input.yield(.graceEnded)
            }
        case .cancelAttempts: attempts.cancelAll()
        }
    }

    // MARK: Finding work

    /// Looks for events after each hint. Changes come in thousands a second: one look serves a handful of them.
    private func look() async {
        for await _ in hints {
            await trying { () async throws(DatabaseError) in self.input.yield(.due(try await self.store.dueDestinations())) }
            try? await Task.sleep(for: pace.rest)
        }
    }

    /// Looks about once a second for what other instances leave, and for attempts that are due.
    private func lookFromTimeToTime() async {
        repeat { hint() } while await pause(milliseconds: pace.lookInterval)
    }

    /// Leases at most `count` queues and reads their events; returns none where that fails.
    private func claim(_ id: String, _ count: Int) async -> [ClaimedQueue] {
        var claimed: [ClaimedQueue] = []
        await trying { () async throws(DatabaseError) in
            let token = Self.token()
            let now = ContinuousClock.now
            let queues = try await self.store.claimQueues(of: id, leaseToken: token, lease: self.lease, limit: count)
            let waiting = try await self.store.waitingEvents(in: queues, leaseToken: token, limit: self.pace.eventsPerQueue)
            let events = Dictionary(grouping: waiting, by: \.event.resourceARN)
            claimed = queues.map { ClaimedQueue(queue: $0, token: token, events: events[$0.resourceARN] ?? [], claimedAt: now) }
        }
        return claimed
    }

    /// Milliseconds of a lease. An event is begun within the first `timeout` of it, so that its attempt ends before the lease does.
    private var lease: Int64 { Int64((settings.timeout * 2 + .seconds(5)) / .milliseconds(1)) }

    // MARK: Sending

    private func attempt(_ destination: DestinationRecord, _ number: Int, _ waiting: WaitingEvent) async -> Input {
        let begin = ContinuousClock.now
        var result = await sender.send(waiting.event, isReplay: waiting.isReplay, to: destination)
        // What the courier's own stop has cut short is no failure of the receiver.
        if case .failed = result, Task.isCancelled { result = .cutShort }
        return .attempted(destination.id, number, result, took: ContinuousClock.now - begin)
    }

    /// Does what the receiver asks for.
    private func enforce(_ demand: ReceiverDemand, _ id: String) async {
        await trying { () async throws(DatabaseError) in
            switch demand {
            case .quiet(let delay): try await self.store.holdBack(id, for: delay)
            case .nothing:
                let reason = "the receiver answered 410"
                guard try await self.store.setDestinationStatus(id, .disabled, reason: reason) else { return }
                self.logger.warning("a destination wants no more events and is disabled", metadata: ["destination": "\(id)"])
                try await self.store.abandonDeliveries(of: id, because: reason)
            }
        }
    }

    // MARK: Writing down

    /// Writes the outcome of queues: together the first time, else one after the other until one fails. The failed one comes last when they are
    /// tried again.
    private func write(_ queues: [UnwrittenQueue], isFirstTry: Bool, after pause: Duration) async -> Input {
        if pause > .zero { try? await Task.sleep(for: pause) }
        if isFirstTry, queues.count > 1 { return await writeTogether(queues) }
        var written: [WrittenQueue] = []
        for (index, queue) in queues.enumerated() {
            do throws(DatabaseError) {
                written.append(WrittenQueue(finished: queue.finished, mayHoldMore: try await store.finishQueue(queue.finished)))
            } catch {
                databaseFailed(error)
                return .written(written, failed: queues[(index + 1)...] + [queue.triedAgain])
            }
        }
        return .written(written, failed: [])
    }

    private func writeTogether(_ queues: [UnwrittenQueue]) async -> Input {
        do throws(DatabaseError) {
            let rest = try await store.finishQueues(queues.map(\.finished))
            let held = Dictionary(rest.map { ($0.queue, $0) }, uniquingKeysWith: { first, _ in first })
            var written: [WrittenQueue] = []
            for queue in queues {
                // A queue that somebody added to at this moment only keeps its lease a little longer: what was attempted is written down.
                guard let queue = held[queue.finished.queue] else {
                    written.append(WrittenQueue(finished: queue.finished, mayHoldMore: false))
                    continue
                }
                var mayHoldMore = false
                await trying { () async throws(DatabaseError) in mayHoldMore = try await self.store.endLease(of: queue) }
                written.append(WrittenQueue(finished: queue, mayHoldMore: mayHoldMore))
            }
            return .written(written, failed: [])
        } catch {
            databaseFailed(error)
            return .written([], failed: queues.map(\.triedAgain))
        }
    }

    // MARK: Upkeep

    /// About once a minute: pauses destinations that have failed for too long, removes those that no stream names any more, and ends deliveries whose
    /// destination is gone.
    private func keepUp() async {
        while await pause(milliseconds: pace.upkeepInterval) {
            await trying { () async throws(DatabaseError) in
                try await self.store.releaseDeliveries(dueLaterThan: self.longestWait)
                try await self.pauseFailing()
                try await self.store.removeUnusedDestinations(
                    olderThan: self.pace.unusedAge, failures: self.pace.toleratedFailures)
                try await self.store.abandonUndeliverable()
            }
        }
    }

    /// The longest wait in milliseconds, whether by a back-off, a receiver's Retry-After or a lease.
    private var longestWait: Int64 { max(pace.backoff.last, RetryAfter.longest, lease) }

    /// Pauses destinations that have failed for too long, and tells so.
    private func pauseFailing() async throws(DatabaseError) {
        let age = settings.pauseAfter
        for destination in try await store.failingDestinations(for: age) {
            let arn = EventSubject.destination(destination)
            if try await store.pauseFailing(destination.id, for: age, subjectARN: arn, token: Self.token()) {
                logger.warning("a destination is paused", metadata: ["destination": "\(destination.id)"])
            }
        }
    }

    // MARK: Odds and ends

    /// Asks the database for something; a failure goes to the machine.
    private func trying(_ body: () async throws(DatabaseError) -> Void) async {
        do throws(DatabaseError) { try await body() } catch { databaseFailed(error) }
    }

    private func databaseFailed(_ error: DatabaseError) { input.yield(.databaseFailed("\(error)")) }

    private func log(_ line: LogLine) {
        let level: Logger.Level =
            switch line.level {
            case .notice: .notice
            case .warning: .warning
            case .error: .error
            }
        logger.log(level: level, "\(line.message)", metadata: line.metadata.mapValues { "\($0)" })
    }

    /// Sleeps for a time out of a range, so that instances do not move in step; false where the task was cancelled meanwhile.
    private func pause(milliseconds: ClosedRange<Int>) async -> Bool {
        (try? await Task.sleep(for: .milliseconds(Int.random(in: milliseconds)))) != nil
    }

    private static func token() -> String {
        String(UInt64.random(in: .min ... .max), radix: 36) + String(UInt64.random(in: .min ... .max), radix: 36)
    }
}
