import Glibc
import NIOCore
import SQL
import Seeded
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// Disks and processes that fail: nothing that was told as stored is lost, and nothing else is shown.
@Suite struct FaultTests {
    /// Sends until something fails. Returns what was told as stored, by its seed.
    private static func send(_ media: FragmentStore, _ key: ResourceKey, _ seeds: Range<UInt64>, _ count: Int) async -> [UInt64:
        FragmentRecord]
    {
        var stored: [UInt64: FragmentRecord] = [:]
        guard let session = try? await media.openSession(key) else { return stored }
        for seed in seeds {
            guard let fragment = try? await session.send(seed, at: Int64(seed) * 1000, count) else { break }
            guard let record = try? await fragment.stored() else { break }
            stored[seed] = record
        }
        await session.close()
        return stored
    }

    private static func check(
        _ media: FragmentStore, _ key: ResourceKey, _ stored: [UInt64: FragmentRecord], _ count: Int, _ comment: Comment
    ) async throws {
        let listed = try await media.all(key)
        for (seed, record) in stored {
            #expect(listed.contains(record), comment)
            #expect(try await media.whole(record) == MediaFixture.bytes(seed, count), comment)
        }
        // What is listed beyond was committed and its telling lost: it is whole too.
        for fragment in listed {
            #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(fragment.producerTime / 1000), count), comment)
            #expect(try await media.trackSet(of: fragment) == MediaFixture.header, comment)
        }
    }

    @Test(arguments: Engine.allCases, [false, true]) func `a process that dies at any call loses nothing that was told`(
        _ engine: Engine, _ losesPower: Bool
    ) async throws {
        try await TestDatabase.with(engine) { database in
            var random = SeededGenerator(seed: 11)
            var step = 0
            var isDone = false
            while !isDone {
                let fixture = MediaFixture(database)
                let key = try await fixture.stream("s\(step)")
                let settings: (inout FragmentStore.Configuration) -> Void = { configuration in
                    configuration.tuning.packFragments = 2
                    configuration.tuning.removal = 1
                }
                let media = try await fixture.open(settings)
                fixture.files.die(after: step)
                // The last is written in parts.
                var stored = await Self.send(media, key, 0..<5, 300)
                if stored.count == 5 { stored.merge(await Self.send(media, key, 5..<6, 300)) { first, _ in first } }
                isDone = stored.count == 6
                await media.close()
                if losesPower { fixture.files.losePower(&random) } else { fixture.files.restart() }
                let next = try await fixture.open(settings)
                try await Self.check(next, key, stored, 300, "died after \(step) calls")
                try await next.sealAll()
                try await Self.check(next, key, stored, 300, "died after \(step) calls, sealed")
                await next.close()
                step += engine == .sqlite ? 1 : 4
            }
            #expect(step > 20)
        }
    }

    /// How often the store dies: a few times, or as often as MEDIA_ROUNDS says, as `ops/torture --media` does.
    private static let rounds = getenv("MEDIA_ROUNDS").flatMap { Int(String(cString: $0)) } ?? 6

