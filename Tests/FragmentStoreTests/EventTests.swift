import NIOCore
import SQL
import Store
import TestSupport
import Testing

@testable import FragmentStore

/// What is told of media, and that it is committed with what it is about.
@Suite struct EventTests {
    private static let cause = EventCause(keyID: "AKIDEXAMPLE", requestID: "a-request")
    private static let types = "SELECT type, sequence, status FROM event WHERE resource_arn LIKE '%/media' ORDER BY sequence"
    private static let notices = "SELECT sequence, detail FROM event WHERE type = 'FragmentPersisted' ORDER BY sequence"

    /// Has somebody told of the stream's fragments, and of what happens to it.
    private static func configure(_ fixture: MediaFixture, _ key: ResourceKey, tellsLifecycle: Bool = true) async throws {
        let change = try await fixture.store.setNotification(
            key, "{}", destination: StreamDestination(kind: .webhook, target: "https://hooks.invalid/"), tellsLifecycle: tellsLifecycle,
            needsRetention: true, .fresh("UpdateNotificationConfiguration"))
        guard case .accepted = change else { throw UnexpectedChange(change: change) }
        try fixture.database.execute("DELETE FROM delivery; DELETE FROM delivery_queue; DELETE FROM event")
    }

    private struct UnexpectedChange: Error {
        let change: ResourceChange
    }

    private static func notice(_ text: String) -> @Sendable (FragmentRecord, inout Batch) -> Void {
        { record, batch in
            batch.notify(
                of: record.streamID, sequence: record.number.sequence,
                FragmentNotice(message: "{\"n\":\"\(text)\"}", cause: cause, moment: 1_700_000_000_000))
        }
    }

    /// Sends a fragment that is told of.
    private static func send(_ session: IngestSession, _ text: String, at time: Int64) async throws -> StoringFragment {
        _ = try await session.begin(FragmentStart(producerTime: time, trackSet: MediaFixture.header))
        try await session.append(MediaFixture.bytes(UInt64(time), 100))
        return try await session.finish(FragmentEnd(length: 960, flags: .notification), beside: notice(text))
    }

