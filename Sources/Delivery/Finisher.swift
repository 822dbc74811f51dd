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
        /// Called once it is written down, or could not be: then the lease ends by itself, and what was delivered is sent again.
        let done: @Sendable () async -> Void
    }

    private struct State {
        var waiting: [Work] = []
        var writers = 0
        var draining: [CheckedContinuation<Void, Never>] = []
    }

    private let store: Store
    private let failed: @Sendable (DatabaseError) -> Void
    private let state = Mutex(State())
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
            await write(works)
            for work in works { await work.done() }
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

    private func write(_ works: [Work]) async {
        let queues = works.map(\.queue)
        if queues.count > 1 {
            do throws(DatabaseError) {
                // Those whose queue somebody adds to at this moment only keep their lease a little longer.
                for queue in try await store.finishQueues(queues) {
                    await insist { () async throws(DatabaseError) in try await store.endLease(of: queue) }
                }
                return
            } catch {
                failed(error)
            }
        }
        for queue in queues { await insist { () async throws(DatabaseError) in try await store.finishQueue(queue) } }
    }

    private func insist(_ write: () async throws(DatabaseError) -> Void) async {
        for attempt in 1...3 {
            do throws(DatabaseError) {
                return try await write()
            } catch {
                failed(error)
                if attempt < 3 { try? await Task.sleep(for: .milliseconds(200 * attempt)) }
            }
        }
    }
}
