import Foundation
import Locking
import SQL
import Synchronization
import Testing

@testable import SQLiteDriver

/// A directory of its own for one test, removed with it.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appending(path: "sqlite-driver-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var database: String { path + "/test.db" }

    /// The permission bits of a file in the directory.
    func mode(_ name: String) throws -> Int {
        try #require(FileManager.default.attributesOfItem(atPath: path + "/" + name)[.posixPermissions] as? Int)
    }
}

/// A database in a directory of its own with the tables that the tests use.
struct TemporaryDatabase {
    let directory: TemporaryDirectory
    let database: SQLiteDatabase

    init(_ configure: (inout SQLiteDatabase.Configuration) -> Void = { _ in }) throws {
        directory = try TemporaryDirectory()
        var configuration = SQLiteDatabase.Configuration()
        configure(&configuration)
        database = try SQLiteDatabase(path: directory.database, configuration: configuration)
        try database.migrationConnection().execute(
            """
            CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER, CONSTRAINT item_size CHECK (size < 1000)) STRICT;
            CREATE TABLE part (item INTEGER NOT NULL REFERENCES item, name TEXT) STRICT;
            CREATE TABLE later (item INTEGER REFERENCES item DEFERRABLE INITIALLY DEFERRED) STRICT;
            CREATE TABLE pair (a TEXT NOT NULL, b TEXT NOT NULL, PRIMARY KEY (a, b)) STRICT, WITHOUT ROWID;
            CREATE TABLE counter (value INTEGER NOT NULL) STRICT;
            INSERT INTO counter VALUES (0);
            """
        )
    }

    /// The names of all items, in the order of their ids.
    func items() async throws -> [String] {
        try await database.read(Items.names, [])
    }
}

/// The statements that the tests use.
enum Items {
    static let insert = Statement<Void>("item.insert", "INSERT INTO item (id, name, size) VALUES ($1, $2, $3)")
    static let names = Statement<String>("item.names", "SELECT name FROM item ORDER BY id") { row throws(DatabaseError) in try row.text() }
    static let insertPart = Statement<Void>("part.insert", "INSERT INTO part (item, name) VALUES ($1, $2)")
    static let insertLater = Statement<Void>("later.insert", "INSERT INTO later (item) VALUES ($1)")
    static let insertPair = Statement<Void>("pair.insert", "INSERT INTO pair (a, b) VALUES ($1, $2)")
    static let increment = Statement<Int64>("counter.increment", "UPDATE counter SET value = value + 1 RETURNING value") {
        row throws(DatabaseError) in try row.integer()
    }
    static let count = Statement<Int64>("counter.read", "SELECT value FROM counter") { row throws(DatabaseError) in try row.integer() }
    static let now = Statement<Int64>("now", "SELECT now_ms()") { row throws(DatabaseError) in try row.integer() }

    static func insert(_ id: Int64, _ name: String, size: Int64? = nil) -> Batch {
        one(insert, [.integer(id), .text(name), .integer(size)])
    }
}

/// A batch of one statement.
func one<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue] = []) -> Batch {
    var batch = Batch()
    batch.add(statement, arguments)
    return batch
}

/// The kind of the error that `body` throws.
func kind(_ body: () async throws -> Void) async -> DatabaseError.Kind? {
    await error(body)?.kind
}

/// The error that `body` throws.
func error(_ body: () async throws -> Void) async -> DatabaseError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? DatabaseError
    }
}

/// Waits until `condition` holds; fails the test when that takes longer than 20 seconds.
func eventually(_ what: String, _ condition: () -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(20)
    while !condition() {
        try #require(ContinuousClock.now < deadline, "never happened: \(what)")
        await Task.yield()
    }
}

/// A clock for `now_ms()` at which whoever asks for the time has to wait while the gate is shut: it holds a statement in its middle.
final class Gate: Sendable {
    private let state = Lock((isOpen: true, waiting: 0))
    private let condition = NSCondition()

    /// How many wait.
    var waiting: Int { state.withLock { $0.waiting } }

    func shut() { state.withLock { $0.isOpen = false } }

    func open() {
        condition.withLock {
            state.withLock { $0.isOpen = true }
            condition.broadcast()
        }
    }

    func pass() -> Int64 {
        condition.withLock {
            state.withLock { $0.waiting += 1 }
            while !state.withLock({ $0.isOpen }) { condition.wait() }
            state.withLock { $0.waiting -= 1 }
        }
        return 0
    }
}

/// A time that a test sets.
final class SettableTime: Sendable {
    private let milliseconds: Atomic<Int64>

    init(_ value: Int64) {
        milliseconds = Atomic(value)
    }

    var value: Int64 {
        get { milliseconds.load(ordering: .sequentiallyConsistent) }
        set { milliseconds.store(newValue, ordering: .sequentiallyConsistent) }
    }
}

/// Runs each job on a thread of its own, so that a test may hold some of them without holding up the others.
final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
