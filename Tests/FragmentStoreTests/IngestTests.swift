import NIOCore
import SQL
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// Sessions: what is stored, in which order, and whose fragments are taken.
@Suite struct IngestTests {
    @Test(arguments: Engine.allCases) func `what was told as stored is listed, and read byte for byte, also from a sealed pack`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            // The third is written in parts.
            for (seed, count) in [1000, 1, 5_000_000, 0, 70_000].enumerated() {
                stored.append(try await session.send(UInt64(seed), at: 1000 * Int64(seed), count).stored())
            }
            await session.close()
            #expect(stored.map(\.number.sequence) == [1, 2, 3, 4, 5])
            #expect(stored.map(\.size) == [1000, 1, 5_000_000, 0, 70_000])
            #expect(stored.allSatisfy { $0.isArchived })
            for _ in 0..<2 {
                #expect(try await media.all(key) == stored)
                for (seed, fragment) in stored.enumerated() {
                    #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(seed), Int(fragment.size)))
                    #expect(try await media.trackSet(of: fragment) == MediaFixture.header)
                    let stream = try #require(try await media.stream(key))
                    #expect(try await media.fragment(fragment.number, of: stream.key) == fragment)
                }
                let usage = try await media.usage(of: try #require(try await media.stream(key)))
                #expect(usage.fragments == 5 && usage.bytes == 5_071_001)
                #expect(try await fixture.store.storedBytes().map(\.bytes) == [5_071_001])
                try await media.sealAll()
            }
            #expect(try fixture.database.rows("SELECT count(*) FROM fragment") == [[0]])
            #expect(try fixture.database.rows("SELECT count(*) FROM extent") == [[1]])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `sequences begin at 1 and go on at the next thousand with each session`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            for first: Int64 in [1, 1001, 2001] {
                let session = try await media.openSession(key)
                for number in 0..<3 {
                    #expect(try await session.send(0, at: 0).stored().number.sequence == first + Int64(number))
                }
                await session.close()
            }
            await media.close()
        }
    }

    @Test func `a session goes on beyond its thousand`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            for _ in 0..<1000 {
                _ = try await session.begin(FragmentStart(producerTime: 0, trackSet: MediaFixture.header))
            }
            #expect(try await session.begin(FragmentStart(producerTime: 0, trackSet: MediaFixture.header)).sequence == 1001)
            let next = try await media.openSession(key)
            #expect(try await next.begin(FragmentStart(producerTime: 0, trackSet: MediaFixture.header)).sequence == 2001)
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `server times rise, though the clock stands still or steps back`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let now = fixture.database.clock.now
            var times: [Int64] = []
            for step: Int64 in [0, -5000, 0] {
                try fixture.database.clock.advance(by: step)
                let session = try await media.openSession(key)
                for _ in 0..<2 { times.append(try await session.send(0, at: 0).stored().serverTime) }
                await session.close()
                try await media.sealAll()
            }
            #expect(times == Array(now..<now + 6))
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `the newest session wins when its first fragment begins, the older finishes its own`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let start = FragmentStart(producerTime: 0, trackSet: MediaFixture.header)
            let older = try await media.openSession(key)
            let newer = try await media.openSession(key)
            // Opened alone it changes nothing.
            #expect(try await older.send(1, at: 0).stored().number.sequence == 1)
            #expect(try await older.begin(start).sequence == 2)
            try await older.append(MediaFixture.bytes(2, 10))
            #expect(try await newer.begin(start).sequence == 1001)
            let late = try await older.finish(FragmentEnd(length: 0)).stored()
            #expect(late.number.sequence == 2)
            await #expect(throws: IngestFailure.fenced) { try await older.begin(start) }
            await #expect(throws: IngestFailure.fenced) { try await older.begin(start) }
            try await newer.append(MediaFixture.bytes(3, 10))
            _ = try await newer.finish(FragmentEnd(length: 0)).stored()
            #expect(try await media.all(key).map(\.number.sequence) == [1, 2, 1001])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `an older session of another instance is fenced by the commit`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let one = try await fixture.open()
            let other = try await fixture.open { $0.directory = "/other" }
            let start = FragmentStart(producerTime: 0, trackSet: MediaFixture.header)
            let older = try await one.openSession(key)
            _ = try await older.begin(start)
            try fixture.database.clock.advance(by: 10)
            let newer = try await other.openSession(key)
            #expect(try await newer.begin(start).sequence == 1001)
            // Begun before: taken. Begun after: not, though the older does not know of the newer.
            #expect(try await older.finish(FragmentEnd(length: 0)).stored().number.sequence == 1)
            _ = try await older.begin(start)
            let late = try await older.finish(FragmentEnd(length: 0))
            await #expect(throws: IngestFailure.fenced) { try await late.stored() }
            _ = try await newer.finish(FragmentEnd(length: 0)).stored()
            #expect(try fixture.database.rows("SELECT sequence FROM fragment ORDER BY sequence") == [[1], [1001]])
            await one.close()
            await other.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a stream that is not there takes nothing, one that goes takes no more`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let media = try await fixture.open()
            await #expect { try await media.openSession(.named("nowhere")) } throws: {
                if case .notFound? = $0 as? SessionRefusal { true } else { false }
            }
            let key = try await fixture.stream()
            let session = try await media.openSession(key)
            _ = try await session.send(1, at: 0).stored()
            _ = try await session.begin(FragmentStart(producerTime: 0, trackSet: MediaFixture.header))
            let change = try await fixture.store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            guard case .accepted = change else { throw Unexpected("not deleted") }
            let late = try await session.finish(FragmentEnd(length: 0))
            await #expect(throws: IngestFailure.streamGone) { try await late.stored() }
            await #expect { try await media.fragments(of: session.stream, .all, limit: 1) } throws: {
                if case .streamGone? = $0 as? ReadFailure { true } else { false }
            }
            await #expect { try await media.openSession(key) } throws: {
                if case .notFound? = $0 as? SessionRefusal { true } else { false }
            }
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a stream that is made anew shows nothing of the old one, whose bytes are given back`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let other = try await fixture.stream("other")
            let media = try await fixture.open { $0.tuning.removal = 2 }
            let session = try await media.openSession(key)
            let beside = try await media.openSession(other)
            for number in 0..<4 { _ = try await session.send(UInt64(number), at: 1000 * Int64(number), 200_000).stored() }
            let kept = try await beside.send(9, at: 0, 200_000).stored()
            await session.close()
            try await media.sealAll()
            // And one that is not sealed.
            let again = try await media.openSession(key)
            _ = try await again.send(5, at: 9000).stored()
            let number = try #require(try await media.all(key).first?.number)
            try await fixture.store.deleteAtOnce(key)
            #expect(try fixture.database.rows("SELECT count(*) FROM media_stream") == [[1]])
            #expect(try fixture.database.rows("SELECT count(*) FROM fragment") == [[0]])
            try await fixture.stream()
            #expect(try await media.all(key) == [])
            #expect(try await media.fragment(number, of: key) == nil)
            guard case .archive(let id) = kept.place.pack else { throw Unexpected("in a pack") }
            let sealed = try #require(fixture.files.packs.first { $0.contains(String(id, radix: 16)) })
            await media.maintain()
            let holes = fixture.files.holes(of: sealed)
            #expect(holes.reduce(0) { $0 + $1.count } > 600_000)
            let sections = try PackIndex.sections(of: fixture.files.open(sealed, writing: false), packID: 1)
            #expect(sections?.map { $0.section.fragments.map(\.number) } == [[kept.number]])
            #expect(try await media.whole(kept) == MediaFixture.bytes(9, 200_000))
            #expect(try await media.all(other) == [kept])
            #expect(try await media.trackSet(of: kept) == MediaFixture.header)
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `statements beside a fragment are committed with it, and not where it is refused`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            try fixture.database.execute(
                "CREATE TABLE told (sequence BIGINT NOT NULL)".replacing("BIGINT", with: engine == .sqlite ? "INTEGER" : "BIGINT"))
            let tell = Statement<Void>(
                "test.tell", "INSERT INTO told SELECT sequence FROM fragment WHERE stream_id = $1 AND sequence = CAST($2 AS BIGINT)")
            let session = try await media.openSession(key)
            let start = FragmentStart(producerTime: 0, trackSet: MediaFixture.header)
            for isLast in [false, true] {
                _ = try await session.begin(start)
                if isLast { try fixture.database.execute("UPDATE media_stream SET epoch = 9, owner_epoch = 9") }
                let fragment = try await session.finish(FragmentEnd(length: 0)) { record, batch in
                    batch.add(tell, [.integer(record.streamID), .integer(record.number.sequence)])
                }
                if isLast {
                    await #expect(throws: IngestFailure.fenced) { try await fragment.stored() }
                } else {
                    _ = try await fragment.stored()
                }
            }
            #expect(try fixture.database.rows("SELECT sequence FROM told") == [[1]])
            await media.close()
        }
    }

    @Test func `as many sessions as may live, and a quota that is reached`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open { $0.accountQuota = 1500 }
            let one = try await media.openSession(key, limit: 2)
            _ = try await media.openSession(key, limit: 2)
            await #expect { try await media.openSession(key, limit: 2) } throws: {
                if case .tooManySessions? = $0 as? SessionRefusal { true } else { false }
            }
            await one.close()
            let session = try await media.openSession(key, limit: 2)
            _ = try await session.send(1, at: 0).stored()
            _ = try await session.send(2, at: 1000).stored()
            await #expect { try await media.openSession(key) } throws: { if case .quota? = $0 as? SessionRefusal { true } else { false } }
            await #expect(throws: IngestFailure.quota) { try await session.send(3, at: 2000) }
            #expect(try await media.all(key).count == 2)
            // Once there is less again, more is taken.
            try fixture.database.execute("DELETE FROM fragment")
            await media.recountQuota()
            let next = try await media.openSession(key)
            _ = try await next.send(4, at: 3000).stored()
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `tiers have folders of their own, and what is there stays there`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open { $0.warmDirectory = "/slow" }
            for (number, tier) in ["HOT", "WARM", "HOT", "WARM"].enumerated() {
                try fixture.database.execute("UPDATE stream SET default_storage_tier = '\(tier)'")
                let session = try await media.openSession(key)
                _ = try await session.send(UInt64(number), at: 1000 * Int64(number)).stored()
                await session.close()
            }
            #expect(fixture.files.packs.map { $0.split(separator: "/").prefix(2).joined(separator: "/") } == ["media/hot", "slow/warm"])
            for _ in 0..<2 {
                let all = try await media.all(key)
                #expect(all.map(\.producerTime) == [0, 1000, 2000, 3000])
                for (number, fragment) in all.enumerated() {
                    #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(number), 1000))
                }
                try await media.sealAll()
            }
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `without retention there is a ring, in time and bytes, and nothing in the index`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream(retention: 0)
            let media = try await fixture.open { ($0.ringSpan, $0.ringBytes) = (10_000, 3500) }
            let session = try await media.openSession(key)
            var sent: [FragmentRecord] = []
            for number in 0..<3 {
                sent.append(try await session.send(UInt64(number), at: 1000 * Int64(number)).stored())
                try fixture.database.clock.advance(by: 1000)
            }
            #expect(sent.allSatisfy { !$0.isArchived })
            let stream = try #require(try await media.stream(key))
            #expect(media.ringFragments(of: stream, after: 0, limit: 10) == sent)
            #expect(media.ringFragments(of: stream, after: 1, limit: 1) == [sent[1]])
            #expect(try await media.whole(sent[2]) == MediaFixture.bytes(2, 1000))
            #expect(try await media.trackSet(of: sent[2]) == MediaFixture.header)
            #expect(try await media.all(key) == [])
            #expect(try fixture.database.rows("SELECT count(*) FROM fragment") == [[0]])
            #expect(fixture.files.synchronizations == 1, "of the folder's name alone")
            // Too many bytes, then too old.
            sent.append(try await session.send(3, at: 3000).stored())
            #expect(media.ringFragments(of: stream, after: 0, limit: 10) == Array(sent.dropFirst()))
            await #expect { try await media.whole(sent[0]) } throws: { if case .fragmentGone? = $0 as? ReadFailure { true } else { false } }
            try fixture.database.clock.advance(by: 9_000)
            #expect(media.ringFragments(of: stream, after: 0, limit: 10) == [sent[3]])
            try fixture.database.clock.advance(by: 1_000)
            #expect(media.ringFragments(of: stream, after: 0, limit: 10) == [])
            #expect(fixture.files.packs == [])
            await media.close()
        }
    }

    @Test func `a slow disk makes producers wait, within the memory that there is`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let media = try await fixture.open { $0.memory = 300 << 10 }
            let sessions = try await withThrowingTaskGroup(of: (Int, [FragmentRecord]).self) { group in
                for number in 0..<8 {
                    let key = try await fixture.stream("s\(number)")
                    group.addTask {
                        let session = try await media.openSession(key)
                        var stored: [FragmentRecord] = []
                        for second in 0..<4 {
                            stored.append(try await session.send(UInt64(number * 10 + second), at: Int64(second) * 1000, 400_000).stored())
                            #expect(media.memory.bytes <= (300 + 8 * (128 + 64)) << 10)
                        }
                        return (number, stored)
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(media.memory.bytes == 0)
            for (number, stored) in sessions {
                for (second, fragment) in stored.enumerated() {
                    #expect(try await media.whole(fragment) == MediaFixture.bytes(UInt64(number * 10 + second), 400_000))
                }
            }
            await media.close()
        }
    }
}
