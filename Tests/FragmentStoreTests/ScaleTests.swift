import Glibc
import NIOCore
import SQL
import Seeded
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// Pages of streams that have kept fragments for years: made in the index, never sent.
@Suite struct ScaleTests {
    /// Fragments of the longer stream: a million, or as many as MEDIA_FRAGMENTS says. a run for figures says a hundred million.
    private static let fragments = getenv("MEDIA_FRAGMENTS").flatMap { Int64(String(cString: $0)) } ?? 1_000_000
    /// Of an extent: a fragment a second for ten minutes.
    private static let extent: Int64 = 600
    private static let packs: Int64 = 1 << 60

    /// What the fragment of a sequence is.
    private static func record(_ sequence: Int64, of stream: Int64, since start: Int64) throws -> FragmentRecord {
        let time = start + sequence * 1000
        return FragmentRecord(
            streamID: stream, number: try #require(FragmentNumber(sequence: sequence, serverTime: time, random: 7)),
            producerTime: time - 50,
            length: 960, size: 250_000, flags: [], trackSet: MediaFixture.header.id,
            place: FragmentPlace(
                pack: .archive(packs + (sequence - 1) / extent), parts: [PackRange(offset: 400, length: 250_000)],
                trackSet: PackRange(offset: 152, length: 8)))
    }

    /// Makes the index of a stream of so many fragments, the last of which is of now.
    private static func make(_ fixture: MediaFixture, _ media: FragmentStore, _ name: String, _ count: Int64) async throws -> StoredStream {
        let key = try await fixture.stream(name, retention: 87_600)
        let session = try await media.openSession(key)
        await session.close()
        let stream = session.stream
        let id = try #require(stream.id)
        let start = fixture.database.clock.now - count * 1000
        let section = PackFormat.section(
            streamID: id, arn: stream.arn, try (1...extent).map { try record($0, of: id, since: start) })
        let storeID = try media.use().storeID
        try fixture.database.execute(
            """
            WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count / extent - 1))
            INSERT INTO pack
            (id, store_id, tier, retention_hours, state, created_at, committed_bytes, first_server_ms, last_server_ms, check_at, freed)
            SELECT \(packs) + i, '\(storeID)', 'HOT', 87600, 'SEALED', 0, 300000, 0, 0, 9000000000000000000, 0 FROM numbers
            ON CONFLICT (id) DO NOTHING;
            WITH RECURSIVE numbers(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count / extent - 1))
            INSERT INTO extent SELECT \(id), i * \(extent) + 1, (i + 1) * \(extent), \(start) + (i * \(extent) + 1) * 1000,
                \(start) + (i + 1) * \(extent) * 1000, \(start) + (i * \(extent) + 1) * 1000 - 50,
                \(start) + (i + 1) * \(extent) * 1000 - 50, \(start) + (i + 1) * \(extent) * 1000 + 910, \(extent), 150000000, 0, 0,
                \(packs) + i, 300000, \(section.readableBytes) FROM numbers
            """.replacing("ON CONFLICT", with: fixture.database.engine == .sqlite ? "WHERE true ON CONFLICT" : "ON CONFLICT"))
        return stream
    }

    /// Makes the packs that a page needs: nothing but the index at their end.
    private static func makePacks(
        _ fixture: MediaFixture, _ media: FragmentStore, _ stream: StoredStream, _ sequences: ClosedRange<Int64>, count: Int64
    ) throws {
        let id = try #require(stream.id)
        let start = fixture.database.clock.now - count * 1000
        for pack in (sequences.lowerBound - 1) / extent...min((sequences.upperBound - 1) / extent, count / extent - 1) {
            let path = try media.use().hot.path(of: packs + pack, retentionHours: 87_600)
            let file = try fixture.files.names.contains(path) ? fixture.files.open(path, writing: true) : fixture.files.create(path)
            let records = try (pack * extent + 1...(pack + 1) * extent).map { try record($0, of: id, since: start) }
            try file.writeAll(PackFormat.section(streamID: id, arn: stream.arn, records), at: 300_000)
        }
    }

    @Test(arguments: Engine.allCases) func `a page costs the same however many fragments there are`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let media = try await fixture.open()
            var random = SeededGenerator(seed: 21)
            var medians: [[Duration]] = []
            // The packs of the two are named alike: each is looked at before the other is made.
            for count in [100_000 / Self.extent * Self.extent, Self.fragments / Self.extent * Self.extent] {
                let stream = try await Self.make(fixture, media, "s\(count)", count)
                if count > 10_000_000 { try fixture.database.execute("ANALYZE") }
                let start = fixture.database.clock.now - count * 1000
                var durations: [[Duration]] = [[], [], []]
                for _ in 0..<12 {
                    let sequence = Int64.random(in: 1...count - 1000, using: &random)
                    try Self.makePacks(fixture, media, stream, sequence...sequence + 1000, count: count)
                    let expected = try (sequence + 1...sequence + 1000).map {
                        try Self.record($0, of: try #require(stream.id), since: start)
                    }
                    let time = start + (sequence + 1) * 1000
                    let selections: [(FragmentSelection, FragmentPosition?)] = [
                        (.all, .after(sequence)), (.serverTime(time...(.max)), nil), (.producerTime(time - 50...time + 999_000), nil),
                    ]
                    for (index, (selection, position)) in selections.enumerated() {
                        try media.use().reader.forgetAll()
                        fixture.faults.reset()
                        let began = ContinuousClock.now
                        let page = try await media.fragments(of: stream, selection, after: position, limit: 1000)
                        durations[index].append(ContinuousClock.now - began)
                        #expect(page.fragments == expected)
                        #expect(fixture.faults.reads.count <= 9, "\(fixture.faults.reads)")
                    }
                }
                medians.append(durations.map { $0.sorted()[$0.count / 2] })
                try fixture.database.execute("DELETE FROM extent")
            }
            print("pages of 1000 on \(engine), of 100000 and of \(Self.fragments) fragments:", medians)
            await media.close()
        }
    }
}
