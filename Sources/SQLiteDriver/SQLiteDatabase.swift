import Locking
public import SQL

/// A SQLite file as Weir's database, for one process alone unless configured otherwise.
///
/// The file is created with its owner's access only. A second process, or a second object, that opens the same file is refused. What `write` has
/// returned survives the loss of power, unless configured otherwise. Reads see every batch whose write returned before they began. Where a file
/// of the database was removed, renamed or replaced by another hand, everything fails until it is back.
///
/// Threads: any task may call any method at any time. Reads run in the caller's task on one of a few read-only connections; writes run
/// on one thread, which commits those that wait as a group.
public final class SQLiteDatabase: Database {
    private let path: String
    private let configuration: Configuration
    private let files: DatabaseFiles
    let readers: SQLiteReaders
    let writer: SQLiteWriter
    /// Nil once closed. Each connection holds the lock too, so the file stays locked while one is open.
    private let lock: Lock<FileLock?>

    /// Opens the file, or creates it: not its directory. Fails as `unavailable` when that is not possible or another process uses the file.
    public init(path: String, configuration: Configuration = .init()) throws(DatabaseError) {
        try createPrivateFile(path)
        let path = try resolvedPath(path)
        let lock = try FileLock(beside: path, isTaken: configuration.isAlone)
        // The writer first: it recovers the file after a crash and makes it a WAL database, which a reader cannot do.
        let writing = try SQLiteConnection(path: path, purpose: .writing, configuration: configuration, lock: lock)
        var reading: [SQLiteConnection] = []
        for _ in 0..<max(1, configuration.readers) {
            reading.append(try SQLiteConnection(path: path, purpose: .reading, configuration: configuration, lock: lock))
        }
        // The first read makes the log and its index.
        _ = try writing.query("SELECT count(*) FROM sqlite_schema")
        let files = DatabaseFiles(path: path)
        let metrics = DatabaseMetrics(configuration.metrics)
        self.path = path
        self.configuration = configuration
        self.files = files
        let readers = SQLiteReaders(reading, limit: configuration.waitingReads, metrics)
        let writer = try SQLiteWriter(writing, files, configuration, metrics)
        metrics.show(waitingFor: .connection) { [weak readers] in readers?.waitingCount }
        metrics.show(waitingFor: .writer) { [weak writer] in writer?.waitingCount }
        self.readers = readers
        self.writer = writer
        self.lock = Lock(lock)
    }

    deinit {
        close()
    }

    /// Runs one statement that changes nothing, in the caller's task. Returns its rows as of one moment.
    ///
    /// Waits for a connection without blocking a thread. A cancelled task stops waiting and fails as `unavailable`.
    public func read<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async throws(DatabaseError) -> [Output] {
        if let fault = files.recentFault { throw DatabaseError(.unavailable, fault) }
        let connection = try await readers.borrow()
        defer { readers.giveBack(connection) }
        return try connection.run(statement.text, arguments, decode: statement.decode)
    }

    /// Runs a batch as one transaction and returns after its commit, together with the batches that waited beside it.
    ///
    /// Cancelling the task does not stop it. `outcomeUnknown` means that the disk failed during the commit: the batch cannot be seen,
    /// but a crash before the next commit could bring it back.
    public func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult {
        try await writer.submit(batch)
    }

    /// Refuses further calls as `unavailable`, finishes the writes that wait, copies the log into the file, closes it and gives the lock
    /// back. Reads that wait for a connection fail as `unavailable`; those that run end as usual and close their connection.
    ///
    /// Blocks the calling thread meanwhile. May be called again.
    public func close() {
        readers.close()
        writer.close()
        lock.withLock { $0 = nil }
    }

    /// What is wrong with the place of the files, for operators; nil where nothing is. Where the file of the lock is gone the lock is taken anew, so
    /// that nobody takes the database for one that is not in use. To be called about once a second.
    public func checkFiles() -> String? {
        lock.withLock { $0?.renew() }
        return files.fault
    }

    /// A connection of its own for the migrator, which may write while this object is open: they wait for each other's transactions.
    ///
    /// The file stays locked for other processes until it goes out of use. Fails as `unavailable` after `close`.
    public func migrationConnection() throws(DatabaseError) -> any MigrationConnection {
        guard let lock = lock.withLock({ $0 }) else { throw DatabaseError(.unavailable, "the database is closed") }
        return SQLiteMigrationConnection(
            connection: try SQLiteConnection(path: path, purpose: .migrating, configuration: configuration, lock: lock)
        )
    }
}
