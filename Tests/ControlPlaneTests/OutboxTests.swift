import Contract
import Identity
import SQL
import Store
import Synchronization
import TestSupport
import Testing

@testable import ControlPlane

/// What callers notice of events: changes are refused while too many wait, and limits that refuse calls are told.
@Suite struct OutboxTests {
    private static func with(
        _ engine: Engine, limit: Int64 = .max, quota: Int64 = .max,
        _ body: (_ plane: ControlPlane, _ store: Store, _ outbox: Outbox, _ limits: LimitEvents, _ hints: Counter) async throws -> Void
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let hints = Counter()
            let outbox = Outbox(limit: limit, eventsWait: { hints.count.add(1, ordering: .relaxed) })
            let limits = LimitEvents()
            let plane = ControlPlane(
                store: store,
                rules: ServiceRules(
                    streamQuota: quota, channelQuota: { _ in quota }, minimumDurations: MinimumDurations(),
                    edgeTimeout: ServiceRules.documentedEdgeTimeout, endpoints: AdvertisedEndpoints()),
                masterKey: try #require(MasterKey(Plane.masterKey)), outbox: outbox, limits: limits, workIsWaiting: {})
            try await store.addSubscription(
                NewSubscription(id: "all", kind: .webhook, target: "https://a", account: nil, types: nil, resourcePrefix: nil))
            try await body(plane, store, outbox, limits, hints)
        }
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    /// The code of the refusal and its message; nil where the call was made.
    private static func refusal(_ plane: ControlPlane, _ id: OperationID, _ json: String) async -> OperationError? {
        do {
            let prepared = try Array(json.utf8).withUnsafeBytes { try plane.prepare(id, $0, .test()) }
            _ = try await prepared.checked().perform()
            return nil
        } catch {
            return error as? OperationError
        }
    }

    @Test(arguments: Engine.allCases) func `changes are refused while too many events wait, and nothing is dropped`(_ engine: Engine)
        async throws
    {
        try await Self.with(engine, limit: 3) { plane, store, outbox, _, hints in
            for name in ["a", "b", "c"] {
                try await outbox.count(in: store)
                #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"\#(name)"}"#) == nil)
            }
            #expect(hints.count.load(ordering: .relaxed) == 3)
            // Between two counts, changes are still admitted.
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"d"}"#) == nil)
            try await outbox.count(in: store)
            for (operation, body) in [
                (OperationID.createStream, #"{"StreamName":"e"}"#), (.tagStream, #"{"StreamName":"a","Tags":{"k":"v"}}"#),
                (.createSignalingChannel, #"{"ChannelName":"a"}"#),
            ] {
                let refusal = try #require(await Self.refusal(plane, operation, body))
                #expect(refusal.code == .serviceUnavailable)
                #expect(refusal.publicMessage.contains("3 events wait for their destinations"))
            }
            // What is wrong in itself is said to be so, and reading works.
            #expect(await Self.refusal(plane, .createStream, "{}")?.code == .validation)
            #expect(await Self.refusal(plane, .describeStream, #"{"StreamName":"a"}"#) == nil)
            #expect(try await store.pendingDeliveries(limit: 10) == 4)
            #expect(hints.count.load(ordering: .relaxed) == 4)

            _ = try await store.removeSubscription("all")
            try await outbox.count(in: store)
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"e"}"#) == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `a quota that refuses calls is told once a minute`(_ engine: Engine) async throws {
        try await Self.with(engine, quota: 1) { plane, store, _, limits, _ in
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"a"}"#) == nil)
            let told = Counter()
            let telling = Task {
                await limits.tell(
                    in: store, told: { told.count.add(1, ordering: .relaxed) }, failed: { _ in })
            }
            for name in ["b", "c", "d"] {
                #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"\#(name)"}"#)?.code == .accountStreamLimitExceeded)
            }
            try await eventually("the limit is told") { told.count.load(ordering: .relaxed) == 1 }
            // Another instance runs into it in the same minute.
            let other = LimitEvents()
            let tellingToo = Task { await other.tell(in: store, told: { told.count.add(100, ordering: .relaxed) }, failed: { _ in }) }
            other.note(.streams, .test())
            other.note(.rate(operation: "DescribeStream"), .test())
            try await eventually("the other limit is told") { told.count.load(ordering: .relaxed) == 101 }
            telling.cancel()
            tellingToo.cancel()
            let events = try await store.events(after: nil, since: 0, limit: 10).filter { $0.type == "LimitReached" }
            #expect(
                Set(events.map(\.resourceARN)) == [
                    "arn:aws:kinesisvideo:eu-west-1:111122223333:limit/streams",
                    "arn:aws:kinesisvideo:eu-west-1:111122223333:limit/requests-DescribeStream",
                ])
            let event = try #require(events.first { $0.resourceARN.hasSuffix("streams") })
            #expect(event.occurredAt % 60_000 == 0 && event.status == "REACHED")
            #expect(event.keyID == "AKIATEST" && event.requestID == "request")
            #expect(try await store.pendingDeliveries(limit: 10) == 3)
        }
    }

    @Test(arguments: Engine.allCases) func `too many tags of a resource are a limit too`(_ engine: Engine) async throws {
        try await Self.with(engine) { plane, store, _, limits, _ in
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"a"}"#) == nil)
            for first in [0, 30] {
                let tags = (first..<first + 30).map { #""k\#($0)":"v""# }.joined(separator: ",")
                let code = await Self.refusal(plane, .tagStream, #"{"StreamName":"a","Tags":{\#(tags)}}"#)?.code
                #expect(code == (first == 0 ? nil : .tagsPerResourceExceededLimit))
            }
            let told = Counter()
            let telling = Task { await limits.tell(in: store, told: { told.count.add(1, ordering: .relaxed) }, failed: { _ in }) }
            try await eventually("told") { told.count.load(ordering: .relaxed) == 1 }
            telling.cancel()
            #expect(try await store.events(after: nil, since: 0, limit: 10).contains { $0.resourceARN.hasSuffix("limit/tags") })
        }
    }

    @Test(arguments: Engine.allCases) func `the secrets of webhooks are made once, sealed, and rotated`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let keys = WebhookKeys(store: store, masterKey: try #require(MasterKey(Plane.masterKey)))
            let first = try await keys.active("sub-1")
            #expect(first.count == 1 && first[0].hasPrefix("whsec_"))
            #expect(try await keys.active("sub-1") == first)
            #expect(try await keys.active("sub-2") != first)
            #expect(try await store.webhookSecrets(owner: "sub-1").allSatisfy { !$0.secretSealed.contains(first[0].dropFirst(6)) })
            try database.clock.advance(by: 1)
            let second = try await keys.rotate("sub-1")
            #expect(second.count == 2 && second[1] == first[0] && second[0] != first[0])
            try database.clock.advance(by: 1)
            let third = try await keys.rotate("sub-1")
            #expect(third.count == 2 && third[1] == second[0])
            #expect(try database.rows("SELECT count(*) FROM webhook_secret WHERE owner = 'sub-1'") == [[.integer(2)]])

            let other = WebhookKeys(store: store, masterKey: try #require(MasterKey(Array(repeating: 9, count: 32))))
            await #expect(throws: WebhookKeys.Failure.self) { try await other.active("sub-1") }
            // Nor is a secret good for another owner.
            try database.execute("UPDATE webhook_secret SET owner = 'sub-3' WHERE owner = 'sub-2'")
            await #expect(throws: WebhookKeys.Failure.self) { try await keys.active("sub-3") }
        }
    }
}
