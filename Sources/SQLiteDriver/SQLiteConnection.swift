import CSQLite
import SQL

/// One SQLite connection with the statements prepared on it. Closed when the last reference goes.
///
/// Threads: opened without SQLite's own mutex, so one thread at a time. Its owner sees to that: the readers lend it to one task at a
/// time, the writer keeps it on its thread.
final class SQLiteConnection: @unchecked Sendable {
    /// What a connection is for, and so how it is set up.
    enum Purpose {
        case reading
        case writing
        case migrating
    }

    private let handle: OpaquePointer
    private let purpose: Purpose
    private let lock: FileLock
    private var statements: [String: SQLiteStatement] = [:]
    /// What the write-ahead log held after the last commit. Outside the object since SQLite writes to it.
    private let logFrames = UnsafeMutablePointer<Int32>.allocate(capacity: 1)

    /// Opens the file, which exists. The lock is held for as long as the connection is open.
    init(path: String, purpose: Purpose, configuration: SQLiteDatabase.Configuration, lock: FileLock) throws(DatabaseError) {
        _ = Self.library
        let access = purpose == .reading ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE
        var handle: OpaquePointer?
        let coalesces = purpose == .writing && configuration.durability == .full
        let fileSystem = coalesces ? try LogFileSystem.name(over: configuration.fileSystem) : configuration.fileSystem
        let code = sqlite3_open_v2(path, &handle, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, fileSystem)
        guard code == SQLITE_OK, let handle else {
            sqlite3_close_v2(handle)
            throw DatabaseError(.unavailable, "cannot open \(path): \(String(cString: sqlite3_errstr(code)))")
        }
        self.handle = handle
        self.purpose = purpose
        self.lock = lock
        logFrames.initialize(to: 0)
        try setUp(path, configuration)
    }

    deinit {
        statements.removeAll()
        sqlite3_close_v2(handle)
        logFrames.deallocate()
    }

    /// The library's own settings, made once and before its first use.
    private static let library: Void = {
        _ = weir_sqlite3_disable_memory_statistics()
    }()

    /// How long a reader waits for a lock. In WAL mode it meets none but another process's recovery, and it waits on the caller's thread.
    private static let readBusyTimeout = Duration.milliseconds(100)
    /// Bytes to which SQLite cuts the log when it starts over: about what it holds between two checkpoints.
    private static let logSizeLimit = 32 << 20

    private func setUp(_ path: String, _ configuration: SQLiteDatabase.Configuration) throws(DatabaseError) {
        setBusyTimeout(purpose == .reading ? Self.readBusyTimeout : configuration.busyTimeout)
        try provideClock(configuration.clock)
        if purpose != .reading {
            let mode = try query("PRAGMA journal_mode = WAL").first?.values.first
            guard mode == "wal" else { throw DatabaseError(.unavailable, "the file system of \(path) does not support SQLite's WAL mode") }
        }
        let cache = purpose == .reading ? configuration.cacheSize * 2 / 3 / max(1, configuration.readers) : configuration.cacheSize / 3
        try execute(
            """
            PRAGMA foreign_keys = ON; PRAGMA synchronous = \(configuration.durability.rawValue); PRAGMA temp_store = MEMORY;
            PRAGMA cache_size = -\(max(64, cache / 1024)); PRAGMA journal_size_limit = \(Self.logSizeLimit);
            """
        )
        if purpose == .writing {
            // Pages of a transaction stay in memory until its commit, as `LogFileSystem` needs it: batches are small.
            try execute("PRAGMA cache_spill = OFF")
            // The writer checkpoints by itself, after it has answered: this hook takes the place of SQLite's automatic checkpoint.
            sqlite3_wal_hook(
                handle,
                { logFrames, _, _, count in
                    logFrames?.assumingMemoryBound(to: Int32.self).pointee = count
                    return SQLITE_OK
                },
                logFrames
            )
        }
    }

    private func provideClock(_ clock: @escaping @Sendable () -> Int64) throws(DatabaseError) {
        let code = sqlite3_create_function_v2(
            handle,
            "now_ms",
            0,
            SQLITE_UTF8 | SQLITE_INNOCUOUS,
            Unmanaged.passRetained(Clock(clock)).toOpaque(),
            { context, _, _ in
                guard let clock = sqlite3_user_data(context) else { return sqlite3_result_error_nomem(context) }
                sqlite3_result_int64(context, Unmanaged<Clock>.fromOpaque(clock).takeUnretainedValue().now())
            },
            nil,
            nil,
            { clock in
                if let clock { Unmanaged<Clock>.fromOpaque(clock).release() }
            }
        )
        guard code == SQLITE_OK else { throw failure(code, in: "now_ms") }
    }