    @Test(arguments: Engine.allCases, [false, true]) func `rounds of load and death, on one folder, lose nothing that was told`(
        _ engine: Engine, _ losesPower: Bool
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            var random = SeededGenerator(seed: UInt64.random(in: 0..<1_000_000))
            let seed = random
            let keys = try await [fixture.stream("a"), fixture.stream("b", retention: 48), fixture.stream("c", tier: "WARM")]
            var told: [ResourceKey: [(record: FragmentRecord, seed: UInt64, count: Int)]] = [:]
            for round in 0..<Self.rounds {
                let media = try await fixture.open { configuration in
                    configuration.tuning.packFragments = 9
                    configuration.tuning.roundInterval = .milliseconds(1)
                }
                fixture.files.die(after: .random(in: 0...250, using: &random))
                let seeds = keys.map { _ in UInt64.random(in: 1...1 << 40, using: &random) }
                let stored = await withTaskGroup(of: (Int, [(FragmentRecord, UInt64, Int)]).self) { group in
                    for (index, key) in keys.enumerated() {
                        group.addTask {
                            var random = SeededGenerator(seed: seeds[index])
                            var stored: [(FragmentRecord, UInt64, Int)] = []
                            guard let session = try? await media.openSession(key) else { return (index, []) }
                            for _ in 0..<20 {
                                let (seed, count) = (random.next(), Int.random(in: 0...9, using: &random) == 0 ? 2_200_000 : 3000)
                                guard let fragment = try? await session.send(seed, at: Int64(stored.count) * 1000, count),
                                    let record = try? await fragment.stored()
                                else { break }
                                stored.append((record, seed, count))
                            }
                            await session.close()
                            return (index, stored)
                        }
                    }
                    return await group.reduce(into: []) { $0.append($1) }
                }
                for (index, stored) in stored { told[keys[index], default: []] += stored.map { ($0.0, $0.1, $0.2) } }
                await media.close()
                if losesPower { fixture.files.losePower(&random) } else { fixture.files.restart() }
                try fixture.database.clock.advance(by: 1000)
                let next = try await fixture.open()
                for key in keys {
                    let listed = Set(try await next.all(key))
                    for (record, seed, count) in told[key] ?? [] {
                        #expect(listed.contains(record), "round \(round) of \(seed)")
                        #expect(try await next.whole(record) == MediaFixture.bytes(seed, count), "round \(round) of \(seed)")
                    }
                }
                await next.close()
                fixture.files.restart()
            }
            let count = told.values.reduce(0) { $0 + $1.count }
            #expect(count > 0, "\(seed)")
            let inspector = PackInspector(
                store: fixture.store, configuration: FragmentStore.Configuration(directory: "/media", instanceID: "one"),
                files: fixture.files)
            #expect(try await inspector.verify { Issue.record("\($0)") }.faults == 0)
        }
    }

    @Test(arguments: [false, true]) func `a fragment in parts is whole or not there`(_ losesPower: Bool) async throws {
        try await TestDatabase.with(.sqlite) { database in
            var random = SeededGenerator(seed: 12)
            for step in stride(from: 0, through: 16, by: 2) {
                let fixture = MediaFixture(database)
                let key = try await fixture.stream("s\(step)")
                let media = try await fixture.open()
                fixture.files.die(after: step)
                let stored = await Self.send(media, key, 0..<1, 5_000_000)
                await media.close()
                if losesPower { fixture.files.losePower(&random) } else { fixture.files.restart() }
                let next = try await fixture.open()
                try await Self.check(next, key, stored, 5_000_000, "died after \(step) calls")
                await next.close()
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a sync that fails is not asked again: the round goes into a new pack`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            var stored = [try await session.send(0, at: 0).stored()]
            fixture.files.inject(.code(EIO), on: .synchronize)
            stored.append(try await session.send(1, at: 1000).stored())
            stored.append(try await session.send(2, at: 2000).stored())
            #expect(Set(stored.map(\.place.pack)).count == 2)
            #expect(stored[1].place.pack == stored[2].place.pack)
            // Twice in a round: told as lost, and no more is taken until the disk is seen to work.
            fixture.files.inject(.code(EIO), on: .synchronize, times: 2)
            let lost = try await session.send(3, at: 3000)
            await #expect { try await lost.stored() } throws: { if case .archival? = $0 as? IngestFailure { true } else { false } }
            await #expect { try await media.openSession(key) } throws: { if case .disk? = $0 as? SessionRefusal { true } else { false } }
            await #expect { try await session.begin(FragmentStart(producerTime: 0, trackSet: MediaFixture.header)) } throws: {
                if case .archival? = $0 as? IngestFailure { true } else { false }
            }
            await media.measureDisks()
            let next = try await media.openSession(key)
            stored.append(try await next.send(4, at: 4000).stored())
            #expect(try await media.all(key) == stored)
            await media.close()
            var random = SeededGenerator(seed: 13)
            fixture.files.losePower(&random)
            let restarted = try await fixture.open()
            try await restarted.sealAll()
            #expect(try await restarted.all(key) == stored)
            for (seed, fragment) in zip([0, 1, 2, 4] as [UInt64], stored) {
                #expect(try await restarted.whole(fragment) == MediaFixture.bytes(seed, 1000))
            }
            await restarted.close()
        }
    }

    @Test func `a fragment whose first part is in doubt is told as lost`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            fixture.files.inject(.code(EIO), on: .synchronize)
            let lost = try await session.send(1, at: 0, 5_000_000)
            await #expect { try await lost.stored() } throws: { if case .archival? = $0 as? IngestFailure { true } else { false } }
            #expect(try await media.all(key) == [])
            #expect(media.memory.bytes == 0)
            await media.close()
        }
    }

    @Test func `short writes are gone on with`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            fixture.files.inject(.short, on: .write, times: 12)
            let session = try await media.openSession(key)
            for seed in 0..<3 as Range<UInt64> {
                let fragment = try await session.send(seed, at: 0, 10_000).stored()
                #expect(try await media.whole(fragment) == MediaFixture.bytes(seed, 10_000))
            }
            #expect(fixture.files.isSpent)
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a full disk refuses, keeps what is there, and takes again when there is room`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            fixture.files.setCapacity(60_000)
            let media = try await fixture.open { $0.reserve = 10_000 }
            let session = try await media.openSession(key)
            let kept = try await session.send(0, at: 0, 50_000).stored()
            let lost = try await session.send(1, at: 1000, 50_000)
            await #expect { try await lost.stored() } throws: { if case .archival? = $0 as? IngestFailure { true } else { false } }
            await media.measureDisks()
            await #expect { try await media.openSession(key) } throws: { if case .disk? = $0 as? SessionRefusal { true } else { false } }
            await #expect { try await session.send(2, at: 2000) } throws: {
                if case .archival? = $0 as? IngestFailure { true } else { false }
            }
            #expect(try await media.all(key) == [kept])
            #expect(try await media.whole(kept) == MediaFixture.bytes(0, 50_000))
            #expect(
                try fixture.database.rows("SELECT type, status FROM event WHERE type = 'DiskReserveReached'") == [
                    ["DiskReserveReached", "REACHED"]
                ])
            fixture.files.setCapacity(1 << 30)
            await media.measureDisks()
            let next = try await media.openSession(key)
            let more = try await next.send(3, at: 3000, 50_000).stored()
            #expect(try await media.all(key) == [kept, more])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a full disk drops the oldest where that is wanted, and tells so`(_ engine: Engine) async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            fixture.files.setCapacity(400_000)
            let media = try await fixture.open { configuration in
                configuration.whenFull = .oldest
                configuration.tuning.packFragments = 1
            }
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            for seed in 0..<12 as Range<UInt64> {
                stored.append(try await session.send(seed, at: Int64(seed) * 1000, 50_000).stored())
                // So that there are packs to drop.
                try await eventually("sealed") { try fixture.database.rows("SELECT count(*) FROM pack WHERE state = 'OPEN'") == [[1]] }
            }
            let left = try await media.all(key)
            #expect(left == Array(stored.suffix(left.count)))
            #expect((4...8).contains(left.count))
            for (seed, fragment) in zip((12 - UInt64(left.count))..., left) {
                #expect(try await media.whole(fragment) == MediaFixture.bytes(seed, 50_000))
            }
            let told = try fixture.database.rows("SELECT count(*) FROM event WHERE type = 'OldestMediaDropped' AND status = 'DROPPED'")
            #expect(told == [[.integer(Int64(12 - left.count))]])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a small disk that fills never refuses where the oldest may go, whatever size packs would have`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            fixture.files.setCapacity(4_000_000)
            let media = try await fixture.open { configuration in
                configuration.whenFull = .oldest
                configuration.reserve = 0
            }
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            for seed in 0..<150 as Range<UInt64> { stored.append(try await session.send(seed, at: Int64(seed) * 1000, 50_000).stored()) }
            let left = try await media.all(key)
            #expect(left == Array(stored.suffix(left.count)))
            // Packs of a sixteenth, of which one is written to and one or two may be waiting for their index.
            #expect((50...80).contains(left.count), "\(left.count)")
            for (seed, fragment) in zip((150 - UInt64(left.count))..., left) {
                #expect(try await media.whole(fragment) == MediaFixture.bytes(seed, 50_000))
            }
            await media.close()
        }
    }

    @Test func `a disk with no room ahead takes what it has room for`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open { $0.reserve = 0 }
            // Taking ahead asks for much more than is left.
            fixture.files.setCapacity(200_000)
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            for seed in 0..<3 as Range<UInt64> { stored.append(try await session.send(seed, at: Int64(seed) * 1000, 50_000).stored()) }
            #expect(try await media.all(key) == stored)
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a commit whose outcome is unknown is made again, once`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            let faults: [FaultInjectingDatabase.Fault] = [.loseAnswer, .loseCall, .failBefore(.unavailable), .failBefore(.conflict)]
            for (seed, fault) in faults.enumerated() {
                fixture.faults.inject(fault, on: "media.insert-fragment")
                stored.append(try await session.send(UInt64(seed), at: Int64(seed) * 1000).stored())
            }
            #expect(try await media.all(key) == stored)
            fixture.faults.inject(.loseAnswer, on: "media.seal-pack")
            try await media.sealAll()
            #expect(try await media.all(key) == stored)
            #expect(try fixture.database.rows("SELECT sealed_fragments FROM media_stream") == [[4]])
            await media.close()
        }
    }

    @Test func `a pack that cannot be made known fails its fragments alone`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            fixture.faults.inject(.failBefore(.unavailable), on: "media.insert-pack")
            let session = try await media.openSession(key)
            let lost = try await session.send(0, at: 0)
            await #expect { try await lost.stored() } throws: { if case .internal? = $0 as? IngestFailure { true } else { false } }
            let next = try await media.openSession(key)
            let kept = try await next.send(1, at: 0).stored()
            #expect(try await media.all(key) == [kept])
            await media.close()
        }
    }

    @Test func `a folder belongs to one process`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let media = try await fixture.open()
            await #expect(throws: FragmentStore.OpeningFailure.self) { try await fixture.open() }
            await media.close()
            let next = try await fixture.open()
            await next.close()
        }
    }

    /// Whatever its heartbeat says: a lock that was got is a process that is gone.
    @Test(arguments: Engine.allCases) func `whoever gets the folder of an instance knows that this has stopped`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            func beat(_ id: String) async throws {
                try await fixture.store.beat(
                    InstanceRecord(
                        id: id, host: "host", processID: 1, version: "1", roles: "media", schemaVersion: 19, status: .running,
                        requestsPerSecond: 0, leasedTasks: 0))
            }
            func alive() async throws -> [String] { try await fixture.store.instances().filter(\.isAlive).map(\.id).sorted() }
            for id in ["one", "two", "three", "elsewhere"] { try await beat(id) }
            for (id, rest) in [("one", 4), ("two", 3), ("three", 2)] {
                let media = try await fixture.open { $0.instanceID = id }
                #expect(try await alive().count == rest)
                await media.close()
            }
            #expect(try await alive() == ["elsewhere", "three"])
            // A disk that is full keeps nobody from its media.
            fixture.files.inject(.code(ENOSPC), on: .write)
            let media = try await fixture.open { $0.instanceID = "four" }
            #expect(try await alive() == ["elsewhere"])
            await media.close()
        }
    }

    @Test func `a folder whose first process ended before it gave it a name has one from the next`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            fixture.files.inject(.code(EIO), on: .write, skipping: 1)
            await #expect(throws: FragmentStore.OpeningFailure.self) { try await fixture.open() }
            let media = try await fixture.open()
            #expect(media.storeID?.isEmpty == false)
            await media.close()
        }
    }

    @Test func `a session that outlives the store is told so`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            let other = try await media.openSession(try await fixture.stream("other"))
            let start = FragmentStart(producerTime: 0, trackSet: MediaFixture.header)
            _ = try await session.begin(start)
            _ = try await other.begin(start)
            await media.close()
            let lost = try await session.finish(FragmentEnd(length: 0))
            await #expect { try await lost.stored() } throws: { if case .internal? = $0 as? IngestFailure { true } else { false } }
            await #expect(throws: IngestFailure.self) { try await other.append(MediaFixture.bytes(1, 3_000_000)) }
            await session.close()
            await other.close()
            #expect(media.memory.bytes == 0)
        }
    }

    @Test func `a pack that is lost leaves the rest as it is`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open { $0.tuning.packFragments = 1 }
            let session = try await media.openSession(key)
            for seed in 0..<3 as Range<UInt64> { _ = try await session.send(seed, at: Int64(seed) * 1000).stored() }
            await media.close()
            let open = try fixture.database.rows("SELECT id FROM pack WHERE state = 'OPEN' ORDER BY id DESC")
            guard case .integer(let id)? = open.first?.first else { throw Unexpected("an open pack") }
            let path = try #require(fixture.files.packs.first { $0.contains(String(id, radix: 16)) })
            fixture.files.lose(path)
            fixture.files.restart()
            let next = try await fixture.open()
            #expect(try await next.all(key).map(\.producerTime) == [0, 1000])
            await next.close()
        }
    }

    @Test func `a pack that is lost is told to operators when it is read, once; one that has expired is not`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let log = LogBook()
            let media = try await fixture.open(logger: log.logger) { $0.tuning.packFragments = 1 }
            let session = try await media.openSession(key)
            let fragment = try await session.send(1, at: 0).stored()
            await session.close()
            await media.close()
            let path = try #require(fixture.files.packs.first)
            let next = try await fixture.open(logger: log.logger)
            fixture.files.lose(path)
            for _ in 0..<2 {
                await #expect(throws: ReadFailure.self) { for try await _ in next.bytes(of: fragment) {} }
            }
            #expect(log.count(of: "a pack is missing") == 1)
            await next.close()
            try fixture.database.execute("UPDATE pack SET state = 'DELETING'")
            let last = try await fixture.open(logger: log.logger)
            await #expect(throws: ReadFailure.self) { for try await _ in last.bytes(of: fragment) {} }
            #expect(log.count(of: "a pack is missing") == 1)
            await last.close()
        }
    }
}
