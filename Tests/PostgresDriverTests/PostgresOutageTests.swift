import SQL
import Testing

@testable import PostgresDriver

/// The driver over a network that is cut.
@Suite struct PostgresOutageTests {
    private static let insert = Statement<Void>("insert", "INSERT INTO item (id) VALUES ($1)")
    private static let count = Statement("count", "SELECT count(*) FROM item") { row throws(DatabaseError) in try row.integer() }

    private static func batch(_ id: String) -> Batch {
        var batch = Batch()
        batch.add(insert, [.text(id)])
        return batch
    }

    /// A database behind a relay, beside one that reaches the server directly.
    private func withRelay(
        _ connections: Int, grace: Duration = .seconds(20), _ body: (Relay, PostgresDatabase, any MigrationConnection) async throws -> Void
    ) async throws {
        let server = try TestServer()
        let relay = Relay(to: try server.port)
        try await server.withSchema("CREATE TABLE item (id text PRIMARY KEY);") { _, admin in
            let schema = try #require(try admin.query("SHOW search_path").first?.values.first)
            guard case .text(let schema) = schema else { return }
            var configuration = PostgresDatabase.Configuration()
            (configuration.connections, configuration.queueDeadline, configuration.outageGrace) = (connections, .seconds(20), grace)
            let database = try server.database(try server.url(port: relay.port, schema: schema), configuration)
            do {
                try await body(relay, database, admin)
            } catch {
                Issue.record(error)
            }
            await database.close()
            relay.close()
        }
    }

    @Test func `a write whose answer was lost is of unknown outcome, and is not sent again`() async throws {
        try await withRelay(1) { relay, database, admin in
            try relay.open()
            try await eventually("the network is there") { database.statistics().connectionsUp == 1 }
            relay.withholdAnswers()
            let write = Task { try await failure { () throws(DatabaseError) in try await database.write(Self.batch("a")) } }
            try await eventually("the server has committed") { try admin.integer("SELECT count(*) FROM item") == 1 }
            relay.cut()
            #expect(try await write.value.kind == .outcomeUnknown)
            #expect(try await database.read(Self.count, []) == [1])
        }
    }

    @Test func `a read whose answer was lost is sent again`() async throws {
        try await withRelay(1) { relay, database, _ in
            try relay.open()
            try await eventually("the network is there") { database.statistics().connectionsUp == 1 }
            relay.withholdAnswers()
            let read = Task { try await database.read(Self.count, []) }
            try await eventually("the read was sent") { database.statistics().inFlight == 1 }
            relay.cut()
            #expect(try await read.value == [0])
            #expect(database.statistics().reconnects == 1)
        }
    }

    @Test func `a server that falls silent is given up, and the pool goes on once there is an answer`() async throws {
        try await withRelay(2) { relay, database, admin in
            try relay.open()
            try await eventually("the network is there") { database.statistics().connectionsUp == 2 }
            relay.withholdAnswers()
            let start = ContinuousClock.now
            let write = Task { try await failure { () throws(DatabaseError) in try await database.write(Self.batch("a")) } }
            try await eventually("the server has committed") { try admin.integer("SELECT count(*) FROM item") == 1 }
            let read = Task { try await database.read(Self.count, []) }
            let error = try await write.value
            #expect(error.kind == .outcomeUnknown && error.message.contains("said nothing"))
            #expect(ContinuousClock.now - start < .seconds(40))
            relay.cut()
            #expect(try await read.value == [1])
        }
    }

    @Test func `a short outage costs requests time and no error`() async throws {
        try await withRelay(2, grace: .seconds(60)) { relay, database, _ in
            try relay.open()
            try await eventually("the network is there") { database.statistics().connectionsUp == 2 }
            relay.close()
            try await eventually("the outage is noticed") { database.statistics().connectionsUp == 0 }
            let waiting = (0..<8).map { number in Task { try await database.write(Self.batch("\(number)")) } }
            try await eventually("the requests wait") { database.statistics().queued == 8 }
            // Attempts to connect fail meanwhile.
            try await Task.sleep(for: .milliseconds(200))
            #expect(database.statistics().queued == 8)
            try relay.open()
            for task in waiting { _ = try await task.value }
            #expect(try await database.read(Self.count, []) == [8])
        }
    }

    @Test func `after an outage everything works again without a restart`() async throws {
        try await withRelay(3, grace: .zero) { relay, database, _ in
            for round in 0..<3 {
                // There is no network: after the first failed attempt, nobody waits.
                try await eventually("the outage is noticed") { database.statistics().connectionsUp == 0 }
                try await eventually("requests are refused") {
                    try await failure { () throws(DatabaseError) in try await database.write(Self.batch("never")) }.kind == .unavailable
                }
                try relay.open()
                try await eventually("a connection is back") { database.statistics().connectionsUp > 0 }
                _ = try await database.write(Self.batch("\(round)"))
                #expect(try await database.read(Self.count, []) == [Int64(round) + 1])
                relay.close()
            }
        }
    }
}
