import SQL
import TestSupport
import Testing

/// A transaction of a test's own that stops others on Postgres.
struct Blocker {
    private let connection: any MigrationConnection
    private let pid: Int64

    /// Begins with statements that lock something, or that change it and have not committed.
    init(_ database: TestDatabase, _ statements: String) throws {
        connection = try database.migrationConnection()
        try connection.execute("BEGIN; \(statements)")
        var row = try #require(try connection.query("SELECT pg_backend_pid()").first)
        pid = try row.integer()
    }

    /// Returns once it keeps another transaction waiting.
    func blocksOne(in database: TestDatabase) async throws {
        try await eventually("another waits for the lock") {
            try database.rows("SELECT count(*) FROM pg_stat_activity WHERE \(pid) = ANY (pg_blocking_pids(pid))") == [[1]]
        }
    }

    /// Commits.
    func release() throws {
        try connection.execute("COMMIT")
    }
}
