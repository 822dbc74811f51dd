import Foundation
import FragmentStore
import Logging
import Migrations
import NIOCore
import PostgresDriver
import Prometheus
import SQL
import SQLiteDriver
import Store

/// Fragments into packs, without HTTP: how long one takes until it is stored, beside one fdatasync and one commit alone, and how often the disk is
/// synced for it.
///
///     MediaStoreReference FOLDER STREAMS FRAGMENTS-PER-SECOND BYTES SECONDS [POSTGRES-URL]
///
/// Without a URL it runs on SQLite, in the folder. On Postgres it needs a database without a schema. Prints one line of JSON.
@main
enum MediaStoreReference {
    private struct Load {
        let folder: String
        let streams: Int
        let rate: Double
        let bytes: Int
        let seconds: Double
    }

    static func main() async throws {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 5, let streams = Int(arguments[1]), let rate = Double(arguments[2]), let bytes = Int(arguments[3]),
            let seconds = Double(arguments[4])
        else {
            FileHandle.standardError.write(Data("MediaStoreReference FOLDER STREAMS RATE BYTES SECONDS [POSTGRES-URL]\n".utf8))
            exit(2)
        }
        let load = Load(folder: arguments[0], streams: streams, rate: rate, bytes: bytes, seconds: seconds)
        if arguments.count > 5 {
            let database = try PostgresDatabase(
                connectionInfo: arguments[5], configuration: PostgresDatabase.Configuration(), logger: logger)
            _ = try Migrator(Migration.all).migrate(database.migrationConnection())
            try await measure(Store(database), load)
            await database.close()
        } else {
            let database = try SQLiteDatabase(path: load.folder + "/weir.db", configuration: SQLiteDatabase.Configuration())
            _ = try Migrator(Migration.all).migrate(database.migrationConnection())
            try await measure(Store(database), load)
            database.close()
        }
    }

    private static let logger = Logger(label: "benchmark") { StreamLogHandler.standardError(label: $0) }
    private static let account = "123456789012"

    private static func measure(_ store: Store, _ load: Load) async throws {
        let registry = Registry()
        let media = FragmentStore(
            store: store, configuration: FragmentStore.Configuration(directory: load.folder + "/media", instanceID: "benchmark"),
            registry: registry, logger: logger)
        try await media.open()
        let alone = try await alone(store, load)
        var sessions: [IngestSession] = []
        for number in 0..<load.streams {
            let key = ResourceKey(.stream, account: account, region: "us-east-1", name: "camera-\(number)")
            _ = try await store.createStream(
                NewStream(
                    key: key, arnPrefix: "arn:aws:kinesisvideo:us-east-1:\(account):stream/\(key.name)/", version: Token.random(),
                    deviceName: nil,
                    mediaType: nil, kmsKeyID: "k", dataRetentionInHours: 24, defaultStorageTier: "HOT", tags: []),
                quota: .max, activationDelay: 0,
                Change(token: Token.random(), operation: "CreateStream", keyID: "k", requestID: "r", retry: nil))
            sessions.append(try await media.openSession(key))
        }
        let header = TrackSet(bytes: ByteBuffer(repeating: 7, count: 300))
        let payload = ByteBuffer(repeating: 9, count: load.bytes)
        let before = counts(registry)
        let began = ContinuousClock.now
        let interval = Duration.seconds(Double(load.streams) / load.rate)
        let durations = try await withThrowingTaskGroup(of: [Double].self) { group in
            for (number, session) in sessions.enumerated() {
                group.addTask {
                    var durations: [Double] = []
                    var next = began + interval * (Double(number) / Double(load.streams))
                    while next < began + .seconds(load.seconds) {
                        try await Task.sleep(until: next, clock: .continuous)
                        _ = try await session.begin(FragmentStart(producerTime: systemTime(), trackSet: header))
                        try await session.append(payload)
                        let finished = ContinuousClock.now
                        _ = try await session.finish(FragmentEnd(length: 960)).stored()
                        durations.append((ContinuousClock.now - finished) / .milliseconds(1))
                        next += interval
                    }
                    return durations
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }.sorted()
        let elapsed = (ContinuousClock.now - began) / .seconds(1)
        let after = counts(registry)
        let p50 = durations[durations.count / 2]
        let figures: [(String, Double)] = [
            ("fragments_per_second", Double(durations.count) / elapsed),
            ("megabytes_per_second", Double(durations.count * load.bytes) / elapsed / 1e6),
            ("stored_p50_ms", p50), ("stored_p99_ms", durations[durations.count * 99 / 100]), ("alone_ms", alone),
            ("p50_to_alone", p50 / alone),
            ("syncs_per_second", (after.syncs - before.syncs) / elapsed), ("commits_per_second", (after.rounds - before.rounds) / elapsed),
        ]
        print("{" + figures.map { "\"\($0.0)\": \(String(format: "%.2f", $0.1))" }.joined(separator: ", ") + "}")
        for session in sessions { await session.close() }
        await media.close()
    }

    /// The median of one write and fdatasync of a fragment and one commit after it, with nothing else going on; milliseconds.
    private static func alone(_ store: Store, _ load: Load) async throws -> Double {
        let files = LocalFiles()
        let file = try files.create(load.folder + "/alone")
        let bytes = [UInt8](repeating: 5, count: load.bytes)
        try file.allocate(0..<Int64(load.bytes) * 60)
        let sync = try (0..<50).map { number in
            let began = ContinuousClock.now
            _ = try bytes.withUnsafeBytes { try file.write([$0], at: Int64(number * load.bytes)) }
            try file.synchronize()
            return (ContinuousClock.now - began) / .milliseconds(1)
        }.sorted()[25]
        try files.remove(load.folder + "/alone")
        var commits: [Double] = []
        for number in 0..<50 {
            let began = ContinuousClock.now
            try await store.openPack(id: Int64(number + 1), tier: "HOT", retentionHours: 1, storeID: "benchmark")
            commits.append((ContinuousClock.now - began) / .milliseconds(1))
        }
        return sync + commits.sorted()[25]
    }

    private static func counts(_ registry: Registry) -> (syncs: Double, rounds: Double) {
        func value(_ name: String) -> Double {
            registry.text().split(separator: "\n").first { $0.hasPrefix(name + " ") }.flatMap { Double($0.split(separator: " ")[1]) } ?? 0
        }
        return (value("weir_media_sync_seconds_count"), value("weir_media_rounds_total"))
    }
}
