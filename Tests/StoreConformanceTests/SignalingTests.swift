import SQL
import Store
import TestSupport
import Testing

/// Who is connected to a channel, and what waits for who is not, on both engines.
@Suite struct SignalingTests {
    /// A channel that there is, as one incarnation.
    private static func channel(_ store: Store, _ name: String = "door") async throws -> ResourceKey {
        let found = try await store.createActiveChannel(name)
        return .named(name, kind: .channel, creationTime: found.creationTime)
    }

    private static func connect(
        _ store: Store, _ channel: ResourceKey, _ client: String, _ session: String, at instance: String = "here", viewers: Int64 = 100
    ) async throws -> Connecting.Connected? {
        let presence = Presence(channel: channel, client: client, session: session)
        guard case .connected(let connected) = try await store.connect(presence, instance: instance, viewers: viewers) else { return nil }
        return connected
    }

    private static func keep(
        _ store: Store, _ channel: ResourceKey, _ payload: String, _ kind: String = "ICE_CANDIDATE", from sender: String = "phone",
        to client: String = "", at instance: String = "here"
    ) async throws -> Keeping {
        try await store.keep(
            MailboxRecord(sequence: 0, sender: sender, kind: kind, payload: payload), for: client, of: channel, instance: instance)
    }

    private static func beat(_ store: Store, _ id: String) async throws {
        try await store.beat(
            InstanceRecord(
                id: id, host: "h", processID: 1, version: "1", roles: "signaling", schemaVersion: 11, status: .running,
                requestsPerSecond: 0,
                leasedTasks: 0))
    }

