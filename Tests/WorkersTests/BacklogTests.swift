import Prometheus
import SQL
import ServiceLifecycle
import Store
import TestSupport
import Testing

@testable import Workers

@Suite struct BacklogTests {
    private static func figures(_ registry: Registry) -> [String] {
        registry.text().split(separator: "\n").filter { !$0.hasPrefix("#") && !$0.hasSuffix(" 0.0") }.map(String.init)
    }

    @Test(arguments: Engine.allCases) func `what waits is shown by kind and age, and no longer once it is done`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let registry = Registry()
            let backlog = Backlog(store: store, registry: registry, logger: .quiet)
            for id in ["open", "shut"] {
                try await store.addSubscription(
                    NewSubscription(id: id, kind: .webhook, target: "https://\(id)", account: nil, types: nil, resourcePrefix: nil))
            }
            _ = try await store.setDestinationStatus("shut", .paused, reason: nil)
            _ = try await store.create(.named("first"))
            try database.clock.advance(by: 4000)
            _ = try await store.create(.named("second"))
            _ = try await store.createChannel(.named("third"))
            try database.clock.advance(by: 1500)
            try await backlog.count()
            #expect(
                Self.figures(registry) == [
                    "weir_deliveries_waiting{destination=\"active\"} 3.0", "weir_deliveries_waiting{destination=\"paused\"} 3.0",
                    "weir_delivery_oldest_age_seconds{destination=\"active\"} 5.5",
                    "weir_delivery_oldest_age_seconds{destination=\"paused\"} 5.5",
                    "weir_task_oldest_age_seconds{kind=\"activate-channel\"} 1.5",
                    "weir_task_oldest_age_seconds{kind=\"activate-stream\"} 5.5",
                    "weir_tasks{kind=\"activate-channel\"} 1.0", "weir_tasks{kind=\"activate-stream\"} 2.0",
                ])
            try await store.finishTasks()
            try database.execute("DELETE FROM delivery; DELETE FROM destination")
            try await backlog.count()
            #expect(Self.figures(registry) == [])
        }
    }

    @Test(arguments: Engine.allCases) func `no more than ten thousand are counted, and those of lost destinations too`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let registry = Registry()
            try Fixture.bulk(12_000, in: database)
            try database.execute(
                """
                INSERT INTO delivery SELECT 'gone', resource_arn, sequence, occurred_at, 'PENDING', 0, 0, 0, NULL, NULL, NULL, NULL FROM event
                """)
            try await Backlog(store: Store(database.database), registry: registry, logger: .quiet).count()
            let text = registry.text()
            #expect(text.contains("weir_tasks{kind=\"activate-stream\"} 10000.0\n"))
            #expect(text.contains("weir_deliveries_waiting{destination=\"gone\"} 10000.0\n"))
        }
    }

    @Test func `it counts at once, says when it cannot, and stops when asked to`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let registry = Registry()
            let book = LogBook()
            try await running([Backlog(store: Store(faults), registry: registry, logger: book.logger)]) {
                try await eventually("counted") { registry.text().contains("weir_deliveries_waiting{destination=\"active\"} 0.0") }
            }
            #expect(book.lines.isEmpty)
            faults.inject(.failBefore(.unavailable), on: "task.backlog", times: 1)
            try await running([Backlog(store: Store(faults), registry: registry, logger: book.logger)]) {
                try await eventually("told") { book.lines == ["warning: what waits was not counted"] }
            }
        }
    }
}
