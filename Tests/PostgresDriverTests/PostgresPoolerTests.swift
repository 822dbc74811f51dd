import SQL
import Testing

@testable import PostgresDriver

/// The driver behind PgBouncer in transaction mode: each transaction may get another session of the server.
@Suite struct PostgresPoolerTests {
    private static let insert = Statement<Void>("insert", "INSERT INTO item (id, amount) VALUES ($1, $2)")
    private static let add = Statement<Void>("add", "UPDATE item SET amount = amount + 1 WHERE id = $1")
    private static let wait = Statement<Void>("wait", "SELECT 1 FROM (SELECT pg_sleep(CAST($1 AS BIGINT))) AS slept")
    private static let amount = Statement("amount", "SELECT amount FROM item WHERE id = $1") { row throws(DatabaseError) in
        try row.integer()
    }
    private static let process = Statement("process", "SELECT pg_backend_pid()") { row throws(DatabaseError) in try row.integer() }
    private static let setting = Statement("setting", "SELECT current_setting($1)") { row throws(DatabaseError) in try row.text() }

    private static func batch(_ steps: (Statement<Void>, [SQLValue])...) -> Batch {
        var batch = Batch()
        for (statement, arguments) in steps { batch.add(statement, arguments) }
        return batch
    }

    /// A server with the table `item`, PgBouncer before it with two sessions for everybody, and a direct connection.
    private func withPooler(
        _ configure: (inout PostgresDatabase.Configuration) -> Void = { _ in },
        _ body: (_ database: PostgresDatabase, _ admin: any MigrationConnection) async throws -> Void
    ) async throws {
        try await OwnServers.with { servers in
            let server = try await servers.start("server")
            let pooler = try await servers.pooler("pooler", before: server, "default_pool_size=2")
            let direct = try PostgresDatabase(connectionInfo: server.url, logger: .quiet)
            let admin = try direct.migrationConnection()
            try admin.execute("CREATE TABLE item (id text PRIMARY KEY, amount bigint)")
            var configuration = PostgresDatabase.Configuration()
            (configuration.preparedStatements, configuration.queueDeadline) = (false, .seconds(20))
            configure(&configuration)
            let database = try PostgresDatabase(connectionInfo: pooler.url, configuration: configuration, logger: .quiet)
            do {
                try await body(database, admin)
            } catch {
                Issue.record(error)
            }
            await database.close()
            await direct.close()
        }
    }

