import Locking
import Logging
import NIOCore
import SQL
import Seeded
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// A store of media in memory beside a test's database, and what tests do with it.
struct MediaFixture: Sendable {
    let database: TestDatabase
    let faults: FaultInjectingDatabase
    let store: Store
    let files = MemoryFiles()

    init(_ database: TestDatabase) {
        self.database = database
        faults = FaultInjectingDatabase(database.database)
        store = Store(faults)
    }

    static func with(_ engine: Engine, _ body: (MediaFixture) async throws -> Void) async throws {
        try await TestDatabase.with(engine) { try await body(MediaFixture($0)) }
    }

    /// Opens the store, as a process that starts does.
    func open(
        logger: Logger = .quiet, _ change: (inout FragmentStore.Configuration) -> Void = { _ in }
    ) async throws -> FragmentStore {
        var configuration = FragmentStore.Configuration(directory: "/media", instanceID: "one")
        configuration.reserve = 0
        configuration.tuning.roundInterval = .zero
        change(&configuration)
        let clock = database.clock
        let media = FragmentStore(store: store, configuration: configuration, files: files, clock: { clock.now }, logger: logger)
        try await media.open()
        return media
    }

    /// A stream that is ACTIVE.
    @discardableResult
    func stream(_ name: String = "gate", retention: Int64 = 24, tier: String = "HOT") async throws -> ResourceKey {
        _ = try await store.create(.named(name, retention: retention))
        try await store.finishTasks()
        try database.execute("UPDATE stream SET default_storage_tier = '\(tier)' WHERE name = '\(name)'")
        return .named(name)
    }

    /// The bytes of a fragment, others for each seed. They repeat after a number of bytes that no part of a file is a multiple of.
    static func bytes(_ seed: UInt64, _ count: Int) -> ByteBuffer {
        var random = SeededGenerator(seed: seed)
        let block = (0..<997).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(count)
        while bytes.readableBytes < count { bytes.writeBytes(block.prefix(count - bytes.readableBytes)) }
        return bytes
    }

    static let header = TrackSet(bytes: ByteBuffer(string: "a header"))
}

extension IngestSession {
    /// Sends a fragment of a second.
    func send(
        _ seed: UInt64, at time: Int64, _ count: Int = 1000, header: TrackSet = MediaFixture.header, length: Int64 = 960
    ) async throws -> StoringFragment {
        _ = try await begin(FragmentStart(producerTime: time, trackSet: header))
        var rest = MediaFixture.bytes(seed, count)
        while let piece = rest.readSlice(length: min(64 << 10, rest.readableBytes)), piece.readableBytes > 0 { try await append(piece) }
        return try await finish(FragmentEnd(length: length))
    }
}

extension FragmentStore {
    /// All bytes of a fragment.
    func whole(_ fragment: FragmentRecord) async throws -> ByteBuffer {
        var all = ByteBuffer()
        for try await piece in bytes(of: fragment) { all.writeImmutableBuffer(piece) }
        return all
    }

    /// Everything that a selection has, by pages of a size.
    func all(_ key: ResourceKey, _ selection: FragmentSelection = .all, pages limit: Int = 1000) async throws -> [FragmentRecord] {
        let stream = try #require(try await stream(key))
        var found: [FragmentRecord] = []
        var position: FragmentPosition?
        repeat {
            let page = try await fragments(of: stream, selection, after: position, limit: limit)
            #expect(page.fragments.count <= limit)
            found += page.fragments
            position = page.next
        } while position != nil
        return found
    }

    /// Ends the packs that are being written and waits until they are sealed, as the next start does.
    func sealAll() async throws {
        await close()
        try await open()
        try await eventually("packs are sealed") {
            let storeID = try use().storeID
            let open = try await store.packs(storeID: storeID, state: "OPEN")
            let unfinished = try await store.sealedPacksWithRows(storeID: storeID)
            return open.isEmpty && unfinished.isEmpty
        }
    }
}

/// Something that a test stands on is not so.
struct Unexpected: Error {
    let text: String
    init(_ text: String) { self.text = text }
}