    /// A closure as an object, so that SQLite can hold it.
    private final class Clock {
        let now: @Sendable () -> Int64
        init(_ now: @escaping @Sendable () -> Int64) { self.now = now }
    }

    private func setBusyTimeout(_ timeout: Duration) {
        sqlite3_busy_timeout(handle, Int32(clamping: Int64(timeout / .milliseconds(1))))
    }

    // MARK: Running statements

    /// Runs a statement to its end. Returns what `decode` makes of each row.
    func run<Output>(
        _ text: StatementText,
        _ arguments: [SQLValue],
        decode: (inout Row) throws(DatabaseError) -> Output
    ) throws(DatabaseError) -> [Output] {
        let statement = try prepared(text)
        guard statement.parameterCount == arguments.count else {
            throw DatabaseError(.mistake, "\(text.name) takes \(statement.parameterCount) arguments, not \(arguments.count)")
        }
        defer { statement.reset() }
        var code = statement.bind(arguments)
        guard code == SQLITE_OK else { throw failure(code, in: text.name) }
        var outputs: [Output] = []
        code = statement.step()
        while code == SQLITE_ROW {
            guard var row = statement.row() else { throw DatabaseError(.mistake, "\(text.name) answers a REAL or a BLOB") }
            do {
                outputs.append(try decode(&row))
            } catch {
                throw DatabaseError(error.kind, "\(text.name): \(error.message)")
            }
            code = statement.step()
        }
        guard code == SQLITE_DONE else { throw failure(code, in: text.name) }
        return outputs
    }

    /// The statement from the cache, or prepared for good.
    private func prepared(_ text: StatementText) throws(DatabaseError) -> SQLiteStatement {
        if let statement = statements[text.name] {
            guard statement.sql == text.sql else { throw DatabaseError(.mistake, "two statements are called \(text.name)") }
            return statement
        }
        let statement = try prepare(text.sql, name: text.name)
        guard purpose != .reading || statement.isReadOnly else {
            throw DatabaseError(.mistake, "\(text.name) is run as a read but changes the database")
        }
        statements[text.name] = statement
        return statement
    }

    private func prepare(_ sql: String, name: String) throws(DatabaseError) -> SQLiteStatement {
        var first: OpaquePointer?
        var second: OpaquePointer?
        let code = sql.withCString { start in
            var rest: UnsafePointer<CChar>?
            let code = sqlite3_prepare_v3(handle, start, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &first, &rest)
            return code == SQLITE_OK ? sqlite3_prepare_v3(handle, rest, -1, 0, &second, nil) : code
        }
        defer { sqlite3_finalize(second) }
        guard code == SQLITE_OK else {
            // The text of a statement has no arguments in it, so neither has this message.
            let failure = failure(code, in: name, explanation: String(cString: sqlite3_errmsg(handle)))
            sqlite3_finalize(first)
            throw failure
        }
        guard let first, let statement = SQLiteStatement(first, sql: sql) else {
            throw DatabaseError(.mistake, "\(name) is empty or has parameters other than $1, $2, ... without a gap")
        }
        guard second == nil else { throw DatabaseError(.mistake, "\(name) is more than one statement") }
        return statement
    }

    /// Runs a script of statements without parameters and ignores their rows.
    func execute(_ script: String) throws(DatabaseError) {
        let code = sqlite3_exec(handle, script, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(code, in: "script", explanation: String(cString: sqlite3_errmsg(handle))) }
    }

    /// Runs one statement without parameters, prepared for this once. Returns its rows.
    func query(_ sql: String) throws(DatabaseError) -> [Row] {
        let statement = try prepare(sql, name: "query")
        guard statement.parameterCount == 0 else { throw DatabaseError(.mistake, "query: a parameter without an argument") }
        var rows: [Row] = []
        var code = statement.step()
        while code == SQLITE_ROW {
            guard let row = statement.row() else { throw DatabaseError(.mistake, "query: a REAL or a BLOB in the answer") }
            rows.append(row)
            code = statement.step()
        }
        guard code == SQLITE_DONE else { throw failure(code, in: "query", explanation: String(cString: sqlite3_errmsg(handle))) }
        return rows
    }

    // MARK: Transactions

