import Locking
import SQL
import Store
import Synchronization

/// Writes down what became of queues, many in one batch: whatever has come since the last batch goes with the next.
///
/// Threads: any task may hand in at any time; a few tasks write.
final class Finisher: Sendable {
    /// A queue whose events were attempted.
    struct Work: Sendable {
        let queue: FinishedQueue
        /// Called once it is written down, with whether something may wait in the queue still; or once it could not be: then the lease ends by
        /// itself, and what was delivered is sent again.
        let done: @Sendable (Bool) async -> Void
    }

    private struct State {
        var waiting: [Work] = []
        var writers = 0
        var draining: [CheckedContinuation<Void, Never>] = []
    }

    private let store: Store
    private let failed: @Sendable (DatabaseError) -> Void
    private let state = Lock(State())
    private let isHurried = Atomic(false)
    /// While one batch is committed the next is gathered. If that takes long others help, so that one that is held up does not hold up all.
    private static let mostWriters = 4
    private static let most = 128

    init(store: Store, failed: @escaping @Sendable (DatabaseError) -> Void) {
        self.store = store
        self.failed = failed
    }

    /// Takes in a queue to be written down; returns at once.
    func finish(_ work: Work) {
        let needsWriter = state.withLock { state in
            state.waiting.append(work)
            guard state.writers == 0 || state.waiting.count >= Self.most && state.writers < Self.mostWriters else { return false }
            state.writers += 1
            return true
        }
        // Whoever is cancelled meanwhile, this is written.
        if needsWriter { Task { await write() } }
    }

    /// From now on nothing that fails is tried again: its lease ends by itself.
    func hurry() { isHurried.store(true, ordering: .relaxed) }

    /// Returns once everything that was handed in is written down.
    func drain() async {
        await withCheckedContinuation { continuation in
            let isDone = state.withLock { state in
                if state.writers == 0 { return true }
                state.draining.append(continuation)
                return false
            }
            if isDone { continuation.resume() }
        }
    }

    private func write() async {
        while let works = next() {
            let waiting = await write(works)
            for work in works { await work.done(waiting.contains(work.queue.queue)) }
        }
    }

    /// What is to be written next; nil where nothing is, and the writer ends.
    private func next() -> [Work]? {
        let (works, drained) = state.withLock { state -> ([Work]?, [CheckedContinuation<Void, Never>]) in
            guard state.waiting.isEmpty else {
                let works = Array(state.waiting.prefix(Self.most))
                state.waiting.removeFirst(works.count)
                return (works, [])
            }
            state.writers -= 1
            guard state.writers == 0 else { return (nil, []) }
            defer { state.draining = [] }
            return (nil, state.draining)
        }
        for continuation in drained { continuation.resume() }
        return works
    }

    /// Answers the queues in which something may wait still.
    private func write(_ works: [Work]) async -> Set<LeasedQueue> {
        let queues = works.map(\.queue)
        var waiting: Set<LeasedQueue> = []
        if queues.count > 1 {
            do throws(DatabaseError) {
                // Those whose queue somebody adds to at this moment only keep their lease a little longer.
                let rest = try await store.finishQueues(queues)
                for queue in rest {
                    if try await insist({ () async throws(DatabaseError) in try await store.endLease(of: queue) }) {
                        waiting.insert(queue.queue)
                    }
                }
                return waiting
            } catch {
                failed(error)
            }
        }
        for queue in queues {
            do throws(DatabaseError) {
                if try await insist({ () async throws(DatabaseError) in try await store.finishQueue(queue) }) {
                    waiting.insert(queue.queue)
                }
            } catch {
                failed(error)
                // Where the server stops, one failure is enough: the others would only take their time.
                if isHurried.load(ordering: .relaxed) { break }
            }
        }
        return waiting
    }

    private func insist(_ write: () async throws(DatabaseError) -> Bool) async throws(DatabaseError) -> Bool {
        var attempt = 1
        while true {
            do throws(DatabaseError) {
                return try await write()
            } catch {
                guard attempt < 3, !isHurried.load(ordering: .relaxed) else { throw error }
                failed(error)
                try? await Task.sleep(for: .milliseconds(200 * attempt))
                attempt += 1
            }
        }
    }
}
