import Glibc
import Locking
import SQL

/// The one writer: a thread that takes the batches that wait, runs them in one transaction and answers them after its commit, so that
/// they share a flush of the disk. Each batch is still all or nothing: a failing one is undone and fails alone.
///
/// Threads: any task may submit at any time; the inbox is behind a mutex that is never held while SQLite runs. The connection is used
/// on the writer's own thread only.
final class SQLiteWriter: Sendable {
    private typealias Answer = Result<BatchResult, DatabaseError>

    private struct Job: Sendable {
        let batch: Batch
        let submitted: ContinuousClock.Instant
        let continuation: CheckedContinuation<Answer, Never>
    }

    private struct Inbox: Sendable {
        var jobs: [Job] = []
        /// The thread waits for the bell, or is about to.
        var isThreadIdle = false
        var isClosed = false
    }

    private let inbox = Lock(Inbox())
    private let bell = Bell()
    private let files: DatabaseFiles
    private let configuration: SQLiteDatabase.Configuration
    private let metrics: DatabaseMetrics
    /// Nil once the thread has ended and was joined.
    private let thread: Lock<SystemThread?>

    /// Starts the thread, which closes the connection when it ends.
    init(
        _ connection: SQLiteConnection, _ files: DatabaseFiles, _ configuration: SQLiteDatabase.Configuration, _ metrics: DatabaseMetrics
    ) throws(DatabaseError) {
        self.files = files
        self.configuration = configuration
        self.metrics = metrics
        thread = Lock(nil)
        do throws(SystemThread.Failure) {
            let started = try SystemThread { self.run(on: connection) }
            thread.withLock { $0 = started }
        } catch {
            throw DatabaseError(.unavailable, "cannot start the writer: \(error)")
        }
    }

    /// How many batches wait.
    var waitingCount: Int { inbox.withLock { $0.jobs.count } }

    /// Whether further batches are refused.
    var isClosed: Bool { inbox.withLock { $0.isClosed } }

    /// Runs a batch. It is run even if the task is cancelled meanwhile: its outcome is always told.
    func submit(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        let submitted = ContinuousClock.now
        return try await withCheckedContinuation { continuation in
            let refusal: DatabaseError? = inbox.withLock { inbox in
                if inbox.isClosed { return DatabaseError(.unavailable, "the database is closed") }
                if inbox.jobs.count >= configuration.waitingWrites {
                    return DatabaseError(.overloaded, "\(configuration.waitingWrites) writes wait already")
                }
                inbox.jobs.append(Job(batch: batch, submitted: submitted, continuation: continuation))
                wake(&inbox)
                return nil
            }
            if let refusal { continuation.resume(returning: .failure(refusal)) }
        }.get()
    }

    /// Refuses further batches, finishes those that wait, and returns when the connection is closed.
    func close() {
        inbox.withLock { inbox in
            inbox.isClosed = true
            wake(&inbox)
        }
        thread.withLock { thread in
            thread?.join()
            thread = nil
        }
    }

    private func wake(_ inbox: inout Inbox) {
        guard inbox.isThreadIdle else { return }
        inbox.isThreadIdle = false
        bell.ring()
    }

    // MARK: On the writer's thread

    private func run(on connection: SQLiteConnection) {
        var log = LogKeeper()
        while let group = nextGroup() {
            if let fault = files.fault {
                for job in group { job.continuation.resume(returning: .failure(DatabaseError(.unavailable, fault))) }
                continue
            }
            let start = ContinuousClock.now
            if group.count > 1,
                let answers = together(group, marking: false, on: connection) ?? together(group, marking: true, on: connection)
            {
                let fault = files.fault
                for (job, answer) in zip(group, answers) { job.continuation.resume(returning: Self.checked(answer, fault)) }
            } else {
                for job in group { job.continuation.resume(returning: Self.checked(alone(job.batch, on: connection), files.fault)) }
            }
            metrics.wrote(ContinuousClock.now - start)
            log.afterGroup(on: connection, usualTimeout: configuration.busyTimeout)
        }
        connection.emptyLog(timeout: configuration.busyTimeout, usualTimeout: configuration.busyTimeout)
    }

    /// The answer of a batch, unless by its end a file was no longer in its place: what was committed then may be in a file that is lost.
    private static func checked(_ answer: Answer, _ fault: String?) -> Answer {
        switch (answer, fault) {
        case (.success, let fault?): .failure(DatabaseError(.outcomeUnknown, fault))
        case (.success, nil), (.failure, _): answer
        }
    }