    /// Starts the one write transaction that a database file can have.
    func begin() throws(DatabaseError) {
        try control("BEGIN IMMEDIATE")
    }

    /// Marks the place to which `undo` goes back.
    func mark() throws(DatabaseError) {
        try control("SAVEPOINT batch")
    }

    /// Keeps what was done since the mark.
    func keep() throws(DatabaseError) {
        try control("RELEASE batch")
    }

    /// Takes back what was done since the mark.
    func undo() throws(DatabaseError) {
        try control("ROLLBACK TO batch")
        try control("RELEASE batch")
    }

    /// Ends the transaction. After a failure there is no transaction any more.
    func commit() throws(DatabaseError) {
        do {
            try control("COMMIT")
        } catch {
            // A failed write or flush may have left a complete commit record in the log, which a restart would find.
            let isUnknown = sqlite3_errcode(handle) & 0xff == SQLITE_IOERR
            rollBack()
            throw isUnknown ? DatabaseError(.outcomeUnknown, error.message) : error
        }
    }

    /// Ends the transaction, if there still is one, without a trace.
    func rollBack() {
        // Some failures (a full disk, an I/O error) make SQLite roll back by itself.
        if isInTransaction { sqlite3_exec(handle, "ROLLBACK", nil, nil, nil) }
    }

    /// Whether a transaction is open.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// Whether a deferred foreign key is violated at this point: COMMIT would refuse the whole transaction.
    var violatesForeignKey: Bool {
        var violations: Int32 = 0
        var highest: Int32 = 0
        sqlite3_db_status(handle, SQLITE_DBSTATUS_DEFERRED_FKS, &violations, &highest, 0)
        return violations != 0
    }

    /// How many rows the last statement changed that changes rows.
    var lastChanges: Int { Int(sqlite3_changes64(handle)) }

    private func control(_ sql: String) throws(DatabaseError) {
        _ = try run(StatementText(name: sql, sql: sql), []) { _ throws(DatabaseError) in }
    }

    // MARK: The write-ahead log

    /// Pages in the write-ahead log after this connection's last commit, those already copied into the file included.
    var framesInLog: Int { Int(logFrames.pointee) }

    /// Copies the log into the file as far as readers allow; the rest stays for the next time.
    func checkpoint() {
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_PASSIVE, nil, nil)
    }

    /// Copies the whole log and empties it, or gives up when a reader of old pages does not end within `timeout`.
    func emptyLog(timeout: Duration, usualTimeout: Duration) {
        setBusyTimeout(timeout)
        sqlite3_wal_checkpoint_v2(handle, nil, SQLITE_CHECKPOINT_TRUNCATE, nil, nil)
        setBusyTimeout(usualTimeout)
    }

    // MARK: Errors

    /// What a result code means to the caller. An explanation may only be given where it cannot contain an argument.
    private func failure(_ code: Int32, in name: String, explanation: String? = nil) -> DatabaseError {
        // The message of a constraint has the names of constraints and columns in it and no values.
        let explanation = code & 0xff == SQLITE_CONSTRAINT ? String(cString: sqlite3_errmsg(handle)) : explanation
        let message = explanation ?? String(cString: sqlite3_errstr(code))
        return DatabaseError(Self.kind(code, message), "\(name): \(message) (SQLite code \(code))")
    }

    private static func kind(_ code: Int32, _ message: String) -> DatabaseError.Kind {
        switch code {
        case checkFailed, primaryKeyFailed, rowIDFailed, uniqueFailed:
            // "CHECK constraint failed: name" and "UNIQUE constraint failed: table.column, table.column".
            return .constraint(message.firstRange(of: ": ").map { String(message[$0.upperBound...]) } ?? message)
        case foreignKeyFailed: return .constraint("foreign_key")
        default: break
        }
        switch code & 0xff {
        case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
            return .conflict
        case SQLITE_FULL, SQLITE_IOERR, SQLITE_READONLY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_PERM, SQLITE_NOMEM:
            return .unavailable
        default:
            return .mistake
        }
    }

    // Macros with arithmetic in them, which Swift does not import.
    private static let checkFailed = SQLITE_CONSTRAINT | 1 << 8
    private static let foreignKeyFailed = SQLITE_CONSTRAINT | 3 << 8
    private static let primaryKeyFailed = SQLITE_CONSTRAINT | 6 << 8
    private static let uniqueFailed = SQLITE_CONSTRAINT | 8 << 8
    private static let rowIDFailed = SQLITE_CONSTRAINT | 10 << 8
}
