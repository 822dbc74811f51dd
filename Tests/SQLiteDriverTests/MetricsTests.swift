import Prometheus
import SQL
import Testing

@testable import SQLiteDriver

@Suite struct MetricsTests {
    @Test func `groups of changes, and what waits, are told`() async throws {
        let gate = Gate()
        let registry = Registry()
        let temporary = try TemporaryDatabase { configuration in
            configuration.clock = gate.pass
            configuration.readers = 1
            configuration.metrics = registry
        }
        let database = temporary.database
        gate.shut()
        let reader = Task(executorPreference: ThreadPerJob()) { try await database.read(Items.now, []) }
        let writer = Task { try await database.write(one(Items.now)) }
        try await eventually("both are held") { gate.waiting == 2 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<3 { group.addTask { _ = try await database.write(one(Items.increment)) } }
            for _ in 0..<2 { group.addTask { _ = try await database.read(Items.count, []) } }
            try await eventually("all wait") { database.readers.waitingCount == 2 && database.writer.waitingCount == 3 }
            let text = registry.text()
            #expect(text.contains("weir_database_waiting{for=\"connection\"} 2.0\n"))
            #expect(text.contains("weir_database_waiting{for=\"writer\"} 3.0\n"))
            gate.open()
            try await group.waitForAll()
        }
        _ = try await (reader.value, writer.value)
        let text = registry.text()
        #expect(text.contains("weir_database_waiting{for=\"connection\"} 0.0\n"))
        #expect(text.contains("weir_database_group_size_bucket{le=\"1.0\"} 1\n"))
        #expect(text.contains("weir_database_group_size_bucket{le=\"4.0\"} 2\n"))
        #expect(text.contains("weir_database_group_size_sum 4.0\n"))
        #expect(text.contains("weir_database_wait_seconds_count{for=\"connection\"} 2\n"))
        #expect(text.contains("weir_database_wait_seconds_count{for=\"writer\"} 4\n"))
    }

    @Test func `a database that is gone is not held by its metrics`() throws {
        let registry = Registry()
        weak var gone: SQLiteDatabase?
        do {
            let temporary = try TemporaryDatabase { $0.metrics = registry }
            gone = temporary.database
            #expect(registry.text().contains("weir_database_waiting"))
        }
        #expect(gone == nil)
        #expect(!registry.text().contains("weir_database_waiting"))
    }
}
