import SQL
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Workers

@Suite struct EdgeDeadlinesTests {
    private static func status(_ store: Store, _ name: String) async throws -> String? {
        try await store.edgeConfiguration(.named(name))?.status.rawValue
    }

    /// How many events tell of a failed configuration.
    private static func failures(_ database: TestDatabase) throws -> [[SQLValue]] {
        try database.rows(
            "SELECT resource_arn, count(*) FROM event WHERE type = '\(EventName.edgeConfigurationStatusChange.rawValue)' GROUP BY resource_arn ORDER BY resource_arn"
        )
    }

    /// Streams of these names with an edge configuration each, SYNCING.
    private static func start(_ store: Store, _ names: [String], timeout: Int64 = 100) async throws {
        for name in names { _ = try await store.create(.named(name)) }
        try await store.finishTasks()
        for name in names { try await store.startEdge(name, timeout: timeout) }
    }

    @Test(arguments: Engine.allCases) func `what is overdue is failed, and what is not is left`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let statuses = [
                "SYNCING": "SYNC_FAILED", "ACKNOWLEDGED": "SYNC_FAILED", "DELETING": "DELETE_FAILED",
                "DELETING_ACKNOWLEDGED": "DELETE_FAILED",
            ]
            try await Self.start(store, statuses.keys.sorted() + ["IN_SYNC", "later"])
            for status in statuses.keys.sorted() + ["IN_SYNC"] {
                let deadline = status == "IN_SYNC" ? "NULL" : "deadline"
                try database.execute(
                    "UPDATE edge_configuration SET sync_status = '\(status)', deadline = \(deadline) WHERE stream_name = '\(status)'")
            }
            try database.execute("UPDATE edge_configuration SET deadline = deadline + 1 WHERE stream_name = 'later'")
            let deadlines = EdgeDeadlines(store: store, logger: .quiet)
            try database.clock.advance(by: 99)
            try await deadlines.failOverdue()
            #expect(try Self.failures(database) == [])
            try database.clock.advance(by: 1)
            try await deadlines.failOverdue()
            for (status, failed) in statuses {
                let found = try #require(try await store.edgeConfiguration(.named(status)))
                #expect(found.status.rawValue == failed)
                #expect(found.failedStatusDetails == "The edge agent did not answer in time.")
                #expect(try await store.events(of: found.streamARN).map(\.status) == ["CREATING", "ACTIVE", "SYNCING", failed])
            }
            #expect(try await Self.status(store, "IN_SYNC") == "IN_SYNC")
            #expect(try await Self.status(store, "later") == "SYNCING")
            // Once only.
            try await deadlines.failOverdue()
            #expect(try Self.failures(database).map { $0[1] } == [1, 1, 1, 1])
            #expect(
                try database.rows(
                    "SELECT DISTINCT key_id, request_id FROM event WHERE type = '\(EventName.edgeConfigurationStatusChange.rawValue)'")
                    == [["weir", ""]])
            try database.clock.advance(by: 1)
            try await deadlines.failOverdue()
            #expect(try await Self.status(store, "later") == "SYNC_FAILED")
        }
    }

    @Test(arguments: Engine.allCases) func `several at once fail each once, more than one look shows`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let names = (0..<230).map { "gate\($0)" }
            try await Self.start(store, names)
            try database.clock.advance(by: 100)
            _ = try await atOnce(5) { _ in try await EdgeDeadlines(store: store, logger: .quiet).failOverdue() }
            #expect(
                try database.rows("SELECT sync_status, count(*) FROM edge_configuration GROUP BY sync_status") == [["SYNC_FAILED", 230]])
            #expect(try Self.failures(database).map { $0[1] } == Array(repeating: 1, count: 230))
            #expect(try database.rows("SELECT DISTINCT event_sequence FROM stream") == [[4]])
            #expect(faults.conflicts == 0)
        }
    }

    @Test(arguments: [FaultInjectingDatabase.Fault.failBefore(.unavailable), .loseAnswer, .loseCall])
    func `what a fault has stopped halfway is taken up again`(_ fault: FaultInjectingDatabase.Fault) async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            try await Self.start(store, (0..<5).map { "gate\($0)" })
            try database.clock.advance(by: 100)
            faults.reset()
            faults.inject(fault, on: "edge.move", skipping: 2)
            faults.inject(.failBefore(.unavailable), on: "stream.changed")
            let deadlines = EdgeDeadlines(store: store, logger: .quiet)
            await #expect(throws: DatabaseError.self) { try await deadlines.failOverdue() }
            let left = try await store.overdueEdgeConfigurations(limit: 10).count
            switch fault {
            case .loseAnswer: #expect(left == 2)
            case .failBefore, .loseCall, .hold: #expect(left == 3)
            }
            faults.reset()
            try await deadlines.failOverdue()
            #expect(try Self.failures(database).map { $0[1] } == [1, 1, 1, 1, 1])
            #expect(try await store.overdueEdgeConfigurations(limit: 10).isEmpty)
        }
    }

    @Test func `an agent's word between the look and the failure counts`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            try await Self.start(store, ["extended", "moved", "silent"])
            try database.clock.advance(by: 100)
            let gate = Gate()
            faults.inject(.hold(gate), on: "edge.move")
            async let failing: Void = EdgeDeadlines(store: store, logger: .quiet).failOverdue()
            try await eventually("the first is about to fail") { gate.arrived == 1 }
            let agent = Store(database.database)
            let (extended, moved) = (
                try #require(try await agent.edgeConfiguration(.named("extended"))),
                try #require(try await agent.edgeConfiguration(.named("moved")))
            )
            #expect(try await agent.extendEdgeDeadline(extended, timeout: 100))
            #expect(try await agent.moveEdgeConfiguration(moved, .awaiting(status: .acknowledged, timeout: 100), .fresh()))
            gate.open()
            try await failing
            #expect(try await Self.status(store, "extended") == "SYNCING")
            #expect(try await Self.status(store, "moved") == "ACKNOWLEDGED")
            #expect(try await Self.status(store, "silent") == "SYNC_FAILED")
        }
    }

    @Test func `it looks by itself, outlasts a failing database and stops when it is asked to`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let book = LogBook()
            try await Self.start(store, ["gate"])
            faults.inject(.failBefore(.unavailable), on: "edge.list-overdue")
            try await running([EdgeDeadlines(store: store, logger: book.logger)]) {
                try await eventually("the failure is reported") { book.lines == ["warning: edge deadlines wait"] }
                try database.clock.advance(by: 100)
                try await eventually("it is failed") { try await Self.status(store, "gate") == "SYNC_FAILED" }
            }
            // Nothing runs on.
            let looks = faults.reads.filter { $0 == "edge.list-overdue" }.count
            #expect(looks >= 2)
        }
    }
}
