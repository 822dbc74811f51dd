import Locking
import SQL
import Seeded
import Store
import Synchronization
import TestSupport
import Testing

@testable import Delivery

@Suite struct CourierTests {
    /// Every event of each subject, in order, without those that came again; fails the test where an event came before one that is earlier.
    private static func expectOrder(_ messages: [ScriptedTransport.Message]) {
        var last: [String: Int] = [:]
        for message in messages where !message.isReplay {
            let subject = message.receiver + message.subject
            // An event that comes again is one that has come already.
            #expect(message.sequence <= last[subject, default: 0] + 1, "\(message.subject): \(message.sequence) came too early")
            last[subject] = max(last[subject, default: 0], message.sequence)
        }
    }

    @Test(arguments: Engine.allCases) func `every event arrives in order though a third of the attempts fail, whoever makes them`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let (streams, changes) = (10, 8)
            try await store.subscribe("one")
            try await store.subscribe("two")
            let random = Lock(SeededGenerator(seed: 7))
            let transport = ScriptedTransport { _ throws(DeliveryFault) in
                try? await Task.sleep(for: .microseconds(random.withLock { Int.random(in: 0...2000, using: &$0) }))
                switch random.withLock({ Int.random(in: 0..<9, using: &$0) }) {
                case 0: throw DeliveryFault("reset")
                case 1: return PostAnswer(status: 500)
                case 2: return PostAnswer(status: 301)
                default: return PostAnswer(status: 204)
                }
            }
            var settings = try DeliverySettings.test()
            settings.attempts = 100
            try await running([
                Courier(store, transport, settings: settings), Courier(store, transport, settings: settings),
                Courier(store, transport, settings: settings),
            ]) {
                try await withThrowingTaskGroup { group in
                    for number in 0..<streams {
                        group.addTask {
                            _ = try await store.create(.named("gate-\(number)"))
                            try await store.retag("gate-\(number)", changes - 1)
                        }
                    }
                    try await group.waitForAll()
                }
                try await eventually("everything is delivered") { try await store.pendingDeliveries(limit: 1) == 0 }
            }
            for receiver in ["one", "two"] {
                let messages = transport.delivered(to: receiver)
                #expect(Set(messages.map(\.id)).count == streams * changes)
                Self.expectOrder(messages)
            }
            #expect(try database.rows("SELECT count(*) FROM delivery WHERE state <> 'DELIVERED'") == [[.integer(0)]])
            #expect(try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(0)]])
            #expect(transport.attempted.count > transport.delivered.count)
            #expect(
                try database.rows("SELECT count(*) FROM delivery_attempt")
                    == [[.integer(Int64(transport.attempted.count - transport.delivered.count))]])
        }
    }

    @Test(arguments: Engine.allCases) func `an event that fails holds back the later ones of its resource, and no others`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let isDown = Atomic(true)
            let transport = ScriptedTransport { message in
                message.subject.contains("bad") && isDown.load(ordering: .relaxed) ? PostAnswer(status: 503) : PostAnswer(status: 200)
            }
            var pace = Pace.test
            pace.backoff = Backoff()
            for name in ["bad", "good"] {
                _ = try await store.create(.named(name))
                try await store.retag(name, 3)
            }
            try await running([Courier(store, transport, pace: pace)]) {
                try await eventually("the good ones arrive") { transport.delivered.count == 4 }
                try await eventually("the failure is written down") {
                    try database.rows("SELECT count(*) FROM delivery WHERE attempts = 1 AND state = 'PENDING'") == [[.integer(1)]]
                }
                #expect(transport.attempted.filter { $0.subject.contains("bad") }.map(\.sequence) == [1])
                isDown.store(false, ordering: .relaxed)
                // The back-off, by the clock of the database, is at most a second.
                try database.clock.advance(by: 1000)
                try await eventually("the bad ones arrive") { transport.delivered.count == 8 }
            }
            #expect(transport.delivered.filter { $0.subject.contains("bad") }.map(\.sequence) == [1, 2, 3, 4])
            #expect(try await store.destinations().first?.failures == 0)
        }
    }

    @Test(arguments: Engine.allCases)
    func `an event is given up after its last attempt, which lets the later ones pass, and can be replayed`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let isDown = Atomic(true)
            let transport = ScriptedTransport { message in
                guard message.sequence == 2, isDown.load(ordering: .relaxed) else { return PostAnswer(status: 200) }
                return PostAnswer(status: 418)
            }
            _ = try await store.create(.named("gate"))
            try await store.retag("gate", 2)
            try await running([Courier(store, transport, settings: .test(attempts: 3))]) {
                try await eventually("the later one arrives") { transport.delivered.count == 2 }
                #expect(transport.attempted.map(\.sequence) == [1, 2, 2, 2, 3])
                // Every attempt has the same id.
                let ids = Set(transport.attempted.filter { $0.sequence == 2 }.map(\.id))
                let key = try #require(ids.first.flatMap(EventKey.init))
                #expect(ids.count == 1)
                let dead = try #require(try await store.deliveries(of: key).first)
                #expect(dead.state == .dead && dead.attempts == 3 && dead.lastStatus == 418 && dead.finishedAt != nil)
                #expect(try await store.failedAttempts(of: key).map(\.attempt) == [1, 2, 3])
                try await eventually("nothing waits") { try await store.pendingDeliveries(limit: 10) == 0 }

                // A replay has all its attempts again.
                #expect(try await store.replay(key, to: "all"))
                try await eventually("given up again") { try await store.deliveries(of: key).first?.attempts == 3 }
                try await eventually("nothing waits") { try await store.pendingDeliveries(limit: 10) == 0 }
                isDown.store(false, ordering: .relaxed)
                #expect(try await store.replay(key, to: "all"))
                try await eventually("it arrives") { transport.delivered.count == 3 }
                try await eventually("it is finished") { try await store.deliveries(of: key).first?.state == .delivered }
                // What has arrived can be sent again too.
                #expect(try await store.replay(key, to: "all"))
                try await eventually("it arrives again") { transport.delivered.count == 4 }
                #expect(try await !store.replay(key, to: "nobody"))
                let last = try #require(transport.delivered.last)
                #expect(last.isReplay && last.headers["weir-replay"] == "true" && last.id == key.id)
                #expect(transport.delivered.first?.headers["weir-replay"] == nil)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `what was given up is listed, page after page`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for id in ["one", "two"] { try await store.subscribe(id) }
            for name in ["a", "b"] {
                _ = try await store.create(.named(name))
                try await store.retag(name, 2)
            }
            try database.execute("UPDATE delivery SET state = 'DEAD', finished_at = 1 WHERE sequence > 1")
            // Of a destination that is gone nothing can be sent again.
            try database.execute(
                "INSERT INTO delivery SELECT 'gone', resource_arn, sequence, occurred_at, state, 1, 0, 1, NULL, 1, NULL, NULL FROM delivery "
                    + "WHERE state = 'DEAD' AND destination_id = 'one'")
            var found: [DeadLetter] = []
            while true {
                let page = try await store.deadLetters(after: found.last, since: 0, limit: 3)
                #expect(page.count <= 3)
                if page.isEmpty { break }
                found += page
            }
            let order = found.map { "\($0.event.occurredAt) \($0.event.resourceARN) \($0.event.sequence) \($0.destinationID)" }
            #expect(order.count == 8 && Set(order).count == 8)
            #expect(order == order.sorted())
            #expect(Set(found.map(\.destinationID)) == ["one", "two"] && Set(found.map(\.event.sequence)) == [2, 3])
            #expect(try await store.deadLetters(after: nil, since: database.clock.now + 1, limit: 3).isEmpty)
        }
    }

    @Test(arguments: Engine.allCases) func `what waits cannot be replayed`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let arn = try await store.create(.named("gate"))
            let event = try #require(try await store.events(after: nil, since: 0, limit: 1).first)
            #expect(event.resourceARN == arn)
            #expect(try await !store.replay(event.key, to: "all"))
        }
    }

    @Test(arguments: Engine.allCases) func `what an instance was at when it died is sent by another, under the same id`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            // It has sent the event, but not written so down.
            let dead = try await store.claimQueues(of: "all", leaseToken: "dead", lease: 30_000, limit: 10)
            let sent = try await store.waitingEvents(in: dead, leaseToken: "dead", limit: 10)
            #expect(dead.count == 1 && sent.count == 1)
            let transport = ScriptedTransport()
            try await running([Courier(store, transport)]) {
                try await store.retag("gate")
                // Somebody else holds it: who looks after it was told of another finds only that one.
                _ = try await store.create(.named("yard"))
                try await eventually("the other one arrives") { transport.delivered.count == 1 }
                #expect(transport.attempted.allSatisfy { $0.subject.contains("yard") })
                // Before that it is under a lease too, which would end as well.
                try await eventually("it is written down") { try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(1)]] }
                try database.clock.advance(by: 30_000)
                try await eventually("taken over") { transport.delivered.count == 3 }
                #expect(transport.delivered.suffix(2).map(\.sequence) == [1, 2])
                #expect(transport.delivered.dropFirst().first?.id == sent.first?.event.id)
                try await eventually("finished") { try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(0)]] }
                // It was only slow: what it writes down changes nothing.
                var outcome = QueueOutcome(hasMore: false)
                outcome.delivered = sent.map { (event: $0.event.key, status: 200) }
                try await store.finishQueue(FinishedQueue(try #require(dead.first), leaseToken: "dead", outcome))
                #expect(try database.rows("SELECT DISTINCT attempts FROM delivery") == [[.integer(1)]])
            }
        }
    }

    @Test(arguments: Engine.allCases) func `whoever is late with a failure does not take the queue from who has it now`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            let late = try #require(try await store.claimQueues(of: "all", leaseToken: "late", lease: 10, limit: 10).first)
            let event = try #require(try await store.waitingEvents(in: [late], leaseToken: "late", limit: 10).first).event.key
            try database.clock.advance(by: 10)
            let now = try #require(try await store.claimQueues(of: "all", leaseToken: "now", lease: 10, limit: 10).first)
            var failed = QueueOutcome(hasMore: true)
            failed.failure = QueueOutcome.Failure(
                event: event, attempt: 1, duration: 5, status: 500, error: "late", isLast: false, delay: 1_000_000)
            try await store.finishQueue(FinishedQueue(late, leaseToken: "late", failed))
            #expect(try await store.waitingEvents(in: [now], leaseToken: "now", limit: 10).map(\.event.key) == [event])
            var delivered = QueueOutcome(hasMore: false)
            delivered.delivered = [(event: event, status: 200)]
            try await store.finishQueue(FinishedQueue(now, leaseToken: "now", delivered))
            #expect(try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(0)]])
            #expect(try await store.deliveries(of: event).first?.state == .delivered)
        }
    }

    @Test(arguments: Engine.allCases) func `an event that comes while its queue is at work is not forgotten`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            let gate = Gate()
            let transport = ScriptedTransport { message in
                if message.sequence == 1 { await gate.pass() }
                return PostAnswer(status: 200)
            }
            // It is found without looking for it.
            var pace = Pace.test
            pace.lookInterval = 3_600_000...3_600_000
            try await running([Courier(store, transport, pace: pace)]) {
                try await eventually("the first is at work") { gate.arrived == 1 }
                try await store.retag("gate", 2)
                gate.open()
                try await eventually("all arrive") { transport.delivered.map(\.sequence) == [1, 2, 3] }
            }
        }
    }

    /// A receiver `slow` that answers once the gate is open, four places for each destination, and so many in all.
    private static func slowReceiver(places: Int) -> (Gate, ScriptedTransport, Pace) {
        let gate = Gate()
        let transport = ScriptedTransport { message in
            if message.receiver == "slow" { await gate.pass() }
            return PostAnswer(status: 200)
        }
        var pace = Pace.test
        pace.attemptsPerDestination = 4
        pace.attempts = places
        return (gate, transport, pace)
    }

    @Test func `a slow receiver slows only itself`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("slow")
            try await store.subscribe("fast")
            let (gate, transport, pace) = Self.slowReceiver(places: 6)
            try await running([Courier(store, transport, pace: pace)]) {
                for number in 0..<40 { _ = try await store.create(.named("gate-\(number)")) }
                try await eventually("the fast one has all") { transport.delivered(to: "fast").count == 40 }
                try await eventually("the slow one has all its places") { gate.arrived == 4 }
                #expect(transport.delivered(to: "slow").isEmpty)
                gate.open()
                try await eventually("the slow one has all") { transport.delivered(to: "slow").count == 40 }
            }
        }
    }

    @Test func `receivers that hang leave a place to every other`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("slow")
            let (gate, transport, pace) = Self.slowReceiver(places: 4)
            try await running([Courier(store, transport, pace: pace)]) {
                for number in 0..<4 { _ = try await store.create(.named("slow-\(number)")) }
                try await eventually("the slow one has all places but one") { gate.arrived == 3 }
                try await store.subscribe("fast")
                // And again: it does not wait for a second place while it has the first.
                for round in 1...3 {
                    for number in 0..<20 { _ = try await store.create(.named("fast-\(round)-\(number)")) }
                    try await eventually("the fast one has all") { transport.delivered(to: "fast").count == 20 * round }
                }
                #expect(gate.arrived == 3)
                gate.open()
                try await eventually("the slow one has all") { transport.delivered(to: "slow").count == 64 }
            }
        }
    }

    @Test func `no queue waits for the slowest of those that were claimed with it`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let gate = Gate()
            let transport = ScriptedTransport { message in
                if message.subject.contains("gate-0/") { await gate.pass() }
                return PostAnswer(status: 200)
            }
            for number in 0..<200 { _ = try await store.create(.named("gate-\(number)")) }
            try await running([Courier(store, transport)]) {
                try await eventually("all but one arrive") { transport.delivered.count == 199 }
                // And what comes later.
                _ = try await store.create(.named("late"))
                try await eventually("what comes later arrives") { transport.delivered.count == 200 }
                gate.open()
                try await eventually("all arrive") { transport.delivered.count == 201 }
            }
        }
    }

    @Test func `a receiver that fails for good takes few places`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let inFlight = Atomic(0)
            let most = Lock<[Int]>([])
            let transport = ScriptedTransport { _ throws(DeliveryFault) in
                let now = inFlight.wrappingAdd(1, ordering: .relaxed).newValue
                most.withLock { $0.append(now) }
                try? await Task.sleep(for: .milliseconds(2))
                inFlight.wrappingSubtract(1, ordering: .relaxed)
                throw DeliveryFault("refused")
            }
            for number in 0..<100 { _ = try await store.create(.named("gate-\(number)")) }
            try await running([Courier(store, transport, settings: .test(attempts: 3))]) {
                try await eventually("all are given up") {
                    try database.rows("SELECT count(*) FROM delivery WHERE state = 'DEAD'") == [[.integer(100)]]
                }
            }
            let counts = most.withLock { $0 }
            #expect(counts.count == 300)
            #expect((counts.suffix(200).max() ?? 0) <= 4)
            #expect((counts.max() ?? 0) <= 32)
        }
    }

    @Test(arguments: Engine.allCases) func `Retry-After holds back the whole destination`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("busy")
            try await store.subscribe("other")
            let isBusy = Atomic(true)
            let transport = ScriptedTransport { message in
                guard message.receiver == "busy", isBusy.load(ordering: .relaxed) else { return PostAnswer(status: 200) }
                return PostAnswer(status: 429, retryAfter: "120")
            }
            _ = try await store.create(.named("gate"))
            try await running([Courier(store, transport)]) {
                try await eventually("it is held back") {
                    try database.rows("SELECT retry_at FROM destination WHERE id = 'busy'") == [[.integer(database.clock.now + 120_000)]]
                }
                isBusy.store(false, ordering: .relaxed)
                _ = try await store.create(.named("yard"))
                try await eventually("the other one has both") { transport.delivered(to: "other").count == 2 }
                try database.clock.advance(by: 119_999)
                _ = try await store.create(.named("dock"))
                try await eventually("the other one has the third") { transport.delivered(to: "other").count == 3 }
                #expect(transport.attempted.count(where: { $0.receiver == "busy" }) == 1)
                try database.clock.advance(by: 1)
                try await eventually("all arrive") { transport.delivered(to: "busy").count == 3 }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `what was claimed ahead is not sent after Retry-After`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("busy")
            let isBusy = Atomic(true)
            let transport = ScriptedTransport { _ in
                isBusy.load(ordering: .relaxed) ? PostAnswer(status: 429, retryAfter: "120") : PostAnswer(status: 200)
            }
            for number in 0..<100 { _ = try await store.create(.named("gate-\(number)")) }
            try await running([Courier(store, transport)]) {
                try await eventually("it is held back, and every queue is given back") {
                    try database.rows("SELECT count(*) FROM destination WHERE retry_at > 0") == [[.integer(1)]]
                        && database.rows("SELECT count(*) FROM delivery_queue WHERE lease_token IS NOT NULL") == [[.integer(0)]]
                }
                // Those that were in flight when the first answer came, and no others.
                let attempted = transport.attempted.count
                #expect((1...32).contains(attempted))
                #expect(
                    try database.rows("SELECT count(*) FROM delivery WHERE state = 'PENDING' AND attempts = 0")
                        == [[.integer(Int64(100 - attempted))]])
                isBusy.store(false, ordering: .relaxed)
                try database.clock.advance(by: 120_000)
                try await eventually("all arrive") { try await store.pendingDeliveries(limit: 1) == 0 }
                #expect(transport.delivered(to: "busy").count == 100)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `410 disables the destination and ends what waits for it`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("gone")
            let transport = ScriptedTransport { _ in PostAnswer(status: 410) }
            for name in ["gate", "yard"] {
                _ = try await store.create(.named(name))
                try await store.retag(name, 2)
            }
            try await running([Courier(store, transport)]) {
                try await eventually("it is disabled") { try await store.destination("gone")?.status == .disabled }
                try await eventually("nothing waits") { try await store.pendingDeliveries(limit: 10) == 0 }
                try await eventually("no queue is left") { try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(0)]] }
                #expect(try await store.destination("gone")?.statusReason == "the receiver answered 410")
                // Dead letters, which can be sent again once it is resumed.
                #expect(try database.rows("SELECT count(*) FROM delivery WHERE state = 'DEAD'") == [[.integer(6)]])
                #expect(transport.attempted.count <= 2)
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a destination that only fails for days is paused, and that is told`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("bad")
            try await store.subscribe("watcher", types: ["DestinationPaused"])
            let transport = ScriptedTransport { message in PostAnswer(status: message.receiver == "bad" ? 500 : 200) }
            let day: Int64 = 24 * 60 * 60 * 1000
            var pace = Pace.test
            pace.upkeepInterval = 5...10
            _ = try await store.create(.named("gate"))
            try await running([Courier(store, transport, settings: .test(attempts: 100), pace: pace)]) {
                try await eventually("it fails") { try await store.destination("bad")?.failingSince != nil }
                for _ in 1...4 {
                    try database.clock.advance(by: day)
                    let failures = try #require(try await store.destination("bad")?.failures)
                    try await eventually("it fails again") { try await store.destination("bad")?.failures ?? 0 > failures + 1 }
                    #expect(try await store.destination("bad")?.status == .active)
                }
                try database.clock.advance(by: day)
                try await eventually("it is paused") { try await store.destination("bad")?.status == .paused }
                try await eventually("that is told") { transport.delivered(to: "watcher").count == 1 }
                #expect(transport.delivered(to: "watcher").first?.subject == "arn:aws:kinesisvideo:::destination/bad")
            }
            // What waits is kept.
            #expect(try await store.pendingDeliveries(limit: 10) == 2)
        }
    }

    @Test(arguments: Engine.allCases) func `one failure before days of silence is not failing for days`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            try await store.noteAttempts(of: "all", succeeded: false, failuresSince: 1)
            try database.clock.advance(by: 1_000_000)
            #expect(try await store.failingDestinations(for: 1_000_000).isEmpty)
            try await store.noteAttempts(of: "all", succeeded: true, failuresSince: 0)
            try await store.noteAttempts(of: "all", succeeded: false, failuresSince: 2)
            try database.clock.advance(by: 1_000_000)
            // A success between two failures begins a new row of them.
            try await store.noteAttempts(of: "all", succeeded: true, failuresSince: 1)
            #expect(try await store.failingDestinations(for: 1_000_000).isEmpty)
            try database.clock.advance(by: 1_000_000)
            try await store.noteAttempts(of: "all", succeeded: false, failuresSince: 3)
            #expect(try await store.destination("all")?.failures == 4)
            #expect(try await store.failingDestinations(for: 1_000_000).map(\.id) == ["all"])
        }
    }

    @Test(arguments: Engine.allCases) func `of many who pause a destination at once one does, and tells so`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for id in ["bad", "watcher"] { try await store.subscribe(id) }
            try await store.noteAttempts(of: "bad", succeeded: false, failuresSince: 1)
            try database.clock.advance(by: 1000)
            try await store.noteAttempts(of: "bad", succeeded: false, failuresSince: 1)
            let paused = try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask { try await store.pauseFailing("bad", for: 1000, subjectARN: "arn:bad", token: Fixture.token()) }
                }
                return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(paused == 1)
            let events = try await store.events(after: nil, since: 0, limit: 10)
            #expect(events.map(\.type) == ["DestinationPaused"] && events.map(\.status) == ["PAUSED"])
            #expect(try database.rows("SELECT destination_id FROM delivery_queue ORDER BY 1") == [[.text("bad")], [.text("watcher")]])
            // One that works is not paused.
            #expect(try await !store.pauseFailing("watcher", for: 0, subjectARN: "arn:watcher", token: "t"))
        }
    }

    @Test(arguments: Engine.allCases) func `what was accepted after a destination was enabled again is not given up`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            // It was disabled, and is enabled before what waits is given up.
            #expect(try await store.setDestinationStatus("all", .disabled, reason: "gone"))
            #expect(try await store.setDestinationStatus("all", .active, reason: nil))
            try await store.abandonDeliveries(of: "all", because: "gone")
            try await store.abandonDeliveries(of: "all", because: nil)
            #expect(try await store.pendingDeliveries(limit: 10) == 1)
            #expect(try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(1)]])
        }
    }

    @Test(arguments: Engine.allCases) func `an attempt is counted once, however often it is written down`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            let queue = try #require(try await store.claimQueues(of: "all", leaseToken: "t", lease: 60_000, limit: 1).first)
            let event = try #require(try await store.waitingEvents(in: [queue], leaseToken: "t", limit: 1).first).event.key
            var outcome = QueueOutcome(hasMore: true)
            outcome.failure = QueueOutcome.Failure(event: event, attempt: 1, duration: 5, status: 500, error: "no", isLast: false, delay: 0)
            for _ in 0..<3 {
                try await store.finishQueue(FinishedQueue(queue, leaseToken: "t", outcome))
                try database.clock.advance(by: 1)
            }
            #expect(try database.rows("SELECT attempts FROM delivery") == [[.integer(1)]])
            #expect(try await store.failedAttempts(of: event).map(\.attempt) == [1])
        }
    }

    /// On Postgres each statement of a batch sees what was committed before it.
    @Test func `a destination that goes while an event is told to it leaves no delivery without a queue`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            // The destination goes between the two statements of the batch: by a trigger, as nothing else is that quick.
            try database.execute(
                """
                CREATE FUNCTION leave() RETURNS TRIGGER LANGUAGE plpgsql AS
                    $$ BEGIN UPDATE destination SET status = 'DISABLED', status_reason = 'gone' WHERE id = 'all'; RETURN NULL; END $$;
                CREATE TRIGGER leave AFTER INSERT ON delivery FOR EACH STATEMENT EXECUTE FUNCTION leave()
                """)
            _ = try await store.create(.named("gate"))
            #expect(try await store.destination("all")?.status == .disabled)
            #expect(try await store.pendingDeliveries(limit: 10) == 1)
            try await store.abandonUndeliverable()
            #expect(try await store.pendingDeliveries(limit: 10) == 0)
            #expect(try database.rows("SELECT state FROM delivery") == [[.text("DEAD")]])
        }
    }

    @Test(arguments: Engine.allCases) func `a subscription that is removed leaves nothing behind`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("gone")
            try await store.subscribe("kept")
            for number in 0..<120 { _ = try await store.create(.named("gate-\(number)")) }
            _ = try await store.addWebhookSecret(owner: "gone", secretSealed: "s")
            #expect(try await store.removeSubscription("gone"))
            #expect(try await !store.removeSubscription("gone"))
            #expect(try await store.webhookSecrets(owner: "gone").isEmpty)
            #expect(try await store.pendingDeliveries(limit: 1000) == 120)
            #expect(
                try database.rows("SELECT destination_id, count(*) FROM delivery_queue GROUP BY destination_id")
                    == [[.text("kept"), .integer(120)]])
            // What was told by a change that began before, and ended after it was removed.
            try database.execute(
                """
                INSERT INTO delivery SELECT 'gone', resource_arn, sequence, occurred_at, state, attempts, replayed, created_at, NULL, NULL, NULL, NULL
                    FROM delivery WHERE destination_id = 'kept';
                INSERT INTO delivery_queue SELECT 'gone', resource_arn, 1, 0, NULL FROM delivery_queue WHERE destination_id = 'kept'
                """)
            try await store.abandonUndeliverable()
            #expect(try await store.pendingDeliveries(limit: 1000) == 120)
            #expect(try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(120)]])
        }
    }

    @Test func `stopping lets arrive what is about to, and gives the rest back`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let gate = Gate()
            let transport = ScriptedTransport { message throws(DeliveryFault) in
                if message.subject.contains("hanging") {
                    // As the network does: it ends when it is cancelled.
                    while !Task.isCancelled { try? await Task.sleep(for: .milliseconds(1)) }
                    throw DeliveryFault("cancelled")
                }
                await gate.pass()
                return PostAnswer(status: 200)
            }
            _ = try await store.create(.named("hanging"))
            _ = try await store.create(.named("arriving"))
            try await store.retag("arriving")
            try await running([Courier(store, transport)]) {
                try await eventually("both are at work") { transport.attempted.count == 2 }
                Task {
                    try await Task.sleep(for: .milliseconds(20))
                    gate.open()
                }
            }
            #expect(transport.delivered.map(\.sequence) == [1])
            // The database's clock stands still: what is due now is not under a lease any more.
            let queues = try await store.claimQueues(of: "all", leaseToken: "next", lease: 1000, limit: 10)
            #expect(queues.count == 2)
            #expect(try await store.waitingEvents(in: queues, leaseToken: "next", limit: 10).map(\.attempts) == [0, 0])
            #expect(try await store.destination("all")?.failures == 0)
        }
    }

    @Test func `a secret that cannot be read costs no attempt`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("gate"))
            let asked = Atomic(0)
            let isReadable = Atomic(false)
            let transport = ScriptedTransport()
            let courier = try Courier(
                store, transport,
                secrets: { _ in
                    asked.wrappingAdd(1, ordering: .relaxed)
                    guard isReadable.load(ordering: .relaxed) else { throw DatabaseError(.unavailable, "away") }
                    return WebhookCredentials(secrets: [])
                })
            try await running([courier]) {
                try await eventually("it was given back") {
                    try asked.load(ordering: .relaxed) > 0
                        && database.rows("SELECT lease_token, available_at FROM delivery_queue") == [
                            [.null, .integer(database.clock.now + 1000)]
                        ]
                }
                #expect(try database.rows("SELECT state, attempts FROM delivery") == [[.text("PENDING"), .integer(0)]])
                #expect(transport.attempted.isEmpty)
                #expect(try await store.destination("all")?.failures == 0)
                isReadable.store(true, ordering: .relaxed)
                try database.clock.advance(by: 1000)
                try await eventually("it arrives") { transport.delivered.count == 1 }
            }
        }
    }

    @Test func `a database that fails holds deliveries back, and loses none`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            try await store.subscribe("all")
            faults.inject(.failBefore(.unavailable), on: "delivery.due", times: 2)
            faults.inject(.failBefore(.overloaded), on: "delivery.claim")
            faults.inject(.loseAnswer, on: "delivery.deliver", times: 2)
            faults.inject(.failBefore(.unavailable), on: "delivery.deliver", skipping: 1, times: 2)
            for number in 0..<10 {
                _ = try await store.create(.named("gate-\(number)"))
                try await store.retag("gate-\(number)")
            }
            let transport = ScriptedTransport()
            try await running([Courier(store, transport)]) {
                try await eventually("all arrive and are finished") {
                    try database.rows("SELECT count(*) FROM delivery_queue") == [[.integer(0)]] && faults.isSpent
                }
            }
            #expect(Set(transport.delivered.map(\.id)).count == 20)
            Self.expectOrder(transport.delivered)
        }
    }

    @Test(arguments: Engine.allCases) func `a receiver that is down for an hour loses nothing`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let isDown = Atomic(true)
            let transport = ScriptedTransport { _ throws(DeliveryFault) in
                if isDown.load(ordering: .relaxed) { throw DeliveryFault("connection refused") }
                return PostAnswer(status: 200)
            }
            var pace = Pace.test
            pace.backoff = Backoff()
            for number in 0..<5 { _ = try await store.create(.named("gate-\(number)")) }
            // Leases outlast the steps of the clock.
            try await running([Courier(store, transport, settings: .test(timeout: .seconds(60)), pace: pace)]) {
                for second in stride(from: 0, to: 3600, by: 20) {
                    if second % 600 == 0 { try await store.retag("gate-\(second / 600 % 5)") }
                    try database.clock.advance(by: 20_000)
                    try await eventually("nothing is due or at work") {
                        let atWork = try database.rows("SELECT count(*) FROM delivery_queue WHERE lease_token IS NOT NULL")
                        return try await store.dueDestinations().isEmpty && atWork == [[.integer(0)]]
                    }
                }
                #expect(transport.delivered.isEmpty)
                isDown.store(false, ordering: .relaxed)
                // The back-off is below an hour.
                try database.clock.advance(by: 60 * 60 * 1000)
                try await eventually("all arrive") { transport.delivered.count == 11 }
            }
            Self.expectOrder(transport.delivered)
            // However the back-offs fell, none of the attempts was the last.
            #expect(try database.rows("SELECT count(*) FROM delivery WHERE state = 'DEAD'") == [[.integer(0)]])
        }
    }

    @Test(arguments: Engine.allCases) func `what a clock that ran ahead has left is due once the clock is right`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for id in ["all", "quiet"] { try await store.subscribe(id) }
            _ = try await store.create(.named("gate"))
            let (hour, day): (Int64, Int64) = (3_600_000, 86_400_000)
            // A day ahead a claim is made, and a receiver asks for quiet.
            try database.clock.advance(by: day)
            #expect(try await store.claimQueues(of: "all", leaseToken: "ahead", lease: hour, limit: 1).count == 1)
            try await store.holdBack("quiet", for: hour)
            try database.clock.advance(by: -day)
            // What waits for as long as anything may is left alone.
            try await store.releaseDeliveries(dueLaterThan: day + hour)
            #expect(try await store.dueDestinations().isEmpty)
            var pace = Pace.test
            pace.upkeepInterval = 5...10
            pace.backoff = Backoff()
            let transport = ScriptedTransport()
            try await running([Courier(store, transport, pace: pace)]) {
                try await eventually("both arrive") { transport.delivered.count == 2 }
            }
        }
    }

    @Test(arguments: Engine.allCases) func `adding events and emptying queues at once leaves none behind`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            try await store.subscribe("other")
            let names = (0..<4).map { "gate-\($0)" }
            for name in names { _ = try await store.create(.named(name)) }
            let isDone = Flag()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    try await withThrowingTaskGroup { group in
                        for name in names { group.addTask { try await store.retag(name, 40) } }
                        // Many resources in one batch.
                        group.addTask { for _ in 0..<10 { try await store.finishTasks() } }
                        try await group.waitForAll()
                    }
                    isDone.raise()
                }
                for worker in 0..<4 {
                    group.addTask {
                        // Claims and finishes as fast as it can, so that a removal meets an addition in every way there is.
                        while !isDone.isRaised {
                            try await Self.emptyQueues(of: worker % 2 == 0 ? "all" : "other", in: store, together: worker < 2)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let waiting = try await store.pendingDeliveries(limit: 1000)
            let queues = try database.rows(
                """
                SELECT count(*) FROM delivery WHERE state = 'PENDING' AND NOT EXISTS (SELECT 1 FROM delivery_queue
                    WHERE delivery_queue.destination_id = delivery.destination_id AND delivery_queue.resource_arn = delivery.resource_arn
                        AND lease_token IS NULL)
                """)
            // Whatever still waits is in a queue that somebody can claim.
            #expect(queues == [[.integer(0)]], "\(waiting) wait")
            let transport = ScriptedTransport()
            try await running([try Courier(store, transport)]) {
                try await eventually("nothing waits") { try await store.pendingDeliveries(limit: 1) == 0 }
            }
            #expect(try database.rows("SELECT count(*) FROM delivery WHERE state = 'DELIVERED'") == [[.integer(2 * 4 * 42)]])
        }
    }

    /// Claims what is due and finishes it, everything delivered.
    private static func emptyQueues(of id: String, in store: Store, together: Bool) async throws {
        let token = Fixture.token()
        let queues = try await store.claimQueues(of: id, leaseToken: token, lease: 60_000, limit: 10)
        let events = Dictionary(
            grouping: try await store.waitingEvents(in: queues, leaseToken: token, limit: 16), by: \.event.resourceARN)
        var finished = queues.map { queue in
            let events = events[queue.resourceARN] ?? []
            var outcome = QueueOutcome(hasMore: events.count == 16)
            outcome.delivered = events.map { (event: $0.event.key, status: 200) }
            return FinishedQueue(queue, leaseToken: token, outcome)
        }
        if together { finished = try await store.finishQueues(finished) }
        for queue in finished { _ = try await together ? store.endLease(of: queue) : store.finishQueue(queue) }
    }

    @Test(arguments: [true, false]) func `a batch of many queues waits for none that somebody holds`(_ haveArrived: Bool) async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            let arns = [try await store.create(.named("free")), try await store.create(.named("held"))]
            let queues = try await store.claimQueues(of: "all", leaseToken: "t", lease: 60_000, limit: 10)
            let events = try await store.waitingEvents(in: queues, leaseToken: "t", limit: 16)
            let finished = try queues.map { queue in
                let event = try #require(events.first { $0.event.resourceARN == queue.resourceARN }).event.key
                var outcome = QueueOutcome(hasMore: !haveArrived)
                if haveArrived {
                    outcome.delivered = [(event: event, status: 200)]
                } else {
                    outcome.failure = QueueOutcome.Failure(
                        event: event, attempt: 1, duration: 5, status: 500, error: "refused", isLast: false, delay: 1000)
                }
                return FinishedQueue(queue, leaseToken: "t", outcome)
            }
            let holder = try database.migrationConnection()
            try holder.execute("BEGIN; SELECT 1 FROM delivery_queue WHERE resource_arn = '\(arns[1])' FOR UPDATE")
            let rest = try await store.finishQueues(finished)
            #expect(rest.map(\.queue.resourceARN) == [arns[1]])
            // What became of both is written down all the same, once.
            func written() throws -> [[SQLValue]] { try database.rows("SELECT state, attempts FROM delivery") }
            let expected: [[SQLValue]] = Array(repeating: [.text(haveArrived ? "DELIVERED" : "PENDING"), .integer(1)], count: 2)
            #expect(try written() == expected)
            try holder.execute("ROLLBACK")
            for queue in rest { try await store.endLease(of: queue) }
            #expect(try written() == expected)
            #expect(try database.rows("SELECT count(*) FROM delivery_attempt") == [[.integer(haveArrived ? 0 : 2)]])
            let queue: [SQLValue] = [.null, .integer(database.clock.now + 1000)]
            #expect(try database.rows("SELECT lease_token, available_at FROM delivery_queue") == (haveArrived ? [] : [queue, queue]))
        }
    }

    @Test(arguments: Engine.allCases) func `one queue's backlog does not hide another's events`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.subscribe("all")
            _ = try await store.create(.named("a"))
            try await store.retag("a", 39)
            _ = try await store.create(.named("b"))
            let queues = try await store.claimQueues(of: "all", leaseToken: "t", lease: 1000, limit: 10)
            #expect(queues.count == 2)
            let waiting = try await store.waitingEvents(in: queues, leaseToken: "t", limit: 16)
            #expect(waiting.map(\.event.sequence) == Array(1...16) + [1])
        }
    }
}

/// Something that becomes true once.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }

    func raise() { value.store(true, ordering: .releasing) }
}
