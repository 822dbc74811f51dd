import Locking
import SQL
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// What operators do with packs from outside.
@Suite struct InspectorTests {
    private static func inspector(_ fixture: MediaFixture) -> PackInspector {
        PackInspector(
            store: fixture.store, configuration: FragmentStore.Configuration(directory: "/media", instanceID: "one"), files: fixture.files)
    }

    /// Sends to two streams, into packs of three fragments, the last of which is not sealed.
    private static func send(_ media: FragmentStore, _ keys: [ResourceKey]) async throws -> [ResourceKey: [FragmentRecord]] {
        var stored: [ResourceKey: [FragmentRecord]] = [:]
        for key in keys {
            let session = try await media.openSession(key)
            for seed in 0..<4 as Range<UInt64> {
                let count = seed == 2 ? 3_000_000 : 1000
                stored[key, default: []].append(try await session.send(seed, at: Int64(seed) * 1000, count).stored())
            }
            await session.close()
        }
        return stored
    }

    @Test(arguments: Engine.allCases) func `every byte is verified, in sealed packs and in those that are written`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let keys = [try await fixture.stream("a"), try await fixture.stream("b")]
            let media = try await fixture.open { $0.tuning.packFragments = 3 }
            let stored = try await Self.send(media, keys)
            try await eventually("sealed") { try fixture.database.rows("SELECT count(*) FROM pack WHERE state = 'SEALED'") == [[2]] }
            // While the server runs.
            let sound = try await Self.inspector(fixture).verify { Issue.record("\($0)") }
            #expect((sound.packs, sound.fragments, sound.bytes, sound.faults) == (3, 8, 6_006_000, 0))
            let first = try #require(stored[keys[0]]?.first)
            let last = try #require(stored[keys[1]]?.last)
            let packs = fixture.files.packs
            fixture.files.change(try #require(packs.first), at: Int(first.place.parts[0].offset))
            fixture.files.change(try #require(packs.last), at: Int(last.place.trackSet.end) - 1)
            let faults = Lock<[String]>([])
            let spoilt = try await Self.inspector(fixture).verify { fault in faults.withLock { $0.append(fault) } }
            #expect(spoilt.faults == 2)
            #expect(faults.withLock { $0.contains { $0.contains("\(first.number)") } })
            fixture.files.lose(try #require(packs.dropFirst().first))
            #expect(try await Self.inspector(fixture).verify { _ in }.faults == 3)
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `an index is made of packs alone, and streams that are gone with the database`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let keys = [try await fixture.stream("a"), try await fixture.stream("b", retention: 48)]
            let media = try await fixture.open { $0.tuning.packFragments = 3 }
            let stored = try await Self.send(media, keys)
            await #expect(throws: FragmentStore.OpeningFailure.self) { try await Self.inspector(fixture).rebuild { _ in } }
            await media.close()
            try fixture.database.execute(
                """
                DELETE FROM fragment; DELETE FROM extent; DELETE FROM pack; DELETE FROM media_stream; DELETE FROM stream;
                DELETE FROM account_usage; DELETE FROM event
                """
            )
            let built = try await Self.inspector(fixture).rebuild { _ in }
            #expect((built.fragments, built.bytes, built.faults) == (8, 6_006_000, 0))
            // Again it finds nothing to do.
            #expect(try await Self.inspector(fixture).rebuild { _ in }.packs == 0)
            let next = try await fixture.open()
            for key in keys {
                #expect(try await next.all(key) == stored[key])
                for (seed, fragment) in (stored[key] ?? []).enumerated() {
                    #expect(try await next.whole(fragment) == MediaFixture.bytes(UInt64(seed), Int(fragment.size)))
                    #expect(try await next.trackSet(of: fragment) == MediaFixture.header)
                }
            }
            #expect(try await next.stream(keys[1])?.retentionHours == 48)
            #expect(try fixture.database.rows("SELECT stream_count FROM account_usage") == [[2]])
            // Sequences go on.
            let session = try await next.openSession(keys[0])
            #expect(try await session.send(9, at: 9000).stored().number.sequence == 1001)
            #expect(try await Self.inspector(fixture).verify { Issue.record("\($0)") }.faults == 0)
            await next.close()
        }
    }

    @Test func `a database from before learns of what was stored since`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            var stored = [try await session.send(0, at: 0).stored()]
            let before = try fixture.database.rows("SELECT committed_bytes FROM pack")
            stored.append(try await session.send(1, at: 1000).stored())
            try await media.sealAll()
            await media.close()
            guard case .integer(let bytes)? = before.first?.first else { throw Unexpected("a pack") }
            let first = stored[0]
            try fixture.database.execute(
                """
                DELETE FROM extent; UPDATE pack SET state = 'OPEN', committed_bytes = \(bytes);
                UPDATE media_stream SET sealed_fragments = 0, sealed_bytes = 0;
                INSERT INTO fragment SELECT \(first.streamID), 1, \(first.serverTime), \(first.number.random), 0, 960, 1000, 0, id,
                    '\(first.place.parts[0].text)', '\(first.trackSet.text)', '\(first.place.trackSet.text)' FROM pack
                """)
            // Served as it is, it would lose the second.
            await #expect(throws: FragmentStore.OpeningFailure.self) { try await fixture.open() }
            fixture.files.restart()
            _ = try await Self.inspector(fixture).rebuild { _ in }
            let next = try await fixture.open()
            #expect(try await next.all(key) == stored)
            await next.close()
        }
    }
}
