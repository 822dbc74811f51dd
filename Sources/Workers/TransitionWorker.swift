public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Ends the passing statuses: makes streams and channels ACTIVE that are CREATING or UPDATING, and removes those that are DELETING.
///
/// Any number of workers, in any number of processes, may run on one database. A worker claims tasks that are due, for the time of a lease;
/// what it finishes is guarded by the resource's state, so a worker that was stopped and wakes up late changes nothing and tells nothing twice.
///
/// Threads: one task runs it; it starts others for the removals of a claim.
public struct TransitionWorker: Service {
    private let store: Store
    private let signal: WorkSignal
    private let gauge: LeaseGauge
    private let eventsWait: @Sendable () -> Void
    /// Milliseconds that a status may have to last at most.
    private let longestWait: Int64
    private let logger: Logger
    /// Milliseconds between two looks without a hint.
    private let lookInterval: ClosedRange<Int>

    /// How many tasks are claimed at once. The activations among them are finished by one batch.
    private static let claimLimit = 256
    /// Milliseconds after which the tasks of a worker that died are claimed by another.
    private static let lease: Int64 = 5_000

    /// A worker on a store, woken by a signal besides looking by itself about once a second. `gauge` tells what it holds; `eventsWait` is called
    /// after transitions, and must return at once. What is due in more than `longestWait` milliseconds was put off by a clock that was ahead.
    public init(
        store: Store, signal: WorkSignal, gauge: LeaseGauge = LeaseGauge(), eventsWait: @escaping @Sendable () -> Void = {},
        longestWait: Int64 = Store.day, logger: Logger
    ) {
        self.init(
            store: store, signal: signal, gauge: gauge, eventsWait: eventsWait, longestWait: longestWait, logger: logger,
            lookInterval: 500...1000)
    }

    init(
        store: Store, signal: WorkSignal, gauge: LeaseGauge = LeaseGauge(), eventsWait: @escaping @Sendable () -> Void = {},
        longestWait: Int64 = Store.day, logger: Logger, lookInterval: ClosedRange<Int>
    ) {
        self.store = store
        self.signal = signal
        self.gauge = gauge
        self.eventsWait = eventsWait
        self.longestWait = longestWait
        self.logger = logger
        self.lookInterval = lookInterval
    }

    /// Works until the process is asked to stop; what was claimed by then is finished first.
    public func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { await cancelWhenGracefulShutdown { await poll() } }
            var isFailing = false
            for await _ in signal.hints.cancelOnGracefulShutdown() {
                do throws(DatabaseError) {
                    try await workOff()
                    if isFailing { logger.notice("transitions are worked off again") }
                    isFailing = false
                } catch {
                    if !isFailing { logger.warning("transitions wait", metadata: ["error": "\(error)"]) }
                    isFailing = true
                }
            }
            group.cancelAll()
        }
    }

    /// Raises the signal when a task becomes due, and about once a second for what other instances leave.
    private func poll() async {
        repeat { signal.raise() } while await pause(milliseconds: untilNextLook())
    }

    private func untilNextLook() async -> ClosedRange<Int> {
        do throws(DatabaseError) {
            guard let due = try await store.nextTaskDue(), due > 0, due < lookInterval.lowerBound else { return lookInterval }
            return Int(due)...Int(due) + 10
        } catch {
            return lookInterval
        }
    }

    /// Claims and finishes until nothing is due.
    private func workOff() async throws(DatabaseError) {
        while true {
            let lease = Token.random()
            let tasks = try await claim(lease)
            gauge.set(tasks.count)
            defer { gauge.set(0) }
            try await remove(tasks.filter(\.isRemoval), lease)
            if !tasks.isEmpty { eventsWait() }
            if tasks.count < Self.claimLimit { return }
        }
    }

    /// Claims what is due and ends the activations among it, in one commit. Where one of them cannot be ended the claim comes first, in a commit
    /// of its own: what fails then waits for its lease to end, and others get their turn.
    private func claim(_ lease: String) async throws(DatabaseError) -> [TaskRecord] {
        do {
            return try await store.claimTasksAndActivate(
                leaseToken: lease, lease: Self.lease, longestWait: longestWait, limit: Self.claimLimit, changeToken: Token.random())
        } catch {
            switch error.kind {
            case .unavailable, .overloaded, .outcomeUnknown: throw error
            case .conflict, .constraint, .mistake: break
            }
        }
        let tasks = try await store.claimTasks(
            leaseToken: lease, lease: Self.lease, longestWait: longestWait, limit: Self.claimLimit)
        for kind in ResourceKind.allCases where tasks.contains(where: { $0.kind == .activate(kind) }) {
            _ = try await store.activate(kind, leaseToken: lease, changeToken: Token.random())
        }
        return tasks
    }

    private func remove(_ tasks: [TaskRecord], _ lease: String) async throws(DatabaseError) {
        let store = store
        let failure = await withTaskGroup(of: DatabaseError?.self) { group in
            for task in tasks {
                group.addTask {
                    do throws(DatabaseError) {
                        _ = try await store.remove(task, leaseToken: lease, changeToken: Token.random())
                        return nil
                    } catch {
                        return error
                    }
                }
            }
            return await group.reduce(nil) { $0 ?? $1 }
        }
        if let failure { throw failure }
    }
}

/// Sleeps for a time out of a range, so that instances do not move in step; false where the task was cancelled meanwhile.
func pause(milliseconds: ClosedRange<Int>) async -> Bool {
    do {
        try await Task.sleep(for: .milliseconds(Int.random(in: milliseconds)))
        return true
    } catch {
        return false
    }
}

extension TaskRecord {
    fileprivate var isRemoval: Bool {
        switch kind {
        case .activate: false
        case .remove: true
        }
    }
}
