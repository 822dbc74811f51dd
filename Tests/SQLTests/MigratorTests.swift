import Migrations
import SQL
import TestSupport
import Testing

@Suite struct MigratorTests {
    /// A migration that is the same on both engines, but for the clock, which the first one has to bring on Postgres.
    private static func migration(_ version: Int64, _ script: String, oldestCompatible: Int64 = 1) -> Migration {
        let clock = "CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE sql AS $$ SELECT CAST(7 AS BIGINT) $$;"
        return Migration(
            version: version, name: "step-\(version)", oldestCompatible: oldestCompatible, sqlite: Array(script.utf8),
            postgres: Array(((version == 1 ? clock : "") + script).utf8))
    }

    private static let one = migration(1, "CREATE TABLE one (a BIGINT NOT NULL)")
    private static let two = migration(2, "CREATE TABLE two (a BIGINT NOT NULL); INSERT INTO two VALUES (2)")
    private static let three = migration(3, "ALTER TABLE two ADD COLUMN b BIGINT; INSERT INTO one VALUES (3)")

    private static func refusal(_ state: Migrator.State) -> String? {
        if case .refused(let why) = state { why } else { nil }
    }

    @Test(arguments: Engine.allCases) func `what is missing is applied, once and in order`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            #expect(try Migrator([]).state(of: connection) == .current)
            #expect(try Migrator([Self.one, Self.two]).state(of: connection) == .pending([1, 2]))
            #expect(try Migrator([Self.one, Self.two]).migrate(connection) == [1, 2])
            #expect(try Migrator([Self.one, Self.two]).state(of: connection) == .current)
            #expect(try Migrator([Self.one, Self.two]).migrate(connection) == [])
            #expect(try Migrator([Self.one, Self.two, Self.three]).state(of: connection) == .pending([3]))
            #expect(try Migrator([Self.one, Self.two, Self.three]).migrate(connection) == [3])
            #expect(try database.rows("SELECT a, b FROM two") == [[2, nil]])
            #expect(
                try database.rows("SELECT version, name, oldest_compatible FROM schema_migration ORDER BY version")
                    == [[1, "step-1", 1], [2, "step-2", 1], [3, "step-3", 1]])
        }
    }

    @Test(arguments: Engine.allCases) func `many at once apply each migration once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let migrations = [Self.one, Self.two, Self.three]
            let applied = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for _ in 0..<4 {
                    group.addTask { try await blocking { try Migrator(migrations).migrate(database.migrationConnection()) } }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(applied.sorted() == [1, 2, 3])
            #expect(try database.rows("SELECT a FROM one") == [[3]])
            #expect(try database.rows("SELECT a FROM two") == [[2]])
        }
    }

    @Test(arguments: Engine.allCases) func `an edited migration is refused`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            _ = try Migrator([Self.one]).migrate(connection)
            let edited = Migrator([Self.migration(1, "CREATE TABLE one (a BIGINT NOT NULL) "), Self.two])
            #expect(Self.refusal(try edited.state(of: connection))?.contains("Migration 1 (step-1) was applied with another text") == true)
            let error = #expect(throws: DatabaseError.self) { try edited.migrate(connection) }
            #expect(error?.kind == .mistake)
            #expect(try Migrator([Self.one]).state(of: connection) == .current)
        }
    }

    @Test(arguments: Engine.allCases) func `a newer schema runs older programs as far as it says so`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            let old = Migrator([Self.one])
            _ = try Migrator([Self.one, Self.two]).migrate(connection)
            #expect(try old.state(of: connection) == .newerButCompatible(version: 2))
            #expect(try old.migrate(connection) == [])
            _ = try Migrator([Self.one, Self.two, Self.migration(3, "SELECT 1", oldestCompatible: 2)]).migrate(connection)
            #expect(Self.refusal(try old.state(of: connection))?.hasSuffix("Upgrade this instance.") == true)
            let error = #expect(throws: DatabaseError.self) { try old.migrate(connection) }
            #expect(error?.kind == .mistake)
            #expect(try Migrator([Self.one, Self.two]).state(of: connection) == .newerButCompatible(version: 3))
        }
    }

    @Test(arguments: Engine.allCases) func `a migration that the program does not know is refused`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            _ = try Migrator([Self.one, Self.two]).migrate(connection)
            #expect(Self.refusal(try Migrator([Self.one, Self.three]).state(of: connection))?.contains("has migration 2") == true)
        }
    }

    @Test(arguments: Engine.allCases) func `a schema that lacks a migration before its newest is refused`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            let third = Self.migration(3, "SELECT 1")
            _ = try Migrator([Self.one, third]).migrate(connection)
            for migrations in [[Self.one, Self.two], [Self.one, Self.two, third]] {
                let state = try Migrator(migrations).state(of: connection)
                try #require(Self.refusal(state)?.contains("lacks migration 2") == true)
                #expect(throws: DatabaseError.self) { try Migrator(migrations).migrate(connection) }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a migration that fails leaves nothing and says which it was`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine, .empty) { database in
            let connection = try database.migrationConnection()
            let broken = Self.migration(2, "CREATE TABLE two (a BIGINT); INSERT INTO nowhere VALUES (1)")
            let error = #expect(throws: DatabaseError.self) { try Migrator([Self.one, broken]).migrate(connection) }
            #expect(error?.kind == .mistake)
            #expect(error?.message.hasPrefix("migration 2 (step-2): ") == true)
            #expect(try Migrator([Self.one, Self.two]).state(of: connection) == .pending([2]))
            #expect(try Migrator([Self.one, Self.two]).migrate(connection) == [2])
        }
    }

    @Test func `the program's migrations count from one without gaps and may run beside older ones`() {
        let all = Migration.all
        #expect(all.map(\.version) == Array(1...Int64(all.count)))
        for migration in all { #expect(1...migration.version ~= migration.oldestCompatible) }
    }
}
