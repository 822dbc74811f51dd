import SQL
import TestSupport
import Testing

@testable import Store

@Suite struct CreationTests {
    /// What each account and region counts of a kind.
    private static func usage(_ database: TestDatabase, _ kind: ResourceKind) throws -> [[SQLValue]] {
        try database.rows("SELECT \(kind)_count FROM account_usage ORDER BY account, region")
    }

    @Test(arguments: Engine.allCases) func `a stream is created as asked for`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let new = NewStream(
                key: .named("gate"), arnPrefix: "arn:prefix/", version: "v1", deviceName: nil, mediaType: "video/h264", kmsKeyID: "a-key",
                dataRetentionInHours: 48, defaultStorageTier: "WARM",
                tags: [TagRecord(key: "b", value: "2"), TagRecord(key: "a", value: "")])
            let creation = try await store.createStream(new, quota: 1, activationDelay: 300, .fresh("CreateStream"))
            #expect(creation.arn == "arn:prefix/\(TestClock.start)")
            #expect(
                try await store.stream(.named("gate"))
                    == StreamRecord(
                        name: "gate", arn: "arn:prefix/\(TestClock.start)", creationTime: TestClock.start, status: .creating,
                        version: "v1",
                        deviceName: nil, mediaType: "video/h264", kmsKeyID: "a-key", dataRetentionInHours: 48, defaultStorageTier: "WARM"))
            #expect(try await store.tagList(.named("gate")) == ["a=", "b=2"])
            #expect(try await store.history("arn:prefix/\(TestClock.start)") == ["CreateStream CREATING"])
            #expect(try await store.nextTaskDue() == 300)
            #expect(
                try database.rows("SELECT stream_count, channel_count, last_deleted_creation_time FROM account_usage") == [[1, 0, 0]])
            #expect(try database.rows("SELECT tag_count FROM stream") == [[2]])
            #expect(try await store.configurations(.named("gate")) == StreamConfigurations(imageGeneration: nil, notification: nil))
        }
    }

    @Test(arguments: Engine.allCases) func `a channel is created as asked for`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let new = NewChannel(
                key: .named("door", kind: .channel), arnPrefix: "arn:prefix/", version: "v1", channelType: "SINGLE_MASTER",
                messageTtlSeconds: 5, tags: [TagRecord(key: "b", value: "2"), TagRecord(key: "a", value: "")])
            let creation = try await store.createChannel(new, quota: 1, activationDelay: 300, .fresh("CreateSignalingChannel"))
            #expect(creation.arn == "arn:prefix/\(TestClock.start)")
            #expect(
                try await store.channel(new.key)
                    == ChannelRecord(
                        name: "door", arn: "arn:prefix/\(TestClock.start)", creationTime: TestClock.start, status: .creating,
                        version: "v1", channelType: "SINGLE_MASTER", messageTtlSeconds: 5, mediaStorageStreamARN: nil))
            #expect(try await store.tagList(new.key) == ["a=", "b=2"])
            #expect(try await store.history("arn:prefix/\(TestClock.start)") == ["CreateSignalingChannel CREATING"])
            #expect(try await store.nextTaskDue() == 300)
            #expect(
                try database.rows("SELECT stream_count, channel_count, last_deleted_creation_time FROM account_usage") == [[0, 1, 0]])
            #expect(try database.rows("SELECT tag_count FROM channel") == [[2]])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `a name is free once its resource is gone, in each account and region by itself`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let gate = ResourceKey.named("gate", kind: kind)
            func create(_ key: ResourceKey) async throws -> String { try await store.createResource(key, quota: 10, .fresh()).word }
            #expect(try await create(gate) == "created")
            #expect(try await create(gate) == "name in use")
            #expect(try await create(.named("Gate", kind: kind)) == "created")
            #expect(try await create(.named("gate", kind: kind, account: "444455556666")) == "created")
            #expect(try await create(.named("gate", kind: kind, region: "us-east-1")) == "created")
            #expect(try Self.usage(database, kind) == [[2], [1], [1]])
            try await store.finishTasks()
            #expect(try await store.delete(gate, expectedVersion: nil, removalDelay: 0, .fresh()).word == "accepted")
            #expect(try await create(gate) == "name in use")
            try await store.finishTasks()
            #expect(try await store.state(gate) == nil)
            #expect(try Self.usage(database, kind) == [[1], [1], [1]])
            #expect(try await create(gate) == "created")
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `the quota is exact`(_ engine: Engine, _ kind: ResourceKind) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func create(_ name: String, account: String = Fixture.account) async throws -> String {
                try await store.createResource(.named(name, kind: kind, account: account), quota: 2, .fresh()).word
            }
            #expect(try await create("a") == "created")
            #expect(try await create("a") == "name in use")
            #expect(try await create("b") == "created")
            #expect(try await create("c") == "quota reached")
            // Whoever creates what is there hears so, also where nothing more may be created.
            #expect(try await create("a") == "name in use")
            #expect(try await create("a", account: "444455556666") == "created")
            try await store.finishTasks()
            _ = try await store.delete(.named("a", kind: kind), expectedVersion: nil, removalDelay: 0, .fresh())
            #expect(try await create("c") == "quota reached")
            try await store.finishTasks()
            #expect(try await create("c") == "created")
            #expect(try await create("d") == "quota reached")
        }
    }

    @Test(arguments: Engine.allCases) func `streams and channels have names and quotas of their own`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func create(_ kind: ResourceKind, _ name: String) async throws -> String {
                try await store.createResource(.named(name, kind: kind), quota: 1, .fresh()).word
            }
            for kind in ResourceKind.allCases {
                #expect(try await create(kind, "gate") == "created")
                #expect(try await create(kind, "more") == "quota reached")
            }
            #expect(try database.rows("SELECT stream_count, channel_count FROM account_usage") == [[1, 1]])
            try await store.finishTasks()
            try await store.deleteAtOnce(.named("gate", kind: .channel))
            #expect(try database.rows("SELECT stream_count, channel_count FROM account_usage") == [[1, 0]])
            #expect(try await create(.stream, "more") == "quota reached")
            #expect(try await create(.channel, "more") == "created")
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `the quota is exact among many at once`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            // Those of the other kind take turns with them, and do not count.
            let words = try await atOnce(36) { number in
                let isOther = number % 3 == 0
                let own = ResourceKind.allCases.filter { ($0 == kind) != isOther }
                let word = try await store.createResource(.named("s\(number % 12)", kind: own[0]), quota: isOther ? .max : 5, .fresh()).word
                return isOther ? "other" : word
            }
            #expect(words.filter { $0 == "created" }.count == 5)
            #expect(try Self.usage(database, kind) == [[5]])
            #expect(try database.rows("SELECT count(*) FROM \(kind)") == [[5]])
            #expect(try database.rows("SELECT count(*) FROM event WHERE resource_arn LIKE '%:\(kind)/%'") == [[5]])
            #expect(try database.rows("SELECT count(*) FROM task WHERE kind = 'activate-\(kind)'") == [[5]])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `one of many creations of a name succeeds`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let words = try await atOnce(12) { _ in try await store.createResource(.named("one", kind: kind), .fresh()).word }
            #expect(words.sorted() == ["created"] + Array(repeating: "name in use", count: 11))
            #expect(try Self.usage(database, kind) == [[1]])
        }
    }

    private static let places = Engine.allCases.flatMap { engine in ResourceKind.allCases.map { (engine, $0) } }

    @Test(arguments: places, [0, -3_600_000, 1]) func `an ARN is new whatever the clock does`(
        _ place: (Engine, ResourceKind), _ step: Int64
    ) async throws {
        let (engine, kind) = place
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            var times: [Int64] = []
            for _ in 0..<4 {
                times.append(try #require(try await store.createActive(key).creationTime))
                try await store.deleteAtOnce(key)
                try database.clock.advance(by: step)
                // What was created earlier and is removed later must not take the mark back.
                if step < 0 {
                    try await store.createActive(.named("other", kind: kind))
                    try await store.deleteAtOnce(.named("other", kind: kind))
                }
            }
            #expect(times == times.sorted())
            #expect(Set(times).count == 4)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `removing what is older does not free the times of what is younger`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let (older, younger) = (ResourceKey.named("older", kind: kind), ResourceKey.named("younger", kind: kind))
            try await store.createActive(older)
            try database.clock.advance(by: 1000)
            let first = try #require(try await store.createActive(younger).creationTime)
            try await store.deleteAtOnce(younger)
            try await store.deleteAtOnce(older)
            try database.clock.advance(by: -500)
            let second = try #require(try await store.createActive(younger).creationTime)
            #expect(second > first)
        }
    }

    @Test(arguments: Engine.allCases) func `what accounts have is counted by region, and read in pages`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for (account, region, kind, name) in [
                ("222222222222", "a-1", ResourceKind.stream, "s"), ("111111111111", "b-1", .channel, "c"),
                ("111111111111", "a-1", .stream, "s"), ("111111111111", "a-1", .stream, "t"), ("111111111111", "a-1", .channel, "c"),
            ] {
                _ = try await store.createResource(ResourceKey(kind, account: account, region: region, name: name), .fresh())
            }
            var pages: [[AccountUsage]] = []
            repeat { pages.append(try await store.usage(after: pages.last?.last, limit: 2)) } while pages.last?.count == 2
            #expect(
                pages.map { $0.map { "\($0.account) \($0.region) \($0.streams) \($0.channels)" } } == [
                    ["111111111111 a-1 2 1", "111111111111 b-1 0 1"], ["222222222222 a-1 1 0"],
                ])
        }
    }

    @Test(arguments: Engine.allCases) func `a creation that a constraint refuses leaves nothing`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database async throws in
            let store = Store(database.database)
            let tags = (0..<51).map { TagRecord(key: "k\($0)", value: "v") }
            for new in [NewStream.named("gate", tags: tags), .named("gate", retention: 87_601)] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await store.createStream(new, quota: .max, activationDelay: 0, .fresh())
                }
                #expect(error?.kind == .mistake)
            }
            let key = ResourceKey.named("gate", kind: .channel)
            let impatient = NewChannel(
                key: key, arnPrefix: "arn:prefix/", version: "v", channelType: "SINGLE_MASTER", messageTtlSeconds: 4, tags: [])
            for new in [NewChannel.named("gate", tags: tags), impatient] {
                let error = await #expect(throws: DatabaseError.self) {
                    try await store.createChannel(new, quota: .max, activationDelay: 0, .fresh())
                }
                #expect(error?.kind == .mistake)
            }
            for table in ["stream", "channel", "tag", "task", "event", "account_usage"] {
                #expect(try database.rows("SELECT count(*) FROM \(table)") == [[0]])
            }
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `the ARN of an earlier incarnation means nothing any more`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let first = try await store.createActive(key)
            let old = ResourceKey.named("gate", kind: kind, creationTime: first.creationTime)
            #expect(try await store.state(old) == first)
            try await store.deleteAtOnce(old)
            let second = try await store.createActive(key, tags: [TagRecord(key: "a", value: "1")])
            #expect(try await store.state(old) == nil)
            switch kind {
            case .stream: #expect(try await store.stream(old) == nil)
            case .channel: #expect(try await store.channel(old) == nil)
            }
            #expect(try await store.tags(old) == nil)
            #expect(try await store.update(old, expecting: second.version, .fresh()).word == "not found")
            #expect(try await store.setTags(old, [TagRecord(key: "a", value: "2")], .fresh()).word == "not found")
            #expect(try await store.removeTags(old, keys: ["a"], .fresh()).word == "not found")
            #expect(try await store.delete(old, expectedVersion: nil, removalDelay: 0, .fresh()).word == "not found")
            #expect(try await store.state(.named("gate", kind: kind, creationTime: second.creationTime)) == second)
            #expect(try await store.tagList(key) == ["a=1"])
            #expect(
                try await store.history(second.arn) == ["\(kind.createOperation) CREATING", "\(kind.statusChangeEvent.rawValue) ACTIVE"])
        }
    }
}