    @Test(arguments: Engine.allCases) func `a session is told of when it begins and ends, a stream's first fragment once`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            try await Self.configure(fixture, key)
            for reason in ["COMPLETE", "INVALID_MKV_DATA"] {
                let session = try await media.openSession(key, by: Self.cause)
                _ = try await session.send(1, at: 0).stored()
                _ = try await session.send(2, at: 1000).stored()
                await session.close(reason: reason)
            }
            #expect(
                try fixture.database.rows(Self.types) == [
                    ["MediaSessionBegan", 1, "OPEN"], ["FirstFragmentPersisted", 2, "PERSISTED"], ["MediaSessionEnded", 3, "COMPLETE"],
                    ["MediaSessionBegan", 4, "OPEN"], ["MediaSessionEnded", 5, "INVALID_MKV_DATA"],
                ])
            #expect(try fixture.database.rows("SELECT DISTINCT key_id, request_id FROM event") == [["AKIDEXAMPLE", "a-request"]])
            // In a queue of their own, for the destination that the stream names.
            #expect(
                try fixture.database.rows("SELECT resource_arn LIKE '%/media', enqueued FROM delivery_queue").map { $0[1] } == [5])
            #expect(try fixture.database.rows("SELECT count(*) FROM delivery WHERE state = 'PENDING'") == [[5]])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a fragment is told of with the commit that stores it, once`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            try await Self.configure(fixture, key, tellsLifecycle: false)
            let session = try await media.openSession(key)
            let faults: [FaultInjectingDatabase.Fault] = [.loseAnswer, .loseCall, .failBefore(.unavailable), .failBefore(.conflict)]
            for (number, fault) in faults.enumerated() {
                fixture.faults.inject(fault, on: "event.insert-for-fragment")
                _ = try await Self.send(session, "\(number)", at: Int64(number) * 1000).stored()
            }
            _ = try await session.send(9, at: 9000).stored()
            #expect(
                try fixture.database.rows(Self.notices) == (0..<4).map { [.integer($0 + 1), .text("{\"n\":\"\($0)\"}")] })
            // To the destination alone that is told of fragments, and in a queue beside that of sessions.
            #expect(
                try fixture.database.rows("SELECT resource_arn, enqueued FROM delivery_queue") == [
                    [.text("\(session.stream.arn)/fragments"), 4]
                ])
            #expect(try fixture.database.rows("SELECT count(*) FROM delivery") == [[4]])
            await media.close()
        }
    }

    @Test(arguments: Engine.allCases) func `a fragment that is not stored is told to nobody`(_ engine: Engine) async throws {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let one = try await fixture.open()
            let other = try await fixture.open { $0.directory = "/other" }
            try await Self.configure(fixture, key)
            let older = try await one.openSession(key)
            _ = try await Self.send(older, "kept", at: 0).stored()
            try fixture.database.clock.advance(by: 10)
            _ = try await Self.send(try await other.openSession(key), "newer", at: 1000).stored()
            try fixture.database.clock.advance(by: 10)
            let fenced = try await Self.send(older, "fenced", at: 2000)
            await #expect(throws: IngestFailure.fenced) { try await fenced.stored() }
            #expect(try fixture.database.rows(Self.notices).map { $0[1] } == ["{\"n\":\"kept\"}", "{\"n\":\"newer\"}"])
            await one.close()
            await other.close()
        }
    }

    @Test(arguments: Engine.allCases) func `nothing is written where nobody is to be told, and no more than a bound waits`(_ engine: Engine)
        async throws
    {
        try await MediaFixture.with(engine) { fixture in
            let key = try await fixture.stream()
            let media = try await fixture.open()
            let session = try await media.openSession(key)
            _ = try await Self.send(session, "nobody", at: 0).stored()
            #expect(try fixture.database.rows(Self.notices) == [])
            // One that wants every type is not told of fragments, one that names the type is.
            for (id, types) in [("every", nil), ("named", ",TagStream,FragmentPersisted,")] as [(String, String?)] {
                try fixture.database.execute(
                    """
                    INSERT INTO destination (id, origin, kind, target, types, status, created_at, failures, retry_at)
                    VALUES ('\(id)', 'SUBSCRIPTION', 'WEBHOOK', 'https://\(id).invalid/', \(types.map { "'\($0)'" } ?? "NULL"), 'ACTIVE', 0, 0, 0)
                    """)
            }
            _ = try await Self.send(session, "named", at: 1000).stored()
            let told = "SELECT destination_id, sequence FROM delivery WHERE resource_arn LIKE '%/fragments' ORDER BY sequence"
            #expect(try fixture.database.rows(told) == [["named", 2]])
            // As many wait as may: of those that come no more are told, and no call of the account is refused for them.
            try fixture.database.execute(
                """
                WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 9999)
                INSERT INTO delivery (destination_id, resource_arn, sequence, occurred_at, state, attempts, replayed, created_at)
                SELECT 'named', '\(session.stream.arn)/fragments', 100000 + n, n, 'PENDING', 0, 0, 0 FROM numbers
                """)
            _ = try await Self.send(session, "too many", at: 2000).stored()
            #expect(try fixture.database.rows("SELECT count(*) FROM delivery WHERE sequence = 3 AND destination_id = 'named'") == [[0]])
            #expect(try await fixture.store.waitingEventsOfAccounts(atLeast: 100, countedTo: 20_000).isEmpty)
            try fixture.database.execute("DELETE FROM delivery WHERE sequence = 100001")
            _ = try await Self.send(session, "room", at: 3000).stored()
            #expect(try fixture.database.rows("SELECT count(*) FROM delivery WHERE sequence = 4 AND destination_id = 'named'") == [[1]])
            await media.close()
        }
    }
}
