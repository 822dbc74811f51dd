import Locking
import SQL
import Testing

@testable import PostgresDriver

/// The driver before a primary with a streaming standby.
@Suite struct PostgresReplicationTests {
    private static let insert = Statement<Void>("insert", "INSERT INTO item (id) VALUES ($1)")
    private static let count = Statement("count", "SELECT count(*) FROM item") { row throws(DatabaseError) in try row.integer() }

    private static func batch(_ id: String) -> Batch {
        var batch = Batch()
        batch.add(insert, [.text(id)])
        return batch
    }

    private struct Pair {
        let servers: OwnServers
        let primary: OwnServers.Server
        let standby: OwnServers.Server
        /// A superuser's connection to the primary, without a standby to wait for.
        let admin: any MigrationConnection

        /// A database that knows both servers.
        func database(_ configure: (inout PostgresDatabase.Configuration) -> Void = { _ in }) throws -> PostgresDatabase {
            var configuration = PostgresDatabase.Configuration()
            configuration.applicationName = "tested"
            configure(&configuration)
            return try PostgresDatabase(
                connectionInfo: try servers.url(primary, standby), configuration: configuration, logger: .quiet)
        }

        /// The tested connections that wait for the standby, after `action` on each.
        func waiting(_ action: String = "pid") throws -> Int64 {
            try admin.integer(
                "SELECT count(\(action)) FROM pg_stat_activity WHERE application_name = 'tested' AND wait_event = 'SyncRep'")
        }
    }

    /// A primary that waits for its standby with each commit, and the table `item`.
    private func withPair(_ body: (Pair) async throws -> Void) async throws {
        try await OwnServers.with { servers in
            let primary = try await servers.start("primary")
            let standby = try await servers.standby("standby", of: primary)
            let administration = try PostgresDatabase(connectionInfo: primary.url, logger: .quiet)
            let admin = try administration.migrationConnection()
            try admin.execute("SET synchronous_commit = local; CREATE TABLE item (id text PRIMARY KEY)")
            try admin.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            try admin.execute("SELECT pg_reload_conf()")
            try await eventually("the standby is synchronous") {
                try admin.integer("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == 1
            }
            do {
                try await body(Pair(servers: servers, primary: primary, standby: standby, admin: admin))
            } catch {
                Issue.record(error)
            }
            await administration.close()
        }
    }

    @Test func `a commit that no standby has confirmed counts as unknown, however its wait ended`() async throws {
        try await withPair { pair in
            let database = try pair.database { ($0.connections, $0.statementTimeout) = (1, .seconds(2)) }
            _ = try await database.write(Self.batch("confirmed"))
            try await pair.servers.signal(pair.standby, "STOP")
            for action in ["pg_cancel_backend(pid)", "pg_terminate_backend(pid)"] {
                let write = Task { try await failure { () throws(DatabaseError) in try await database.write(Self.batch(action)) } }
                try await eventually("the commit waits") { try pair.waiting() == 1 }
                #expect(try pair.waiting(action) == 1)
                #expect(try await write.value.kind == .outcomeUnknown)
                // It is there, and would be gone after a failover.
                #expect(try pair.admin.integer("SELECT count(*) FROM item WHERE id = '\(action)'") == 1)
            }
            // The statement timeout ends no such wait. The driver does, and leaves the server to it.
            let start = ContinuousClock.now
            let abandoned = try await failure { () throws(DatabaseError) in try await database.write(Self.batch("abandoned")) }
            #expect(abandoned.kind == .outcomeUnknown && abandoned.message.contains("said nothing"))
            #expect(ContinuousClock.now - start < .seconds(40))
            // Reads go on meanwhile; they do not see what is not confirmed.
            #expect(try await database.read(Self.count, []) == [3])
            // Neither the pool nor the server needs a hand once the standby is back.
            try await pair.servers.signal(pair.standby, "CONT")
            try await eventually("the abandoned commit is confirmed") { try await database.read(Self.count, []) == [4] }
            _ = try await database.write(Self.batch("confirmed again"))
            await database.close()
        }
    }

    @Test func `a migration that no standby has confirmed is not called done`() async throws {
        try await withPair { pair in
            let database = try pair.database()
            try await pair.servers.signal(pair.standby, "STOP")
            let migration = Task {
                try await failure { () throws(DatabaseError) in
                    try database.migrationConnection().execute("CREATE TABLE other (id text)")
                }
            }
            try await eventually("the commit waits") { try pair.waiting("pg_cancel_backend(pid)") == 1 }
            #expect(try await migration.value.kind == .outcomeUnknown)
            try await pair.servers.signal(pair.standby, "CONT")
            try database.migrationConnection().execute("DROP TABLE other")
            await database.close()
        }
    }

    @Test func `what was acknowledged survives a failover, and the pool finds the new primary by itself`() async throws {
        try await withPair { pair in
            let database = try pair.database()
            let ledger = Ledger()
            let recovery = try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        for turn in 0... {
                            let id = "\(worker)/\(turn)"
                            do throws(DatabaseError) {
                                _ = try await database.write(Self.batch(id))
                                ledger.note(id, .acknowledged)
                            } catch {
                                ledger.note(id, .failed(error.kind))
                            }
                            if ledger.isDone { return }
                        }
                    }
                    group.addTask {
                        while !ledger.isDone {
                            do throws(DatabaseError) {
                                _ = try await database.read(Self.count, [])
                            } catch {
                                ledger.noteFailedRead(error.kind)
                            }
                        }
                    }
                }
                try await eventually("writes are acknowledged") { ledger.acknowledged.count > 100 }
                try await pair.servers.signal(pair.primary, "KILL")
                try await pair.servers.promote(pair.standby)
                let promoted = ContinuousClock.now
                let before = ledger.acknowledged.count
                try await eventually("writes are acknowledged again") { ledger.acknowledged.count > before + 100 }
                let recovery = ContinuousClock.now - promoted
                ledger.finish()
                try await group.waitForAll()
                return recovery
            }
            #expect(recovery < .seconds(30))
            let survivor = try PostgresDatabase(connectionInfo: pair.standby.url, logger: .quiet)
            let present = Set(try survivor.migrationConnection().query("SELECT id FROM item").map(\.values))
            for id in ledger.acknowledged { #expect(present.contains([.text(id)]), "\(id) was acknowledged and is gone") }
            for (id, kind) in ledger.failures {
                #expect(kind == .outcomeUnknown || kind == .unavailable, "\(id) ended as \(kind)")
                if kind == .unavailable { #expect(!present.contains([.text(id)]), "\(id) was refused and is there") }
            }
            #expect(ledger.failedReads.allSatisfy { $0 == .unavailable })
            await survivor.close()
            await database.close()
        }
    }

