import Foundation
import Locking
import NIOCore
import ObjectStore
import SQL
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// Packs as objects of a bucket that several instances share.
@Suite struct ObjectPackTests {
    /// A bucket in memory's place: a folder, whose calls a test can refuse, or hold up.
    private final class Switched: Bucket {
        private let inner: FolderBucket
        private let failure = Lock<BucketFailure?>(nil)
        private let gate = Lock<(@Sendable () async -> Void)?>(nil)
        let name = "the test's bucket"

        init(_ inner: FolderBucket) { self.inner = inner }

        func fail(_ with: BucketFailure?) { failure.withLock { $0 = with } }
        func beforePut(_ work: (@Sendable () async -> Void)?) { gate.withLock { $0 = work } }
        private func check() throws(BucketFailure) { if let failure = failure.withLock({ $0 }) { throw failure } }

        func put(_ key: String, _ bytes: ByteBuffer, _ attributes: ObjectAttributes) async throws(BucketFailure) {
            try check()
            if let work = gate.withLock({ $0 }) { await work() }
            try await inner.put(key, bytes, attributes)
        }
        func get(_ key: String, _ range: Range<Int64>) async throws(BucketFailure) -> ByteBuffer {
            try check()
            return try await inner.get(key, range)
        }
        func size(of key: String) async throws(BucketFailure) -> Int64? { try await inner.size(of: key) }
        func remove(_ keys: [String]) async throws(BucketFailure) {
            try check()
            try await inner.remove(keys)
        }
        func list(prefix: String, after key: String) async throws(BucketFailure) -> [StoredObject] {
            try await inner.list(prefix: prefix, after: key)
        }
        func close() async {}
    }

    private struct Shared {
        let fixture: MediaFixture
        let bucket: Switched

        /// Opens an instance; each has a disk of its own.
        func instance(_ name: String, _ change: (inout FragmentStore.Tuning) -> Void = { _ in }) async throws -> FragmentStore {
            try await fixture.open {
                $0.directory = "/\(name)"
                $0.instanceID = name
                $0.objects = FragmentStore.Objects(bucket: bucket)
                $0.tuning.objectInterval = .zero
                change(&$0.tuning)
            }
        }

        /// The keys of packs.
        func packs() async throws -> [String] { try await bucket.list(prefix: "", after: "").map(\.key).filter { $0.hasSuffix(".pack") } }
    }

    private func with(_ engine: Engine, _ body: (Shared) async throws -> Void) async throws {
        let path = NSTemporaryDirectory() + "weir-objects-\(UInt64.random(in: 0 ... .max))"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await MediaFixture.with(engine) { fixture in
            try await body(Shared(fixture: fixture, bucket: Switched(try await FolderBucket(path))))
        }
    }

