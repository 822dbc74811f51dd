internal import FoundationEssentials
internal import Glibc
internal import Logging
internal import Migrations
internal import PostgresDriver
public import SQL
internal import SQLiteDriver

/// A database of its own for one test, on either engine, with the schema of this program and a clock that stands still until the test
/// moves it.
///
/// Threads: any task may call any method at any time.
public struct TestDatabase: Sendable {
    /// The engine it runs on.
    public let engine: Engine
    /// The database as the server would use it.
    public let database: any Database
    /// The milliseconds that `now_ms()` answers in this database.
    public let clock: TestClock
    private let connect: @Sendable () throws(DatabaseError) -> any MigrationConnection

    /// What the schema is set up with.
    public enum Schema: Sendable {
        /// All of this program's migrations.
        case migrated
        /// Nothing, for tests of the migrator. On Postgres there is no `now_ms()` yet, and the one that a migration makes follows real time.
        case empty
    }

    /// Runs `body` with a fresh database, which is gone afterwards. Waits until few enough others are in use. A Postgres that was not
    /// started is an error.
    public static func with<Answer>(
        _ engine: Engine, _ schema: Schema = .migrated, _ body: (TestDatabase) async throws -> Answer
    ) async throws -> Answer {
        await places.enter()
        do {
            let answer =
                switch engine {
                case .sqlite: try await withSQLite(schema, body)
                case .postgres: try await withPostgres(schema, body)
                }
            places.leave()
            return answer
        } catch {
            places.leave()
            throw error
        }
    }

    /// A connection that runs any SQL, to prepare a state that no statement of the server leads to and to look behind the scenes.
    public func migrationConnection() throws(DatabaseError) -> any MigrationConnection {
        try connect()
    }

    /// Runs a script on a connection of its own.
    public func execute(_ script: String) throws(DatabaseError) {
        try connect().execute(script)
    }

    /// The rows that a query answers on a connection of its own, as values.
    public func rows(_ sql: String) throws(DatabaseError) -> [[SQLValue]] {
        try connect().query(sql).map(\.values)
    }

    // Each Postgres test has a handful of connections, of which a server has only so many.
    private static let places = Turnstile(8)

    private static func withSQLite<Answer>(_ schema: Schema, _ body: (TestDatabase) async throws -> Answer) async throws -> Answer {
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-test-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let clock = TestClock()
        var configuration = SQLiteDatabase.Configuration()
        // No test cuts the power.
        configuration.durability = .normal
        configuration.clock = { clock.now }
        let database = try SQLiteDatabase(path: folder.appending(path: "weir.sqlite").path, configuration: configuration)
        defer { database.close() }
        switch schema {
        case .migrated: _ = try Migrator(Migration.all).migrate(database.migrationConnection())
        case .empty: break
        }
        return try await body(
            TestDatabase(engine: .sqlite, database: database, clock: clock) { () throws(DatabaseError) in
                try database.migrationConnection()
            })
    }

    private static func withPostgres<Answer>(_ schema: Schema, _ body: (TestDatabase) async throws -> Answer) async throws -> Answer {
        guard let variable = getenv("WEIR_TEST_POSTGRES") else { throw MissingPostgres() }
        let url = String(cString: variable)
        guard !url.isEmpty else { throw MissingPostgres() }
        let name = "test_\(UInt64.random(in: 0 ... .max))"
        var configuration = PostgresDatabase.Configuration()
        configuration.connections = 4
        // A machine that runs all tests at once may be slow; it is not what a test is about.
        configuration.queueDeadline = .seconds(60)
        configuration.statementTimeout = .seconds(60)
        configuration.lockTimeout = .seconds(60)
        let database = try PostgresDatabase(
            connectionInfo: url + (url.contains("?") ? "&" : "?") + "options=-csearch_path%3D\(name)", configuration: configuration,
            logger: .quiet)
        let connection = try database.migrationConnection()
        try connection.execute("CREATE SCHEMA \(name)")
        let clock: TestClock
        do {
            switch schema {
            case .migrated:
                // On a connection that ends here, and with it the lock that migrations take.
                _ = try Migrator(Migration.all).migrate(database.migrationConnection())
                clock = try TestClock(replacing: connection)
            case .empty:
                clock = TestClock()
            }
            let answer = try await body(
                TestDatabase(engine: .postgres, database: database, clock: clock) { () throws(DatabaseError) in
                    try database.migrationConnection()
                })
            await database.close()
            try connection.execute("DROP SCHEMA \(name) CASCADE")
            return answer
        } catch {
            await database.close()
            try? connection.execute("DROP SCHEMA \(name) CASCADE")
            throw error
        }
    }
}

extension TestDatabase {
    /// Has a Postgres learn what is in the tables of this test. ANALYZE alone means those of all tests, and waits for what others lock while it keeps
    /// others waiting.
    public func analyze(_ connection: any MigrationConnection) throws {
        let tables = try connection.query(
            "SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = current_schema()")
        guard case .text(let names)? = tables.first?.values.first else { return }
        try connection.execute("ANALYZE \(names)")
    }
}

/// The environment names no Postgres to test with.
public struct MissingPostgres: Error, CustomStringConvertible {
    /// What to do about it.
    public var description: String {
        "WEIR_TEST_POSTGRES does not hold a superuser's URL: run the tests with ops/test, which starts a Postgres for them"
    }
}

extension Engine {
    /// The table that a test's clock adds to a Postgres schema: no part of what is tested.
    public static let testClockTable = "test_clock"
}
