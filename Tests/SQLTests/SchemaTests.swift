import Migrations
import TestSupport
import Testing

@testable import SQL

/// The two schemas are written by hand, one for each engine, and must be the same.
@Suite struct SchemaTests {
    private struct Column: Hashable {
        let table: String
        let name: String
        let type: String
        let isRequired: Bool
    }

    private struct Index: Hashable {
        let table: String
        let name: String
        let columns: [String]
        let isPrimary: Bool
        let isUnique: Bool
        var isPartial: Bool
    }

    /// Indexes of stream that leave out NULL on SQLite alone, each with its column (docs/decisions.md, The store).
    private static let partialOnSQLite = [
        ("stream_notification_destination", "notification_destination"), ("stream_fragment_destination", "fragment_destination"),
    ]

    private struct Schema {
        var columns: [Column] = []
        var indexes: Set<Index> = []
        /// Names of CHECK constraints.
        var checks: Set<String> = []
    }

    private static func postgres(_ database: TestDatabase) throws -> Schema {
        var schema = Schema()
        let connection = try database.migrationConnection()
        for row in try connection.query(
            """
            SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), CAST(is_nullable AS TEXT)
            FROM information_schema.columns JOIN information_schema.tables USING (table_schema, table_name)
            WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' AND table_name <> '\(Engine.testClockTable)'
            ORDER BY table_name COLLATE "C", ordinal_position
            """)
        {
            var row = row
            schema.columns.append(
                Column(table: try row.text(), name: try row.text(), type: try row.text(), isRequired: try row.text() == "NO"))
        }
        for row in try connection.query(
            """
            SELECT CAST(owner.relname AS TEXT), CAST(index.relname AS TEXT), string_agg(CAST(a.attname AS TEXT), ',' ORDER BY k.ordinality),
                CASE WHEN x.indisprimary THEN 1 ELSE 0 END, CASE WHEN x.indisunique THEN 1 ELSE 0 END, CASE WHEN x.indpred IS NULL THEN 0 ELSE 1 END
            FROM pg_index x JOIN pg_class index ON index.oid = x.indexrelid JOIN pg_class owner ON owner.oid = x.indrelid
                CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(attnum, ordinality)
                JOIN pg_attribute a ON a.attrelid = owner.oid AND a.attnum = k.attnum
            WHERE owner.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
            GROUP BY owner.relname, index.relname, x.indisprimary, x.indisunique, x.indpred IS NULL
            """)
        {
            var row = row
            schema.indexes.insert(
                Index(
                    table: try row.text(), name: try row.text(), columns: try row.text().split(separator: ",").map(String.init),
                    isPrimary: try row.integer() == 1, isUnique: try row.integer() == 1, isPartial: try row.integer() == 1))
        }
        for row in try connection.query(
            """
            SELECT CAST(conname AS TEXT) FROM pg_constraint
            WHERE contype = 'c' AND connamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
            """)
        {
            var row = row
            schema.checks.insert(try row.text())
        }
        return schema
    }

    private static func sqlite(_ database: TestDatabase) throws -> Schema {
        var schema = Schema()
        let connection = try database.migrationConnection()
        for row in try connection.query(
            """
            SELECT s.name, c.name, c.type, c."notnull" FROM sqlite_schema s JOIN pragma_table_info(s.name) c
            WHERE s.type = 'table' ORDER BY s.name, c.cid
            """)
        {
            var row = row
            let (table, name, type) = (try row.text(), try row.text(), try row.text())
            schema.columns.append(
                Column(table: table, name: name, type: type == "INTEGER" ? "bigint" : type.lowercased(), isRequired: try row.integer() == 1)
            )
        }
        var keys: [String: String] = [:]
        for row in try connection.query("SELECT name, sql FROM sqlite_schema WHERE type = 'table'") {
            var row = row
            let (table, sql) = (try row.text(), try row.text())
            keys[table] = sql.firstMatch(of: /CONSTRAINT (\w+) PRIMARY KEY/).map { String($0.1) }
            for check in sql.matches(of: /CONSTRAINT (\w+) CHECK/) { schema.checks.insert(String(check.1)) }
        }
        for row in try connection.query(
            """
            SELECT s.name, i.name, group_concat(x.name), CASE WHEN i.origin = 'pk' THEN 1 ELSE 0 END, i."unique", i.partial
            FROM sqlite_schema s JOIN pragma_index_list(s.name) i JOIN pragma_index_xinfo(i.name) x
            WHERE s.type = 'table' AND x.key = 1 AND x.cid >= 0 GROUP BY s.name, i.name
            """)
        {
            var row = row
            let (table, name) = (try row.text(), try row.text())
            let columns = try row.text().split(separator: ",").map(String.init)
            let isPrimary = try row.integer() == 1
            let (isUnique, isPartial) = (try row.integer() == 1, try row.integer() == 1)
            // The index of a primary key has a name of SQLite's making, and holds the key's columns; others hold those of the key after their own.
            schema.indexes.insert(
                Index(
                    table: table, name: isPrimary ? keys[table] ?? name : name, columns: columns, isPrimary: isPrimary, isUnique: isUnique,
                    isPartial: isPartial))
        }
        return schema
    }

