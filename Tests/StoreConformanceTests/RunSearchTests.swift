import CSQLite
import SQL
import Store
import TestSupport
import Testing

/// What a page of ListFragments costs, however many runs of fragments a stream has.
@Suite struct RunSearchTests {
    private static let hour: Int64 = 3_600_000
    /// Runs in an hour, each of ten minutes: run `n` has the sequence `n` and starts `n` times ten minutes after the epoch.
    private static let length: Int64 = hour / 6

    /// Where a page begins among runs of which `before` lie before what is asked for.
    struct Page: Sendable {
        let name: String
        let statement: String
        /// $2 and what follows.
        let arguments: @Sendable (_ before: Int64) -> [Int64]
    }

    private static let pages = [
        Page(name: "a range of server times", statement: "media.extents") { [0, $0 * length, .max, 4] },
        Page(name: "what follows a sequence", statement: "media.extents") { [$0, 0, .max, 4] },
        Page(name: "a range of producer times", statement: "media.extents-by-producer") { [$0 * length, .max, 0, .min, 0, 4] },
        Page(name: "producer times of what is kept", statement: "media.extents-by-producer") {
            [$0 * length, .max, $0 * length, .min, 0, 4]
        },
        Page(name: "what follows a producer time", statement: "media.extents-by-producer") {
            [0, .max, 0, $0 * length, $0, 4]
        },
    ]

    /// SQLite begins a search at one bound alone: a statement with two lower ones reads all that lies between them. The plan is the same, so that only
    /// the steps tell. Postgres takes both.
    @Test(arguments: pages.indices) func `SQLite reads no run before the page that is asked for`(_ number: Int) async throws {
        let page = Self.pages[number]
        let statement = try #require(Store.statements.first { $0.name == page.statement })
        try await TestDatabase.with(.sqlite) { database in
            let now = database.clock.now
            try database.execute(
                """
                INSERT INTO media_stream SELECT 1, 'arn', '\(Fixture.account)', '\(Fixture.region)', 'gate', \(now), 1, 'instance', \(now), NULL, 1,
                    \(now), 1000, 1, 10, 'media', 1, \(now), \(now), NULL;
                WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < 6000)
                INSERT INTO extent SELECT 1, i, i, i * \(Self.length), (i + 1) * \(Self.length) - 1, i * \(Self.length),
                    (i + 1) * \(Self.length) - 1, (i + 1) * \(Self.length) - 1, 1, 10, 0, 0, 1, 800, 100 FROM numbers
                """)
            guard case .text(let path)? = try database.rows("PRAGMA database_list").first?[2] else { throw Unexpected() }
            let few = try Self.steps(statement, [1] + page.arguments(50), path)
            let many = try Self.steps(statement, [1] + page.arguments(5000), path)
            #expect(few.rows == 4 && many.rows == 4, "\(page.name)")
            #expect(many.steps < 2 * few.steps, "\(page.name): \(few.steps) steps behind 50 runs, \(many.steps) behind 5000")
        }
    }

    /// Runs a statement on a connection of its own; returns its rows, and the steps of SQLite's machine that it took.
    private static func steps(_ text: StatementText, _ arguments: [Int64], _ path: String) throws -> (rows: Int, steps: Int32) {
        var connection: OpaquePointer?
        defer { sqlite3_close_v2(connection) }
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_open_v2(path, &connection, SQLITE_OPEN_READONLY, nil) == SQLITE_OK,
            sqlite3_prepare_v2(connection, text.sql, -1, &statement, nil) == SQLITE_OK
        else { throw Unexpected() }
        for (number, argument) in arguments.enumerated() {
            sqlite3_bind_int64(statement, sqlite3_bind_parameter_index(statement, "$\(number + 1)"), argument)
        }
        var rows = 0
        var code = sqlite3_step(statement)
        while code == SQLITE_ROW {
            rows += 1
            code = sqlite3_step(statement)
        }
        guard code == SQLITE_DONE else { throw Unexpected() }
        return (rows, sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0))
    }

    private struct Unexpected: Error {}
}