    @Test func `a connection to a server that takes no writes any more is replaced`() async throws {
        try await OwnServers.with { servers in
            let (first, second) = (try await servers.start("first"), try await servers.start("second"))
            // Not one deployment, but all that the driver sees of it: which of two hosts takes writes.
            let password = try PostgresDatabase(connectionInfo: second.url, logger: .quiet)
            let secret = try #require(first.url.split(separator: ":").dropFirst(2).first?.split(separator: "@").first)
            try password.migrationConnection().execute("ALTER ROLE postgres PASSWORD '\(secret)'; CREATE TABLE item (id text PRIMARY KEY)")
            await password.close()
            let direct = try PostgresDatabase(connectionInfo: first.url, logger: .quiet)
            let admin = try direct.migrationConnection()
            try admin.execute("CREATE TABLE item (id text PRIMARY KEY)")
            var configuration = PostgresDatabase.Configuration()
            configuration.connections = 1
            let database = try PostgresDatabase(
                connectionInfo: try servers.url(first, second), configuration: configuration, logger: .quiet)
            _ = try await database.write(Self.batch("first"))
            try admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            try admin.execute("SELECT pg_reload_conf()")
            try await eventually("it takes no writes") {
                do throws(DatabaseError) {
                    _ = try await database.write(Self.batch("more \(UInt64.random(in: 0 ... .max))"))
                    return false
                } catch {
                    #expect(error.kind == .unavailable && error.message.contains("25006"))
                    return true
                }
            }
            _ = try await database.write(Self.batch("second"))
            #expect(try await database.read(Self.count, []) == [1])
            await database.close()
            await direct.close()
        }
    }
}

/// What writers and readers were told.
private final class Ledger: Sendable {
    enum Outcome {
        case acknowledged
        case failed(DatabaseError.Kind)
    }

    private struct State {
        var acknowledged: [String] = []
        var failures: [String: DatabaseError.Kind] = [:]
        var failedReads: [DatabaseError.Kind] = []
        var isDone = false
    }

    private let state = Lock(State())

    var isDone: Bool { state.withLock { $0.isDone } }
    var acknowledged: [String] { state.withLock { $0.acknowledged } }
    var failures: [String: DatabaseError.Kind] { state.withLock { $0.failures } }
    var failedReads: [DatabaseError.Kind] { state.withLock { $0.failedReads } }

    func note(_ id: String, _ outcome: Outcome) {
        state.withLock { state in
            switch outcome {
            case .acknowledged: state.acknowledged.append(id)
            case .failed(let kind): state.failures[id] = kind
            }
        }
    }

    func noteFailedRead(_ kind: DatabaseError.Kind) { state.withLock { $0.failedReads.append(kind) } }
    func finish() { state.withLock { $0.isDone = true } }
}