    @Test func `both engines have the same tables, columns, keys, indexes and named checks`() async throws {
        let sqlite = try await TestDatabase.with(.sqlite) { try Self.sqlite($0) }
        let postgres = try await TestDatabase.with(.postgres) { try Self.postgres($0) }
        #expect(sqlite.columns.count > 40)
        #expect(sqlite.columns == postgres.columns)
        #expect(sqlite.indexes.count > 8)
        let expected = postgres.indexes.map { index in
            var index = index
            if Self.partialOnSQLite.contains(where: { $0.0 == index.name }) { index.isPartial = true }
            return index
        }
        #expect(sqlite.indexes == Set(expected))
        #expect(sqlite.checks.count > 5)
        #expect(sqlite.checks == postgres.checks)
    }

    @Test func `both engines are given the same checks and conditions`() {
        // Over all migrations: where one engine changes a table, the other may have to make it anew.
        let scripts = Engine.allCases.map { engine in
            Set(
                Migration.all.flatMap { migration in
                    migration.script(for: engine).matches(of: /CHECK \(.*\)|CREATE (UNIQUE )?INDEX .*|CONSTRAINT \w+ PRIMARY KEY .*\)/)
                        .map { String($0.0) }
                })
        }
        #expect(scripts[0].count > 20)
        let ofSQLite = Self.partialOnSQLite.map { name, column in
            "CREATE INDEX \(name) ON stream (\(column)) WHERE \(column) IS NOT NULL;"
        }
        #expect(scripts[0].subtracting(scripts[1]) == Set(ofSQLite))
        #expect(scripts[1].isSubset(of: scripts[0]))
    }

    @Test func `every text of the schema has byte order on Postgres`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let others = try database.rows(
                """
                SELECT CAST(table_name || '.' || column_name AS TEXT) FROM information_schema.columns
                WHERE table_schema = current_schema() AND data_type = 'text' AND coalesce(collation_name, '') <> 'C'
                    AND table_name <> 'schema_migration'
                """)
            #expect(others == [])
        }
    }

    @Test(arguments: Engine.allCases) func `the checks hold at their edges`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            try Fixture.bulk(1, in: database)
            for (column, good, bad, constraint) in [
                ("data_retention_in_hours", ["0", "87600"], ["-1", "87601"], "stream_retention"),
                ("tag_count", ["0", "50"], ["-1", "51"], "stream_tag_limit"),
                ("status", ["'CREATING'", "'ACTIVE'", "'UPDATING'", "'DELETING'"], ["'active'", "''", "'DELETED'"], "stream_status"),
                ("default_storage_tier", ["'HOT'", "'WARM'"], ["'COLD'"], "stream_storage_tier"),
            ] {
                for value in good { #expect(throws: Never.self) { try database.execute("UPDATE stream SET \(column) = \(value)") } }
                for value in bad {
                    let error = #expect(throws: DatabaseError.self) { try database.execute("UPDATE stream SET \(column) = \(value)") }
                    #expect(error?.kind == .constraint(constraint))
                }
            }
            let negative = #expect(throws: DatabaseError.self) { try database.execute("UPDATE account_usage SET stream_count = -1") }
            #expect(negative?.kind == .constraint("account_usage_stream_count"))
            let kind = #expect(throws: DatabaseError.self) { try database.execute("UPDATE task SET kind = 'other'") }
            #expect(kind?.kind == .constraint("task_kind"))
        }
    }
}
