import AsyncHTTPClient
import Delivery
import Foundation
import Logging
import Migrations
import NIOCore
import NIOHTTP1
import NIOPosix
import PostgresDriver
import SQL
import SQLiteDriver
import ServiceLifecycle
import Store
import Synchronization

/// How fast events reach a quick webhook, beside the bare HTTP client that posts the same bodies to the same receiver at the same concurrency.
///
///     DeliveryReference [EVENTS] [POSTGRES-URL]
///
/// Without a URL it runs on SQLite, in a temporary folder. On Postgres it needs a database without a schema.
@main
enum DeliveryReference {
    /// What a courier has in flight for one destination.
    private static let concurrency = 32

    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        let count = arguments.first.flatMap { Int($0) } ?? 10_000
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-delivery-\(UInt64.random(in: 0 ... .max))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        if arguments.count > 1, let url = arguments.last {
            let database = try PostgresDatabase(connectionInfo: url, configuration: PostgresDatabase.Configuration(), logger: logger)
            _ = try Migrator(Migration.all).migrate(database.migrationConnection())
            try await measure(Store(database), count)
            await database.close()
        } else {
            let database = try SQLiteDatabase(path: folder.appending(path: "weir.db").path, configuration: SQLiteDatabase.Configuration())
            _ = try Migrator(Migration.all).migrate(database.migrationConnection())
            try await measure(Store(database), count)
            database.close()
        }
    }

    private static let logger = Logger(label: "benchmark") { StreamLogHandler.standardError(label: $0) }

    private static func measure(_ store: Store, _ count: Int) async throws {
        try await Receiver.with { port in
            let url = "http://127.0.0.1:\(port)/hook"
            try await store.addSubscription(
                NewSubscription(id: "benchmark", kind: .webhook, target: url, account: nil, types: nil, resourcePrefix: nil))
            try await make(count, in: store)
            let bodies = try await bodies(of: store)
            // Both once before it counts: connections, caches, code.
            _ = try await post(Array(bodies.prefix(1000)), to: url)
            let processor = processorTime()
            let bare = Double(bodies.count) / (try await post(bodies, to: url))
            let between = processorTime()
            let delivered = Double(count) / (try await deliver(from: store))
            let ratio = String(format: "%.2f", delivered / bare)
            print("bare client: \(Int(bare))/s, deliveries: \(Int(delivered))/s, ratio \(ratio)")
            // What the receiver, which runs here too, and a Postgres need for it counts for the one and does not for the other.
            let (first, second) = ((between - processor) * 1e6 / Double(bodies.count), (processorTime() - between) * 1e6 / Double(count))
            print("processor time of each: \(Int(first)) us, \(Int(second)) us")
        }
    }

    /// Seconds of this process, the receiver included.
    private static func processorTime() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    /// As many streams as there are to be events: the queue of each has one.
    private static func make(_ count: Int, in store: Store) async throws {
        try await withThrowingTaskGroup { group in
            for worker in 0..<64 {
                group.addTask {
                    for number in stride(from: worker, to: count, by: 64) {
                        let name = "gate-\(number)"
                        let key = ResourceKey(.stream, account: "111122223333", region: "us-east-1", name: name)
                        let stream = NewStream(
                            key: key, arnPrefix: "arn:aws:kinesisvideo:us-east-1:111122223333:stream/\(name)/", version: "v0123456789",
                            deviceName: nil, mediaType: nil, kmsKeyID: "key", dataRetentionInHours: 24, defaultStorageTier: "HOT", tags: [])
                        let change = Change(
                            token: "t\(UInt64.random(in: 0 ... .max))", operation: "CreateStream", keyID: "AKIAIOSFODNN7EXAMPLE",
                            requestID: "80d5c412-b90c-48e4-8b15-acfb2f3fe3dc", retry: nil)
                        _ = try await store.createStream(stream, quota: .max, activationDelay: 3_600_000, change)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private static func bodies(of store: Store) async throws -> [[UInt8]] {
        var bodies: [[UInt8]] = []
        var after: EventKey?
        while true {
            let events = try await store.events(after: after, since: 0, limit: 1000)
            guard let last = events.last else { return bodies }
            bodies += events.map { CloudEvent.json($0) }
            after = last.key
        }
    }

    /// Seconds.
    private static func post(_ bodies: [[UInt8]], to url: String) async throws -> Double {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = concurrency
        let start = ContinuousClock.now
        try await HTTPClient.withHTTPClient(configuration: configuration) { client in
            try await withThrowingTaskGroup { group in
                for worker in 0..<concurrency {
                    group.addTask {
                        for index in stride(from: worker, to: bodies.count, by: concurrency) {
                            var request = HTTPClientRequest(url: url)
                            request.method = .POST
                            request.headers.add(name: "Content-Type", value: CloudEvent.contentType)
                            request.body = .bytes(bodies[index])
                            let answer = try await client.execute(request, timeout: .seconds(15))
                            for try await _ in answer.body {}
                        }
                    }
                }
                try await group.waitForAll()
            }
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    /// Seconds.
    private static func deliver(from store: Store) async throws -> Double {
        let settings = DeliverySettings(
            networks: try AddressPolicy("127.0.0.0/8"), allowsHTTP: true, caFile: nil, timeout: .seconds(15), attempts: 15,
            pauseAfter: 1_000_000, snsEndpoint: nil, snsCredentials: nil)
        let secret = WebhookSecret.random()
        let courier = try Courier(store: store, settings: settings, secrets: { _ in WebhookCredentials(secrets: [secret]) }, logger: logger)
        let start = ContinuousClock.now
        try await running([courier]) {
            while try await store.pendingDeliveries(limit: 1) > 0 { try await Task.sleep(for: .milliseconds(5)) }
        }
        return (ContinuousClock.now - start) / .seconds(1)
    }

    private static func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
        let group = ServiceGroup(services: services, logger: Logger(label: "group") { _ in SwiftLogNoOpLogHandler() })
        let run = Task { try await group.run() }
        try await body()
        await group.triggerGracefulShutdown()
        try await run.value
    }
}
