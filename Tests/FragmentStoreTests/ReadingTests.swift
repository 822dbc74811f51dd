import NIOCore
import SQL
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// Lists: what is found, in which order, and for how long.
@Suite struct ReadingTests {
    @Test(arguments: Engine.allCases) func `pages of any size give every fragment once, in order, while packs are sealed`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let start = fixture.database.clock.now
            let media = try await fixture.open { $0.tuning.packFragments = 7 }
            // Producer times that overlap between sessions, step back, and repeat.
            var expected: [FragmentRecord] = []
            for round: Int64 in 0..<4 {
                let session = try await media.openSession(key)
                for second: Int64 in 0..<10 {
                    expected.append(try await session.send(0, at: start + (second * 1000 - round * 3500), 20).stored())
                    try fixture.database.clock.advance(by: 500)
                }
                await session.close()
            }
            let byProducer = expected.sorted { ($0.producerTime, $0.number) < ($1.producerTime, $1.number) }
            let (first, last) = (expected[5].serverTime, expected[31].serverTime)
            let (early, late) = (byProducer[4].producerTime, byProducer[33].producerTime)
            for isSealed in [false, true] {
                if isSealed { try await media.sealAll() }
                for limit in [1, 3, 7, 40, 1000] {
                    #expect(try await media.all(key, pages: limit) == expected)
                    #expect(try await media.all(key, .serverTime(first...last), pages: limit) == Array(expected[5...31]))
                    #expect(try await media.all(key, .producerTime(.min ... .max), pages: limit) == byProducer)
                    #expect(
                        try await media.all(key, .producerTime(early...late), pages: limit)
                            == byProducer.filter { (early...late).contains($0.producerTime) })
                }
                #expect(try await media.all(key, .serverTime(last + 1_000_000...Int64.max)) == [])
                #expect(try await media.all(key, .producerTime(0...1)) == [])
                let stream = try #require(try await media.stream(key))
                #expect(try await media.lastFragment(of: stream) == expected.last)
                // A time between two is the first's while that lasts, else the second's.
                #expect(try await media.fragment(atServerTime: first + 400, of: stream)?.serverTime == first)
                #expect(try await media.fragment(atServerTime: expected[0].serverTime - 1, of: stream) == expected[0])
                #expect(try await media.fragment(atServerTime: expected[39].serverTime + 961, of: stream) == nil)
                #expect(try await media.fragment(atProducerTime: byProducer[0].producerTime - 1, of: stream) == byProducer[0])
                let number = try #require(FragmentNumber(sequence: expected[3].number.sequence, serverTime: first, random: 1))
                #expect(try await media.fragment(number, of: stream.key) == nil)
            }
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `what has expired is gone to the millisecond, and its pack with the last of it`(
        _ engine: Engine
    ) async throws {
        try await MediaFixture.with(engine) { fixture in
            let hour: Int64 = 3_600_000
            let key = try await fixture.stream(retention: 1)
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            var stored: [FragmentRecord] = []
            for _ in 0..<3 {
                stored.append(try await session.send(0, at: 0).stored())
                try fixture.database.clock.advance(by: 1000)
            }
            await session.close()
            try await media.sealAll()
            try fixture.database.clock.advance(by: hour - 3001)
            #expect(try await media.all(key) == stored)
            try fixture.database.clock.advance(by: 1)
            #expect(try await media.all(key) == Array(stored.dropFirst()))
            #expect(try await media.all(key, .producerTime(0...0)) == Array(stored.dropFirst()))
            let stream = try #require(try await media.stream(key))
            #expect(try await media.fragment(stored[0].number, of: stream.key) == nil)
            try fixture.database.clock.advance(by: 1999)
            await media.maintain()
            #expect(try await media.all(key) == Array(stored.suffix(1)))
            #expect(fixture.files.packs.count == 1)
            // A longer retention keeps what is there, and shows again what was not removed yet.
            try fixture.database.execute("UPDATE stream SET data_retention_in_hours = 2")
            #expect(try await media.all(key) == stored)
            try fixture.database.clock.advance(by: hour)
            await media.maintain()
            #expect(fixture.files.packs.count == 1)
            try fixture.database.clock.advance(by: 1)
            await media.maintain()
            #expect(try await media.all(key) == [])
            #expect(fixture.files.packs == [])
            #expect(try fixture.database.rows("SELECT count(*) FROM pack") == [[0]])
            #expect(try fixture.database.rows("SELECT count(*) FROM extent") == [[0]])
            #expect(try fixture.database.rows("SELECT sealed_fragments, sealed_bytes FROM media_stream") == [[0, 0]])
            await media.close()
        }
    }

    @Test func `a lower retention hides at once, and frees the disk within an hour`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream(retention: 100)
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            _ = try await session.send(0, at: 0).stored()
            await session.close()
            try await media.sealAll()
            try fixture.database.clock.advance(by: 2 * 3_600_000)
            await media.maintain()
            #expect(try await media.all(key).count == 1)
            try fixture.database.execute("UPDATE stream SET data_retention_in_hours = 1")
            #expect(try await media.all(key) == [])
            try fixture.database.clock.advance(by: 3_600_000)
            await media.maintain()
            #expect(fixture.files.packs == [])
            await media.close()
        }
    }

    @Test func `bytes that differ are told, and no byte of a small fragment is given`() async throws {
        try await MediaFixture.with(.sqlite) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            let small = try await session.send(1, at: 0, 1000).stored()
            let large = try await session.send(2, at: 0, 3_000_000).stored()
            let pack = try #require(fixture.files.packs.first)
            for place in [small.place.parts[0].offset + 500, large.place.parts[0].end - 1, small.place.trackSet.offset] {
                fixture.files.change(pack, at: Int(place))
            }
            for fragment in [small, large] {
                await #expect { try await media.whole(fragment) } throws: { if case .damaged? = $0 as? ReadFailure { true } else { false } }
            }
            await #expect { try await media.trackSet(of: small) } throws: { if case .damaged? = $0 as? ReadFailure { true } else { false } }
            var pieces = media.bytes(of: small).makeAsyncIterator()
            await #expect(throws: ReadFailure.self) { try await pieces.next() }
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `gaps are where no media is, by the producer, and the view counts them`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            for times in [[0, 1000, 9000], [10_000, 11_000], [60_000]] as [[Int64]] {
                let session = try await media.openSession(key)
                for time in times { _ = try await session.send(0, at: time).stored() }
                await session.close()
            }
            let stream = try #require(try await media.stream(key))
            for _ in 0..<2 {
                #expect(
                    try await media.gaps(of: stream, in: 0...100_000, limit: 10)
                        == [MediaGap(start: 1960, end: 9000), MediaGap(start: 11_960, end: 60_000)])
                try await media.sealAll()
            }
            #expect(try fixture.database.rows("SELECT fragments, bytes, gaps, gap_seconds FROM stream_storage") == [[6, 6000, 2, 55]])
            await media.close()
        }
    }
}
