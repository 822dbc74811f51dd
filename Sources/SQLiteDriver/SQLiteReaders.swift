import Locking
import SQL

/// The connections for reading, lent to one task at a time. A task that finds none waits its turn without blocking a thread.
///
/// Threads: any task may borrow and give back at any time; the state is behind a mutex that is never held while SQLite runs.
final class SQLiteReaders: Sendable {
    private typealias Loan = Result<SQLiteConnection, DatabaseError>

    private struct State: Sendable {
        var free: [SQLiteConnection]
        /// The tasks that wait, by their numbers, which rise with time. A cancelled one leaves a gap.
        var waiting: [UInt64: CheckedContinuation<Loan, Never>] = [:]
        /// No task that waits has a lower number.
        var oldest: UInt64 = 0
        /// The number of the next task that has to wait.
        var next: UInt64 = 0
        var isClosed = false

        mutating func takeOldest() -> CheckedContinuation<Loan, Never>? {
            if waiting.isEmpty { return nil }
            while oldest < next {
                defer { oldest += 1 }
                if let continuation = waiting.removeValue(forKey: oldest) { return continuation }
            }
            return nil
        }
    }

    private let state: Lock<State>
    private let limit: Int
    private let metrics: DatabaseMetrics

    /// Lends `connections` out; at most `limit` tasks wait for one.
    init(_ connections: [SQLiteConnection], limit: Int, _ metrics: DatabaseMetrics) {
        state = Lock(State(free: connections))
        self.limit = limit
        self.metrics = metrics
    }

    /// How many tasks wait.
    var waitingCount: Int { state.withLock { $0.waiting.count } }

    /// A connection for the caller alone, who must give it back. Fails as `overloaded` when too many tasks wait, as `unavailable` after
    /// `close` and when the task is cancelled while it waits.
    func borrow() async throws(DatabaseError) -> SQLiteConnection {
        if let connection = state.withLock({ $0.free.popLast() }) { return connection }
        let start = ContinuousClock.now
        let connection = try await wait().get()
        metrics.waited(for: .connection, ContinuousClock.now - start)
        return connection
    }

    private func wait() async -> Loan {
        let number = state.withLock { state in
            defer { state.next += 1 }
            return state.next
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Loan? = state.withLock { state in
                    if state.isClosed { return .failure(Self.closed) }
                    // A cancellation before this point found nothing to wake; one after it finds the continuation.
                    if Task.isCancelled { return .failure(Self.cancelled) }
                    if let connection = state.free.popLast() { return .success(connection) }
                    if state.waiting.count >= limit { return .failure(DatabaseError(.overloaded, "\(limit) reads wait already")) }
                    state.waiting[number] = continuation
                    // Others may have taken a number after this task, waited and been served before it got here.
                    state.oldest = min(state.oldest, number)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let continuation = state.withLock { $0.waiting.removeValue(forKey: number) }
            continuation?.resume(returning: .failure(Self.cancelled))
        }
    }

    /// Takes a borrowed connection back, for the task that has waited longest if there is one.
    func giveBack(_ connection: SQLiteConnection) {
        let waiting = state.withLock { state in
            let waiting = state.takeOldest()
            if waiting == nil, !state.isClosed { state.free.append(connection) }
            return waiting
        }
        waiting?.resume(returning: .success(connection))
    }

    /// Refuses further loans, fails the tasks that wait and closes the connections: those on loan when they come back.
    func close() {
        let closing = state.withLock { state in
            let closing = state
            state.isClosed = true
            state.free = []
            state.waiting = [:]
            return closing
        }
        for continuation in closing.waiting.values { continuation.resume(returning: .failure(Self.closed)) }
    }

    private static let closed = DatabaseError(.unavailable, "the database is closed")
    private static let cancelled = DatabaseError(.unavailable, "the task was cancelled while it waited for a connection")
}
