import FoundationEssentials
import Migrations
import SQL
import Store
import TestSupport
import Testing

/// Programs of an older schema may run on a newer one where the migrations say so. `Tests/Vectors/statements` keeps the statements of the programs
/// of each schema version: those of all versions that may still run must be understood by the newest schema.
@Suite struct UpgradeTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Vectors/statements")

    private static func file(_ version: Int64) -> URL { folder.appending(path: "schema-\(version).txt") }

    /// The texts of this program, one after the other, each under its name.
    private static let current = Store.statements.sorted { $0.name < $1.name }.flatMap { statement in
        ["-- \(statement.name)\n\(statement.sql)\n"] + (statement.forMany.map { ["-- \(statement.name)\(forMany)\n\($0)\n"] } ?? [])
    }.joined(separator: "\n")

    /// Stands behind the names of texts that only Postgres takes.
    private static let forMany = ", for many"

    private static func statements(_ version: Int64) throws -> [StatementText] {
        let text = String(decoding: try Data(contentsOf: file(version)), as: UTF8.self)
        var statements: [StatementText] = []
        for part in text.split(separator: "\n-- ") {
            let lines = part.split(separator: "\n", maxSplits: 1)
            let name = String(try #require(lines.first)).replacing("-- ", with: "")
            statements.append(StatementText(name: name, sql: String(try #require(lines.last))))
        }
        return statements
    }

    private static let newest = Migration.all.last?.version ?? 0
    private static let oldest = Migration.all.last?.oldestCompatible ?? 0

    @Test func `the statements of this schema version are kept`() throws {
        if ProcessInfo.processInfo.environment["WEIR_WRITE_STATEMENTS"] == "1" {
            try FileManager.default.createDirectory(at: Self.folder, withIntermediateDirectories: true)
            try Data(Self.current.utf8).write(to: Self.file(Self.newest))
        }
        let kept = (try? Data(contentsOf: Self.file(Self.newest))).map { String(decoding: $0, as: UTF8.self) }
        #expect(
            kept == Self.current, "stale: WEIR_WRITE_STATEMENTS=1 ops/test swift --filter UpgradeTests, and look at what changed")
    }

    @Test(arguments: Engine.allCases) func `the newest schema understands every program that may run on it`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let connection = try database.migrationConnection()
            for version in Self.oldest...Self.newest {
                let statements = try Self.statements(version)
                #expect(statements.count > 30)
                for (number, statement) in statements.enumerated() {
                    switch engine {
                    case .postgres: try connection.execute("PREPARE v\(version)_\(number) AS \(statement.postgresSQL)")
                    case .sqlite where statement.name.hasSuffix(Self.forMany): continue
                    case .sqlite:
                        var batch = Batch()
                        let count = statement.sql.matches(of: /\$(\d+)/).compactMap { Int($0.1) }.max() ?? 0
                        batch.add(
                            Statement<Void>("explain.\(version).\(statement.name)", "EXPLAIN \(statement.sql)"),
                            Array(repeating: .null, count: count))
                        _ = try await database.database.write(batch)
                    }
                }
            }
        }
    }
}