    @Test(arguments: Engine.allCases) func `the newest connection of a client is the one that counts`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            let first = try #require(try await Self.connect(store, door, "", "a"))
            #expect(first.channelARN.hasSuffix("channel/door/\(door.creationTime ?? 0)"))
            #expect(first.messageTtlSeconds == 60 && !first.storesMedia && first.waiting.isEmpty)
            let second = try #require(try await Self.connect(store, door, "", "b", at: "there"))
            #expect(second.sequence > first.sequence)
            // The older one's end changes nothing.
            try await store.disconnect(Presence(channel: door, client: "", session: "a"))
            try await Self.beat(store, "there")
            #expect(try await store.presences(of: door).map(\.session) == ["b"])
            #expect(try await store.presences(ofInstance: "there").map(\.0.session) == ["b"])
            #expect(try await store.presences(ofInstance: "here").isEmpty)
            try await store.disconnect(Presence(channel: door, client: "", session: "b"))
            #expect(try await store.presences(of: door).isEmpty)
            let counts = try await store.connectionCounts()
            #expect(counts.masters == 0 && counts.viewers == 0)
        }
    }

    @Test(arguments: Engine.allCases) func `no more viewers than may, each counted once and while its instance lives`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            try await Self.beat(store, "there")
            #expect(try await Self.connect(store, door, "one", "a", viewers: 2) != nil)
            #expect(try await Self.connect(store, door, "two", "b", at: "there", viewers: 2) != nil)
            #expect(try await Self.connect(store, door, "three", "c", viewers: 2) == nil)
            // Masters are not viewers, nor are those who only wait for an answer; and who is there already takes no further place.
            #expect(try await Self.connect(store, door, "", "m", viewers: 2) != nil)
            #expect(try await Self.connect(store, door, "AWS_ALEXA_x", "x", viewers: .max) != nil)
            #expect(try await Self.connect(store, door, "two", "d", at: "there", viewers: 2) != nil)
            #expect(try await Self.connect(store, door, "three", "c", viewers: 2) == nil)
            // An instance that is gone gives its places back.
            try database.execute("UPDATE instance SET heartbeat_at = heartbeat_at - 20000 WHERE id = 'there'")
            #expect(try await Self.connect(store, door, "three", "c", viewers: 2) != nil)
            try await store.removePresences(ofInstancesSilentFor: 15_000)
            #expect(try await store.presences(ofInstance: "there").isEmpty)
        }
    }

    @Test(arguments: Engine.allCases) func `many viewers at once get no more places than there are`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            let connected = try await withThrowingTaskGroup(of: Bool.self) { tasks in
                for number in 0..<20 {
                    tasks.addTask { try await Self.connect(store, door, "v\(number)", "s\(number)", viewers: 5) != nil }
                }
                return try await tasks.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(connected == 5)
        }
    }

    @Test(arguments: Engine.allCases) func `a channel that is about to go, or of another incarnation, connects nobody`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            #expect(try await Self.connect(store, .named("door", kind: .channel, creationTime: 1), "", "a") == nil)
            #expect(try await Self.connect(store, door, "", "a") != nil)
            try database.execute("UPDATE channel SET status = 'DELETING'")
            #expect(try await Self.connect(store, door, "", "b") == nil)
            guard case .channelNotFound = try await Self.keep(store, door, "x") else {
                Issue.record("a message was left")
                return
            }
            #expect(try await store.presences(ofInstance: "here").map(\.isWanted) == [false])
        }
    }

    @Test(arguments: Engine.allCases) func `whether media is stored is told with the connection`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            let stream = try await store.createActive("gate")
            #expect(try await Self.connect(store, door, "", "a")?.storesMedia == false)
            _ = try await store.enableMediaStorage(
                .named("door", kind: .channel), stream: .named("gate"), streamARN: stream.arn, .fresh("UpdateMediaStorageConfiguration"))
            #expect(try await Self.connect(store, door, "", "b")?.storesMedia == true)
        }
    }

    @Test(arguments: Engine.allCases) func `what waits is handed over once, in order, to the connection that is there`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            for payload in ["1", "2", "3"] {
                guard case .kept(at: nil) = try await Self.keep(store, door, payload) else {
                    Issue.record("\(payload) was not kept for somebody absent")
                    continue
                }
            }
            #expect(try await store.takeMessages(for: Presence(channel: door, client: "", session: "nobody")).isEmpty)
            #expect(try await Self.connect(store, door, "", "a")?.waiting.map(\.payload) == ["1", "2", "3"])
            #expect(try await Self.connect(store, door, "", "b")?.waiting.isEmpty == true)
            // For somebody who is there the message tells where.
            guard case .kept(let place?) = try await Self.keep(store, door, "4") else {
                Issue.record("it is not known where the master is")
                return
            }
            #expect(place == Place(instance: "here", session: "b"))
            #expect(try await store.takeMessages(for: Presence(channel: door, client: "", session: "a")).isEmpty)
            #expect(try await store.takeMessages(for: Presence(channel: door, client: "", session: "b")).map(\.payload) == ["4"])
        }
    }

    @Test(arguments: Engine.allCases) func `a new offer takes the place of all, a new answer of the answer before`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            for (payload, kind, sender) in [
                ("old", "SDP_OFFER", "phone"), ("old1", "ICE_CANDIDATE", "phone"), ("other", "SDP_OFFER", "tablet"),
                ("new", "SDP_OFFER", "phone"), ("new1", "ICE_CANDIDATE", "phone"),
            ] { _ = try await Self.keep(store, door, payload, kind, from: sender) }
            #expect(try await Self.connect(store, door, "", "a")?.waiting.map(\.payload) == ["other", "new", "new1"])
            for (payload, kind) in [("old", "SDP_ANSWER"), ("c", "ICE_CANDIDATE"), ("new", "SDP_ANSWER")] {
                _ = try await Self.keep(store, door, payload, kind, from: "", to: "phone")
            }
            #expect(try await Self.connect(store, door, "phone", "b")?.waiting.map(\.payload) == ["c", "new"])
        }
    }

    @Test(arguments: Engine.allCases) func `no more waits than may, and not for longer`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            for number in 0..<50 { _ = try await Self.keep(store, door, "\(number)") }
            guard case .full = try await Self.keep(store, door, "one more") else {
                Issue.record("51 wait for one pair")
                return
            }
            guard case .kept = try await Self.keep(store, door, "other", from: "tablet") else {
                Issue.record("another sender has room of its own")
                return
            }
            // What waits in a channel is bounded as a whole: one large message is taken, and nothing after it.
            guard case .kept = try await Self.keep(store, door, String(repeating: "x", count: 1 << 20), from: "third"),
                case .full = try await Self.keep(store, door, "small", from: "fourth")
            else {
                Issue.record("more waits in the channel than may")
                return
            }
            try database.execute("UPDATE mailbox SET expires_at = expires_at - 60000")
            // What waited for too long takes nobody's room, though it is not removed yet.
            guard case .kept = try await Self.keep(store, door, "later") else {
                Issue.record("what does not wait any more is counted")
                return
            }
            #expect(try await Self.connect(store, door, "", "a")?.waiting.map(\.payload) == ["later"])
            #expect(try database.rows("SELECT count(*) FROM mailbox") == [[0]])
        }
    }

    @Test(arguments: Engine.allCases) func `another instance's clients get what was left for them`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let door = try await Self.channel(store)
            try await Self.beat(store, "there")
            _ = try await Self.connect(store, door, "", "m", at: "there")
            for payload in ["1", "2"] {
                guard case .kept(let place?) = try await Self.keep(store, door, payload) else {
                    Issue.record("it is not known where the master is")
                    continue
                }
                #expect(place == Place(instance: "there", session: "m"))
            }
            #expect(try await store.sessionsWithMail(ofInstance: "here").isEmpty)
            #expect(try await store.sessionsWithMail(ofInstance: "there") == ["m"])
            #expect(try await store.takeMessages(for: Presence(channel: door, client: "", session: "m")).map(\.payload) == ["1", "2"])
            #expect(try await store.sessionsWithMail(ofInstance: "there").isEmpty)
            try await Self.beat(store, "here")
            // Who connects is told where the master is, and whose place it takes.
            let viewer = try #require(try await Self.connect(store, door, "phone", "v"))
            #expect(viewer.master == Place(instance: "there", session: "m") && viewer.superseded == nil)
            let again = try #require(try await Self.connect(store, door, "phone", "w", at: "there"))
            #expect(again.superseded == Place(instance: "here", session: "v"))
            #expect(try await Self.connect(store, door, "", "n")?.master == nil)
            // What nobody fetches goes.
            _ = try await Self.keep(store, door, "3", to: "nobody")
            try database.execute("UPDATE mailbox SET expires_at = expires_at - 61000")
            #expect(try await store.removeExpiredMessages(limit: 10) == 1)
            try await store.removePresences(ofInstance: "there")
            #expect(try await store.presences(ofInstance: "there").isEmpty)
        }
    }
}
