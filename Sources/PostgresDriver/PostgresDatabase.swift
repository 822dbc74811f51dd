internal import Locking
public import Logging
public import SQL
internal import Synchronization

/// A Postgres server (version 15 or newer) as a `Database`.
///
/// Each connection is a thread that runs libpq in pipeline mode: it takes several waiting requests at once, sends them all,
/// and hands each its answer as it arrives. Reads that wait share a transaction, and so do batches that lock the same row first; where that fails,
/// each is done by itself. Connections are made in the background and again after they were lost, first at
/// once, then at growing intervals of at most two seconds; no restart is ever needed. Of several hosts, the one that takes writes is
/// used. While there is no connection, requests wait for one up to their deadline; in an outage that lasts, they fail at once.
///
/// Errors: see `DatabaseError.Kind`. A constraint is named as Postgres names it; deadlocks, serialisation failures and locks that
/// take too long are `conflict`, statements that do are `unavailable`. A commit whose wait for a standby was cut short is
/// `outcomeUnknown`: it can be seen, and a failover would lose it. A batch is sent a second time only where none of it was sent, or
/// after Postgres answered that a prepared statement was stale, which rolls the batch back. A caller that is cancelled gives up a
/// request that waits; one that was sent is left to finish.
///
/// Behind a pooler in transaction mode nothing relies on the session: the time limits travel with each transaction.
///
/// Threads: any task may call any method at any time.
public final class PostgresDatabase: Database {
    private let settings: PostgresSettings
    private let inbox: PostgresInbox
    private let workers: [PostgresWorker]
    private let threads: Lock<[SystemThread]>
    private let nextID = Atomic<UInt64>(0)
    private let logger: Logger

    /// Starts connecting and returns at once. `connectionInfo` is a URL or keywords and values, as libpq takes them; a wrong
    /// one is a `mistake`, whose message does not quote it. Fails as `unavailable` where the process can have no more threads.
    public init(connectionInfo: String, configuration: Configuration = .init(), logger: Logger) throws(DatabaseError) {
        let settings = try PostgresSettings(connectionInfo, configuration)
        let inbox = try PostgresInbox(configuration)
        var workers: [PostgresWorker] = []
        for _ in 0..<configuration.connections { workers.append(try PostgresWorker(inbox, settings, logger)) }
        var threads: [SystemThread] = []
        do throws(SystemThread.Failure) {
            threads.append(try SystemThread { inbox.watchDeadlines() })
            for worker in workers { threads.append(try SystemThread { worker.run() }) }
        } catch {
            inbox.close()
            for worker in workers { worker.interrupt() }
            for thread in threads { thread.detach() }
            throw DatabaseError(.unavailable, "\(error)")
        }
        self.settings = settings
        self.inbox = inbox
        self.workers = workers
        self.threads = Lock(threads)
        self.logger = logger
    }

    deinit {
        for thread in stop() { thread.detach() }
    }

    /// Runs one statement that changes nothing. Sent again, once, where its connection was lost.
    public func read<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async throws(DatabaseError) -> [Output] {
        var batch = Batch()
        let reference = batch.add(statement, arguments)
        return try await perform(PostgresWork(.read, batch)).rows(reference)
    }

    /// Runs a batch as one transaction, durably as far as the server's `synchronous_commit` goes (by default, it does).
    public func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        guard !batch.steps.isEmpty else { return BatchResult(rows: []) }
        return try await perform(PostgresWork(.write, batch))
    }

    /// A connection of its own, made now: blocks the calling thread for up to the connect timeout for each address. It has no
    /// time limits, since a migration may take long. Fails as `unavailable` where the server cannot be reached.
    public func migrationConnection() throws(DatabaseError) -> any MigrationConnection {
        try PostgresMigrationConnection(settings, logger)
    }

    /// What the connections are doing at this moment.
    public func statistics() -> Statistics {
        inbox.statistics
    }

    /// Ends requests that wait as `unavailable`, lets those that were sent finish, closes the connections and ends their
    /// threads, then returns. An attempt to connect that is under way delays it by up to the connect timeout. Requests made
    /// afterwards fail as `unavailable`. A second call does nothing.
    public func close() async {
        let threads = stop()
        guard !threads.isEmpty else { return }
        await withCheckedContinuation { continuation in
            let join: @Sendable () -> Void = {
                for thread in threads { thread.join() }
                continuation.resume()
            }
            // Joining blocks, so it has a thread of its own too.
            do throws(SystemThread.Failure) { try SystemThread(join).detach() } catch { join() }
        }
    }

    private func stop() -> [SystemThread] {
        inbox.close()
        for worker in workers { worker.interrupt() }
        return threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
    }

    private func perform(_ work: PostgresWork) async throws(DatabaseError) -> BatchResult {
        guard !Task.isCancelled else { throw PostgresInbox.cancelled }
        let id = nextID.wrappingAdd(1, ordering: .relaxed).newValue
        let deadline = ContinuousClock.now + settings.configuration.queueDeadline
        let outcome = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                inbox.submit(PostgresRequest(id: id, work: work, deadline: deadline, continuation: continuation))
                // Cancelled before the request was there to be removed.
                if Task.isCancelled { inbox.cancel(id) }
            }
        } onCancel: {
            inbox.cancel(id)
        }
        return BatchResult(rows: work.rowsOfBatch(try outcome.get()))
    }
}