    /// The jobs that waited longest and are still in time, at least one; nil when the database is closed and nothing waits.
    private func nextGroup() -> [Job]? {
        while true {
            let (taken, isClosed) = inbox.withLock { inbox in
                let taken = Array(inbox.jobs.prefix(max(1, configuration.groupSize)))
                inbox.jobs.removeFirst(taken.count)
                inbox.isThreadIdle = taken.isEmpty
                return (taken, inbox.isClosed)
            }
            if taken.isEmpty {
                if isClosed { return nil }
                bell.wait()
                continue
            }
            let now = ContinuousClock.now
            let late = taken.prefix { $0.submitted + configuration.writeDeadline < now }
            for job in late {
                job.continuation.resume(returning: .failure(DatabaseError(.unavailable, "the write waited too long and was not run")))
            }
            if late.count < taken.count {
                let group = taken[late.count...]
                metrics.grouped(group.count)
                for job in group { metrics.waited(for: .writer, now - job.submitted) }
                return Array(group)
            }
        }
    }

    /// Runs the batch in a transaction of its own.
    private func alone(_ batch: Batch, on connection: SQLiteConnection) -> Answer {
        do {
            try connection.begin()
            let result = try execute(batch, on: connection)
            try connection.commit()
            return .success(result)
        } catch {
            connection.rollBack()
            return .failure(error)
        }
    }

    /// Runs the batches in one transaction; nil when a failure ended the transaction before its commit, with nothing changed. Without `marking`
    /// any failing batch does so: marks cost a tenth of the work, and most groups have no failing batch.
    private func together(_ group: [Job], marking: Bool, on connection: SQLiteConnection) -> [Answer]? {
        do {
            try connection.begin()
            var answers: [Answer] = []
            answers.reserveCapacity(group.count)
            for job in group {
                guard let answer = marking ? marked(job.batch, on: connection) : unmarked(job.batch, on: connection) else {
                    connection.rollBack()
                    return nil
                }
                answers.append(answer)
            }
            try connection.commit()
            return answers
        } catch {
            // Failed batches too: they may have met what another batch had done and what is now gone.
            return Array(repeating: .failure(error), count: group.count)
        }
    }

    /// Runs the batch inside the group's transaction and undoes it when it fails; nil when the transaction is gone or spoiled.
    private func marked(_ batch: Batch, on connection: SQLiteConnection) -> Answer? {
        do {
            try connection.mark()
            let result = try execute(batch, on: connection)
            try connection.keep()
            return .success(result)
        } catch {
            guard connection.isInTransaction, (try? connection.undo()) != nil else { return nil }
            return .failure(error)
        }
    }

    /// Runs the batch inside the group's transaction; nil when it fails, which spoils the transaction.
    private func unmarked(_ batch: Batch, on connection: SQLiteConnection) -> Answer? {
        do {
            return .success(try execute(batch, on: connection))
        } catch {
            return nil
        }
    }

    private func execute(_ batch: Batch, on connection: SQLiteConnection) throws(DatabaseError) -> BatchResult {
        var rows: [[Row]] = []
        rows.reserveCapacity(batch.steps.count)
        var changes: [Int] = []
        changes.reserveCapacity(batch.steps.count)
        for step in batch.steps {
            if let cause = step.cause, changes[cause] == 0 {
                rows.append([])
                changes.append(0)
                continue
            }
            rows.append(try connection.run(step.statement, step.arguments) { row throws(DatabaseError) in row })
            changes.append(connection.lastChanges)
        }
        guard !connection.violatesForeignKey else {
            let last = batch.steps.last?.statement.name ?? "batch"
            throw DatabaseError(.constraint("foreign_key"), "\(last): a deferred foreign key is violated at the end of the batch")
        }
        return BatchResult(rows: rows)
    }
}

/// Decides when the write-ahead log is copied into the file, so that it neither grows for ever nor costs a flush too often.
private struct LogKeeper {
    /// Pages (32 MiB) after which the log is copied: many pages are then in it several times, and copied once.
    private static let interval = 8192
    /// Pages (128 MiB) after which the writer waits for readers, so that the log can start over.
    private static let limit = 32_768
    private static let patience = Duration.milliseconds(100)

    private var frames = 0
    private var due = interval

    /// Checkpoints when it is time. Once a log is copied and no reader needs it, the next commit starts it over by itself.
    mutating func afterGroup(on connection: SQLiteConnection, usualTimeout: Duration) {
        if connection.framesInLog < frames { due = Self.interval }
        frames = connection.framesInLog
        guard frames >= due else { return }
        if frames < Self.limit {
            connection.checkpoint()
        } else {
            connection.emptyLog(timeout: Self.patience, usualTimeout: usualTimeout)
        }
        due = frames + Self.interval
    }
}

/// A semaphore. One ring lets one `wait` pass, whichever comes first.
///
/// Threads: a POSIX semaphore, made for this; it lives outside the object since its address must not change.
private final class Bell: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init() {
        sem_init(semaphore, 0, 0)
    }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func ring() {
        sem_post(semaphore)
    }

    /// May also return without a ring, when a signal interrupts it.
    func wait() {
        sem_wait(semaphore)
    }
}