    @Test func `many requests at once share few sessions, and no answer goes astray`() async throws {
        try await withPooler({ $0.connections = 8 }) { database, _ in
            for number in 0..<16 { _ = try await database.write(Self.batch((Self.insert, [.text("\(number)"), .integer(0)]))) }
            let processes = try await withThrowingTaskGroup(of: [Int64].self) { group in
                for number in 0..<64 {
                    group.addTask {
                        let id = SQLValue.text("\(number % 16)")
                        for _ in 0..<25 {
                            _ = try await database.write(Self.batch((Self.add, [id]), (Self.add, [id])))
                            // A refused batch among the others: nothing of it is done.
                            let refused = try await failure { () throws(DatabaseError) in
                                try await database.write(Self.batch((Self.add, [id]), (Self.insert, [id, 0])))
                            }
                            #expect(refused.kind == .constraint("item_pkey"))
                            #expect(try await database.read(Self.amount, [id]).count == 1)
                        }
                        return try await database.read(Self.process, [])
                    }
                }
                return try await group.reduce(into: Set<Int64>()) { $0.formUnion($1) }
            }
            #expect(processes.count <= 2)
            for number in 0..<16 { #expect(try await database.read(Self.amount, [.text("\(number)")]) == [4 * 25 * 2]) }
            #expect(database.statistics().reconnects == 0)
        }
    }

    @Test func `time limits hold in every transaction and stay in none of the sessions`() async throws {
        try await withPooler({ ($0.connections, $0.statementTimeout, $0.lockTimeout) = (4, .milliseconds(700), .milliseconds(200)) }) {
            database, admin in
            for name in ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"] {
                try admin.execute("ALTER SYSTEM SET \(name) = '77s'")
            }
            try admin.execute("SELECT pg_reload_conf()")
            let limits = ["statement_timeout": "700ms", "lock_timeout": "200ms", "idle_in_transaction_session_timeout": "700ms"]
            for _ in 0..<8 {
                for (name, value) in limits { #expect(try await database.read(Self.setting, [.text(name)]) == [value]) }
            }
            let slow = try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.wait, [60]))) }
            #expect(slow.kind == .unavailable && slow.message.contains("57014"))
            _ = try await database.write(Self.batch((Self.insert, ["held", 0])))
            try admin.execute("BEGIN; UPDATE item SET amount = 1")
            let locked = try await failure { () throws(DatabaseError) in try await database.write(Self.batch((Self.add, ["held"]))) }
            #expect(locked.kind == .conflict && locked.message.contains("55P03"))
            try admin.execute("ROLLBACK")
            _ = try await database.write(Self.batch((Self.add, ["held"])))
            // Another client of the same sessions finds the server's own settings.
            for _ in 0..<8 {
                let other = try database.migrationConnection()
                for name in limits.keys { #expect(try other.query("SHOW \(name)").map(\.values) == [["77s"]]) }
            }
        }
    }

    @Test func `migrations are refused, with what to do instead`() async throws {
        try await withPooler { database, _ in
            let connection = try database.migrationConnection()
            #expect(try connection.integer("SELECT count(*) FROM item") == 0)
            #expect { try connection.execute("DROP TABLE item") } throws: {
                guard let error = $0 as? DatabaseError else { return false }
                return error.kind == .mistake && error.message.contains("pooler") && error.message.contains("server's own address")
            }
            #expect(try connection.integer("SELECT count(*) FROM item") == 0)
        }
    }

    @Test func `prepared statements behind a pooler that does not know them fail with what to do`() async throws {
        try await withPooler({ ($0.preparedStatements, $0.connections) = (true, 4) }) { database, _ in
            try await eventually("two connections meet in one session") {
                let errors = await withTaskGroup(of: DatabaseError?.self) { group in
                    // More than one connection takes at once.
                    for number in 0..<64 {
                        group.addTask {
                            do throws(DatabaseError) {
                                _ = try await database.read(Self.amount, [.text("\(number)")])
                                return nil
                            } catch {
                                return error
                            }
                        }
                    }
                    return await group.reduce(into: [DatabaseError]()) { $0 += [$1].compactMap { $0 } }
                }
                #expect(errors.allSatisfy { $0.kind == .mistake && $0.message.contains("switch prepared statements off") })
                return !errors.isEmpty
            }
        }
    }

    @Test func `a role with another isolation level is refused behind a pooler`() async throws {
        try await withPooler { database, admin in
            try admin.execute("ALTER ROLE postgres SET default_transaction_isolation = 'serializable'")
            let error = try await failure { () throws(DatabaseError) in try await database.read(Self.process, []) }
            #expect(error.kind == .unavailable && error.message.contains("default_transaction_isolation"))
        }
    }

    @Test func `sessions that are ended behind the pooler leave no write in doubt that was answered`() async throws {
        try await withPooler({ $0.connections = 4 }) { database, admin in
            var acknowledged: Set<String> = []
            var refused: Set<String> = []
            for round in 0..<10 {
                let outcomes = await withTaskGroup(of: (String, DatabaseError.Kind?).self) { group in
                    for number in 0..<16 {
                        group.addTask {
                            let id = "\(round)/\(number)"
                            do throws(DatabaseError) {
                                _ = try await database.write(Self.batch((Self.insert, [.text(id), 0]), (Self.add, [.text(id)])))
                                return (id, nil)
                            } catch {
                                return (id, error.kind)
                            }
                        }
                    }
                    _ = try? admin.query(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres'"
                    )
                    return await group.reduce(into: [(String, DatabaseError.Kind?)]()) { $0.append($1) }
                }
                for (id, kind) in outcomes {
                    switch kind {
                    case nil: acknowledged.insert(id)
                    case .unavailable: refused.insert(id)
                    case .outcomeUnknown: break
                    case .constraint, .conflict, .overloaded, .mistake: Issue.record("\(id) ended as \(String(describing: kind))")
                    }
                }
            }
            let present = Set(try admin.query("SELECT id FROM item WHERE amount = 1").map(\.values))
            #expect(acknowledged.allSatisfy { present.contains([.text($0)]) })
            #expect(refused.allSatisfy { !present.contains([.text($0)]) })
            #expect(!acknowledged.isEmpty)
        }
    }
}
