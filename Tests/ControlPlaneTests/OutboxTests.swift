import Contract
import Identity
import Planes
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
            let outbox = Outbox(limit: limit)
            let limits = LimitEvents()
            let plane = ControlPlane(
                store: store,
                rules: ServiceRules(
                    streamQuota: quota, channelQuota: { _ in quota }, minimumDurations: MinimumDurations(),
                    edgeTimeout: Plane.edgeTimeout, endpoints: AdvertisedEndpoints()),
                masterKey: try #require(MasterKey(Plane.masterKey)), outbox: outbox, limits: limits,
                committed: { if $0 == .events { hints.count.add(1, ordering: .relaxed) } })
            try await store.addSubscription(
                NewSubscription(id: "all", kind: .webhook, target: "https://a", account: nil, types: nil, resourcePrefix: nil))
            try await body(plane, store, outbox, limits, hints)
        }
    }

    private final class Counter: Sendable {
        let count = Atomic(0)
    }

    /// The code of the refusal and its message; nil where the call was made.
    private static func refusal(_ plane: ControlPlane, _ id: OperationID, _ json: String, _ caller: Caller = .test()) async
        -> OperationError?
    {
        do {
            let prepared = try Array(json.utf8).withUnsafeBytes { try plane.prepare(id, $0, caller) }
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
            let enabled = #"{"Status":"ENABLED","DestinationConfig":{"Uri":"https://a.example/"}}"#
            for (operation, body) in [
                (OperationID.createStream, #"{"StreamName":"e"}"#), (.tagStream, #"{"StreamName":"a","Tags":{"k":"v"}}"#),
                (.createSignalingChannel, #"{"ChannelName":"a"}"#),
                (
                    .updateNotificationConfiguration,
                    #"{"StreamName":"a","NotificationConfiguration":\#(enabled)}"#
                ),
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

    @Test(arguments: Engine.allCases) func `only the changes of the account whose events wait are refused, and not what makes it less`(
        _ engine: Engine
    ) async throws {
        try await Self.with(engine, limit: 4) { plane, store, outbox, _, _ in
            for name in ["a", "b", "c", "d"] { #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"\#(name)"}"#) == nil) }
            try await outbox.count(in: store)
            let (culprit, other) = (Caller.test(), Caller.test(account: "444455556666"))
            #expect(outbox.refusedAccounts == [culprit.account])
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"e"}"#)?.code == .serviceUnavailable)
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"e"}"#, other) == nil)

            // The culprit can end it. None of the streams is ACTIVE here, which is what is said then.
            for configuration in ["null", #"{"Status":"DISABLED","DestinationConfig":{"Uri":"https://a.example/"}}"#] {
                let refusal = await Self.refusal(
                    plane, .updateNotificationConfiguration, #"{"StreamName":"a","NotificationConfiguration":\#(configuration)}"#)
                #expect(refusal?.code == .resourceInUse)
            }
            let arn = try #require(try await store.events(after: nil, since: 0, limit: 1).first).resourceARN
            #expect(await Self.refusal(plane, .deleteStream, #"{"StreamARN":"\#(arn)"}"#)?.code == .resourceInUse)

            // What an operator has paused is kept, and in nobody's way.
            #expect(try await store.setDestinationStatus("all", .paused, reason: "by an operator"))
            try await outbox.count(in: store)
            #expect(outbox.refusedAccounts == [])
            #expect(await Self.refusal(plane, .createStream, #"{"StreamName":"e"}"#) == nil)
            #expect(try await store.setDestinationStatus("all", .active, reason: nil))
            try await outbox.count(in: store)
            #expect(outbox.refusedAccounts == [culprit.account])

            // Dropping what waits admits changes again.
            #expect(try await store.dropDeliveries(of: "all", because: "dropped") == 6)
            try await outbox.count(in: store)
            #expect(outbox.refusedAccounts == [])
        }
    }

    @Test(arguments: Engine.allCases) func `events of an account are counted over destinations and regions, apart from those of others`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for id in ["one", "two"] {
                try await store.addSubscription(
                    NewSubscription(id: id, kind: .webhook, target: "https://\(id)", account: nil, types: nil, resourcePrefix: nil))
            }
            func deliver(_ count: Int, _ account: String, region: String = "us-east-1", to destination: String) throws {
                for number in 0..<count {
                    let arn = "arn:aws:kinesisvideo:\(region):\(account):stream/s\(number)/1"
                    try database.execute(
                        """
                        INSERT INTO delivery VALUES ('\(destination)', '\(arn)', 1, 1, 'PENDING', 0, 0, 1, NULL, NULL, NULL, NULL);
                        INSERT INTO delivery_queue VALUES ('\(destination)', '\(arn)', 1, 1, NULL)
                        """)
                }
            }
            try deliver(3, "111111111111", to: "one")
            try deliver(2, "111111111111", region: "eu-west-1", to: "one")
            try deliver(2, "111111111111", to: "two")
            try deliver(6, "222222222222", to: "two")
            try deliver(1, "", to: "one")
            #expect(try await store.waitingEventsOfAccounts(atLeast: 8, countedTo: 8) == [:])
            #expect(try await Set(store.waitingEventsOfAccounts(atLeast: 7, countedTo: 7).keys) == ["111111111111"])
            #expect(try await Set(store.waitingEventsOfAccounts(atLeast: 6, countedTo: 6).keys) == ["111111111111", "222222222222"])
            _ = try await store.setDestinationStatus("two", .paused, reason: "by an operator")
            #expect(try await Set(store.waitingEventsOfAccounts(atLeast: 5, countedTo: 5).keys) == ["111111111111"])
            #expect(try await Set(store.waitingEventsOfAccounts(atLeast: 1, countedTo: 1).keys) == ["111111111111"])
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
            let first = try await keys.active("sub-1", account: nil)
            #expect(first.count == 1 && first[0].hasPrefix("whsec_"))
            #expect(try await keys.active("sub-1", account: nil) == first)
            // Each destination has its own, that of an account too.
            let others = try await [
                keys.active("sub-2", account: nil), keys.active("stream:1:r:a", account: "1"), keys.active("stream:1:r:b", account: "1"),
            ]
            #expect(Set([first] + others).count == 4 && others.allSatisfy { $0.count == 1 })
            try await keys.rotate("sub-1")
            let second = try await keys.active("sub-1", account: nil)
            #expect(second.count == 2 && second[1] == first[0] && second[0] != first[0])
            #expect(try await store.webhookSecrets(owner: "sub-1").allSatisfy { !$0.secretSealed.contains(second[0].dropFirst(6)) })
            await #expect(throws: WebhookKeys.Failure.self) { try await keys.rotate("sub-1") }
            try database.clock.advance(by: 1)
            try await keys.rotate("sub-1")
            let third = try await keys.active("sub-1", account: nil)
            #expect(third.count == 2 && third[1] == second[0])
            try database.clock.advance(by: 1)
            try await keys.rotate("sub-1")
            #expect(try database.rows("SELECT count(*) FROM webhook_secret WHERE owner = 'sub-1'") == [[.integer(2)]])

            let other = WebhookKeys(store: store, masterKey: try #require(MasterKey(Array(repeating: 9, count: 32))))
            await #expect(throws: WebhookKeys.Failure.self) { try await other.active("sub-1", account: nil) }
            #expect(try await other.active("sub-2", account: nil) != others[0])
            // Nor is a secret good for another owner.
            try database.execute("UPDATE webhook_secret SET owner = 'sub-3' WHERE owner = 'sub-1'")
            await #expect(throws: WebhookKeys.Failure.self) {
                try await keys.active("sub-3", account: nil)
            }
        }
    }

    @Test(arguments: Engine.allCases)
    func `secrets from before each destination had its own sign until they are retired`(
        _ engine: Engine
    )
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let keys = WebhookKeys(store: store, masterKey: try #require(MasterKey(Plane.masterKey)))
            // Those of an account, and the first of a subscription, which had the time 0.
            for owner in ["111122223333", "sub-1"] { try await keys.rotate(owner) }
            try database.execute("UPDATE webhook_secret SET created_at = 0")
            let shared = try await keys.retirable("111122223333")
            #expect(shared.count == 1)
            let destination = try await keys.active("stream:a", account: "111122223333")
            #expect(destination.count == 2 && destination[1] == shared[0])
            #expect(try await keys.active("stream:b", account: "444455556666").count == 1)
            // The one that a receiver has is all there is, until it is rotated.
            let old = try await keys.active("sub-1", account: nil)
            #expect(old.count == 1)
            try await keys.rotate("sub-1")
            #expect(try await keys.active("sub-1", account: nil).last == old[0])
            #expect(try await store.removeWebhookSecrets(owner: "111122223333") == 1)
            #expect(try await keys.active("stream:a", account: "111122223333") == [destination[0]])
        }
    }

    @Test func `headers are sealed for their destination`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            let keys = WebhookKeys(store: store, masterKey: try #require(MasterKey(Plane.masterKey)))
            let lines = ["Authorization: Bearer secret", "X-Team: cameras"]
            for (id, owner) in [("sub-1", "sub-1"), ("sub-2", "sub-1")] {
                try await store.addSubscription(
                    NewSubscription(
                        id: id, kind: .webhook, target: "https://a", account: nil, types: nil,
                        resourcePrefix: nil,
                        contentType: "application/json", headersSealed: try keys.seal(headers: lines, of: owner)
                    ))
            }
            let one = try #require(try await store.destination("sub-1"))
            #expect(
                one.contentType == "application/json" && one.headersSealed?.contains("secret") == false)
            #expect(try keys.headers(of: one) == lines)
            let two = try #require(try await store.destination("sub-2"))
            #expect(throws: WebhookKeys.Failure.self) { try keys.headers(of: two) }
        }
    }
}