    @Test(arguments: Engine.allCases) func `a pack that is reserved is no fault, one that is lost is, and a database that is away`(
        _ engine: Engine
    ) async throws {
        try await with(engine) { shared in
            let (fixture, bucket) = (shared.fixture, shared.bucket)
            let key = try await fixture.stream()
            let media = try await shared.instance("one")
            let session = try await media.openSession(key)
            let fragment = try await session.send(1, at: 0, 1000).stored()
            await session.close()
            let storeID = try #require(media.storeID)
            #expect(try await fixture.store.reservePack(id: 77 << 20, tier: "HOT", retentionHours: 24, storeID: storeID))
            var configuration = FragmentStore.Configuration(directory: "/other", instanceID: "")
            configuration.objects = FragmentStore.Objects(bucket: bucket)
            let inspector = PackInspector(store: fixture.store, configuration: configuration, files: fixture.files)
            let sound = try await inspector.verify { Issue.record("\($0)") }
            #expect((sound.packs, sound.fragments, sound.faults) == (1, 1, 0))
            try await bucket.remove(shared.packs())
            let faults = Lock<[String]>([])
            #expect(try await inspector.verify { fault in faults.withLock { $0.append(fault) } }.faults == 1)
            guard case .archive(let id) = fragment.place.pack else {
                Issue.record("it is in no pack")
                return
            }
            #expect(faults.withLock { $0.allSatisfy { $0.contains("\(String(id, radix: 16)).pack") } })
            fixture.faults.inject(.failBefore(.unavailable), on: "media.packs")
            await #expect(throws: DatabaseError.self) { try await inspector.verify { _ in } }
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `what one instance was told as stored another reads, and also once it is put together`(
        _ engine: Engine
    ) async throws {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let one = try await shared.instance("one")
            let two = try await shared.instance("two")
            let session = try await one.openSession(key)
            var stored: [FragmentRecord] = []
            // The third is longer than what is kept in memory of a fragment, the fourth than what is fetched whole.
            let sizes = [1000, 1, 5_000_000, 17_000_000, 0, 70_000]
            for (seed, count) in sizes.enumerated() {
                stored.append(try await session.send(UInt64(seed), at: 1000 * Int64(seed), count).stored())
            }
            await session.close()
            for media in [two, one] {
                #expect(try await media.all(key) == stored)
                for (seed, fragment) in stored.enumerated() {
                    #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(seed), sizes[seed]))
                    #expect(try await media.trackSet(of: fragment) == MediaFixture.header)
                }
            }
            let small = try await shared.packs()
            #expect(small.count == sizes.count)

            // Both look after the store; one of them puts the packs together.
            try shared.fixture.database.clock.advance(by: 700_000)
            await two.maintain()
            await one.maintain()
            #expect(try shared.fixture.database.rows("SELECT count(*) FROM fragment") == [[0]])
            #expect(
                try shared.fixture.database.rows("SELECT count(*), CAST(sum(fragments) AS BIGINT), CAST(sum(bytes) AS BIGINT) FROM extent")
                    == [[1, 6, 22_071_001]])
            #expect(try await shared.packs().count == sizes.count + 1)
            for media in [one, two] {
                let found = try await media.all(key)
                #expect(found.map(\.number) == stored.map(\.number))
                for (seed, fragment) in found.enumerated() {
                    #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(seed), sizes[seed]))
                }
                // Who had looked it up before may read on.
                #expect(try await media.whole(stored[0]) == MediaFixture.bytes(0, 1000))
            }
            try shared.fixture.database.clock.advance(by: 900_001)
            await one.maintain()
            let left = try await shared.packs()
            #expect(left.count == 1 && !small.contains(left.first ?? ""))
            let usage = try await two.usage(of: try #require(try await two.stream(key)))
            #expect(usage.fragments == 6 && usage.bytes == 22_071_001)

            // Once it has expired nothing is left.
            try shared.fixture.database.clock.advance(by: 25 * 3_600_000)
            await two.maintain()
            #expect(try await shared.packs().isEmpty)
            #expect(try shared.fixture.database.rows("SELECT count(*) FROM pack") == [[0]])
            await one.close()
            await two.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a newer session on another instance takes over with its first fragment`(_ engine: Engine)
        async throws
    {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let one = try await shared.instance("one")
            let two = try await shared.instance("two")
            let older = try await one.openSession(key)
            let first = try await older.send(1, at: 0).stored()
            // Opening a session changes nothing yet.
            let newer = try await two.openSession(key)
            try shared.fixture.database.clock.advance(by: 10)
            let second = try await older.send(2, at: 1000).stored()
            // A fragment that the older one is in may be finished, though the newer has begun.
            try shared.fixture.database.clock.advance(by: 10)
            _ = try await older.begin(FragmentStart(producerTime: 2000, trackSet: MediaFixture.header))
            try await older.append(MediaFixture.bytes(3, 100))
            try shared.fixture.database.clock.advance(by: 10)
            _ = try await newer.begin(FragmentStart(producerTime: 3000, trackSet: MediaFixture.header))
            let third = try await older.finish(FragmentEnd(length: 900)).stored()
            try await newer.append(MediaFixture.bytes(4, 100))
            let taken = try await newer.finish(FragmentEnd(length: 900)).stored()
            // One that it begins later is not: its instance need not know of the other.
            try shared.fixture.database.clock.advance(by: 10)
            let late = try await older.send(5, at: 4000)
            await #expect(throws: IngestFailure.fenced) { _ = try await late.stored() }
            #expect(try await one.all(key).map(\.number) == [first, second, third, taken].map(\.number).sorted())
            try await eventually("the object of what was refused is gone") {
                try await shared.packs().count == 4
            }
            await older.close()
            await newer.close()
            await one.close()
            await two.close()
        }
    }

    @Test(arguments: Engine.allCases) func `what readers may have passed is not stored any more, unless it is there already`(
        _ engine: Engine
    ) async throws {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let one = try await shared.instance("one")
            let two = try await shared.instance("two")
            let older = try await one.openSession(key)
            // Its store does not answer for a while.
            let gate = Gate()
            shared.bucket.beforePut { await gate.pass() }
            let waiting = try await older.send(1, at: 0)
            try await eventually("it is on its way") { gate.arrived == 1 }
            shared.bucket.beforePut(nil)
            try shared.fixture.database.clock.advance(by: 10)
            let newer = try await two.openSession(key)
            let taken = try await newer.send(2, at: 0).stored()
            gate.open()
            await #expect(throws: IngestFailure.fenced) { _ = try await waiting.stored() }
            #expect(try await two.all(key).map(\.number) == [taken.number])
            try await eventually("the object of what was refused is gone") { try await shared.packs().count == 1 }

            // One whose commit was not answered is there, and stays.
            let third = try await two.openSession(key)
            shared.fixture.faults.inject(.loseAnswer, on: "media.insert-fragment")
            let held = Gate()
            shared.fixture.faults.inject(.hold(held), on: "media.insert-fragment")
            let answered = try await third.send(3, at: 2000)
            try await eventually("it is committed, and its answer lost") {
                try shared.fixture.database.rows("SELECT count(*) FROM fragment") == [[2]] && held.arrived == 1
            }
            try shared.fixture.database.clock.advance(by: 10)
            let fourth = try await one.openSession(key)
            let last = try await fourth.send(4, at: 3000).stored()
            held.open()
            let there = try await answered.stored()
            #expect(try await two.all(key).map(\.number) == [taken, there, last].map(\.number))
            await one.close()
            await two.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a pack that was given up is not indexed, however late its writer comes back`(_ engine: Engine)
        async throws
    {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let one = try await shared.instance("one")
            let two = try await shared.instance("two")
            let session = try await one.openSession(key)
            // As an instance that is stopped after it has reserved its pack, and goes on an hour later.
            let (database, clock) = (shared.fixture.database, shared.fixture.database.clock)
            shared.bucket.beforePut {
                try? clock.advance(by: 3_700_000)
                await two.giveUpReserved()
                await two.maintain()
            }
            let fragment = try await session.send(1, at: 0)
            await #expect(throws: IngestFailure.fenced) { _ = try await fragment.stored() }
            shared.bucket.beforePut(nil)
            try await eventually("its object is gone") { try await shared.packs().isEmpty }
            #expect(try await two.all(key).isEmpty)
            #expect(try database.rows("SELECT count(*) FROM pack") == [[0]])
            await session.close()
            await one.close()
            await two.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a PUT that arrives after its object was removed leaves none`(_ engine: Engine) async throws {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let media = try await shared.instance("one")
            let session = try await media.openSession(key)
            let (bucket, store) = (shared.bucket, shared.fixture.store)
            // The stream goes while its fragment is being stored: then nothing is indexed, and the object is of no use.
            bucket.beforePut { try? await store.deleteAtOnce(key) }
            let fragment = try await session.send(1, at: 0)
            await #expect(throws: IngestFailure.streamGone) { _ = try await fragment.stored() }
            bucket.beforePut(nil)
            try await eventually("it is given up") {
                try shared.fixture.database.rows("SELECT count(*) FROM pack WHERE state = 'DELETING'") == [[1]]
            }
            let pack = try #require(try await store.removablePacks(storeID: media.use().storeID).first)
            let path = try #require(try media.use().objects).key(pack.id, tier: pack.tier, retentionHours: pack.retentionHours)
            await media.maintain()
            #expect(try await shared.packs().isEmpty)
            // As the store does that has taken the bytes of an attempt which its writer gave up.
            try await bucket.put(path, ByteBuffer(string: "late"))
            await media.maintain()
            try shared.fixture.database.clock.advance(by: 3_600_000)
            await media.maintain()
            #expect(try await shared.packs().isEmpty)
            #expect(try shared.fixture.database.rows("SELECT count(*) FROM pack") == [[0]])
            await session.close()
            await media.close()
        }
    }

    @Test func `a store that is away refuses sessions until it can be written to`() async throws {
        try await with(.sqlite) { shared in
            let key = try await shared.fixture.stream()
            let media = try await shared.instance("one")
            let session = try await media.openSession(key)
            let stored = try await session.send(1, at: 0).stored()
            shared.bucket.fail(.unavailable("it is away"))
            let lost = try await session.send(2, at: 1000)
            await #expect(throws: IngestFailure.archival("it is away")) { _ = try await lost.stored() }
            await media.measureDisks()
            await #expect(throws: SessionRefusal.self) { _ = try await media.openSession(key) }
            shared.bucket.fail(nil)
            await media.measureDisks()
            let next = try await media.openSession(key)
            let again = try await next.send(2, at: 1000).stored()
            #expect(try await media.all(key) == [stored, again])
            await next.close()
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a stream that is deleted leaves no object`(_ engine: Engine) async throws {
        try await with(engine) { shared in
            let key = try await shared.fixture.stream()
            let media = try await shared.instance("one")
            for age: Int64 in [700_000, 0] {
                let session = try await media.openSession(key)
                for seed in 0..<3 { _ = try await session.send(UInt64(seed), at: 0).stored() }
                await session.close()
                try shared.fixture.database.clock.advance(by: age)
                if age > 0 { await media.maintain() }
            }
            try await shared.fixture.store.deleteAtOnce(key)
            try shared.fixture.database.clock.advance(by: 1_700_000)
            await media.maintain()
            try shared.fixture.database.clock.advance(by: 1_700_000)
            await media.maintain()
            #expect(try await shared.packs().isEmpty)
            await media.close()
        }
    }

    @Test func `two deployments do not share a bucket`() async throws {
        try await with(.sqlite) { shared in
            let media = try await shared.instance("one")
            await media.close()
            try await shared.bucket.put("store", ByteBuffer(string: Token.random()))
            await #expect(throws: FragmentStore.OpeningFailure.self) { _ = try await shared.instance("one") }
        }
    }

    @Test func `of packs that are put together no run spans what may be in another`() {
        func fragment(_ sequence: Int64) throws -> FragmentRecord {
            let number = try #require(FragmentNumber(sequence: sequence, serverTime: sequence, random: 1))
            return FragmentRecord(
                streamID: 1, number: number, producerTime: 0, length: 0, size: 0, flags: [], trackSet: MediaFixture.header.id,
                place: FragmentPlace(pack: .archive(1), parts: [], trackSet: PackRange(offset: 0, length: 0)))
        }
        let fragments = [1, 2, 4, 5, 1001].compactMap { try? fragment($0) }
        #expect(PackIndex.runs(fragments, isOfMany: true).map { $0.map(\.number.sequence) } == [[1, 2], [4, 5], [1001]])
        #expect(PackIndex.runs(fragments).map { $0.map(\.number.sequence) } == [[1, 2, 4, 5], [1001]])
    }
}
