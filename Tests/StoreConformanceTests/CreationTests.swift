import SQL
import TestSupport
import Testing

@testable import Store

@Suite struct CreationTests {
    private static func usage(_ database: TestDatabase) throws -> [[SQLValue]] {
        try database.rows("SELECT stream_count FROM account_usage ORDER BY account, region")
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
                        name: "gate", arn: "arn:prefix/\(TestClock.start)", creationTime: TestClock.start, status: "CREATING",
                        version: "v1",
                        deviceName: nil, mediaType: "video/h264", kmsKeyID: "a-key", dataRetentionInHours: 48, defaultStorageTier: "WARM"))
            #expect(try await store.tagList(.named("gate")) == ["a=", "b=2"])
            #expect(try await store.history("arn:prefix/\(TestClock.start)") == ["CreateStream CREATING"])
            #expect(try await store.nextTaskDue() == 300)
            #expect(try database.rows("SELECT stream_count, last_deleted_creation_time FROM account_usage") == [[1, 0]])
            #expect(try database.rows("SELECT tag_count FROM stream") == [[2]])
        }
    }

    @Test(arguments: Engine.allCases) func `a name is free once its stream is gone, in each account and region by itself`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func create(_ new: NewStream) async throws -> String {
                try await store.createStream(new, quota: 10, activationDelay: 0, .fresh()).word
            }
            #expect(try await create(.named("gate")) == "created")
            #expect(try await create(.named("gate")) == "name in use")
            #expect(try await create(.named("Gate")) == "created")
            #expect(try await create(.named("gate", account: "444455556666")) == "created")
            #expect(try await create(.named("gate", region: "us-east-1")) == "created")
            #expect(try Self.usage(database) == [[2], [1], [1]])
            try await store.finishTasks()
            #expect(try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh()).word == "accepted")
            #expect(try await create(.named("gate")) == "name in use")
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate")) == nil)
            #expect(try Self.usage(database) == [[1], [1], [1]])
            #expect(try await create(.named("gate")) == "created")
        }
    }

    @Test(arguments: Engine.allCases) func `the quota is exact`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func create(_ new: NewStream) async throws -> String {
                try await store.createStream(new, quota: 2, activationDelay: 0, .fresh()).word
            }
            #expect(try await create(.named("a")) == "created")
            #expect(try await create(.named("a")) == "name in use")
            #expect(try await create(.named("b")) == "created")
            #expect(try await create(.named("c")) == "quota reached")
            // Whoever creates what is there hears so, also where nothing more may be created.
            #expect(try await create(.named("a")) == "name in use")
            #expect(try await create(.named("a", account: "444455556666")) == "created")
            try await store.finishTasks()
            _ = try await store.delete(.named("a"), expectedVersion: nil, removalDelay: 0, .fresh())
            #expect(try await create(.named("c")) == "quota reached")
            try await store.finishTasks()
            #expect(try await create(.named("c")) == "created")
            #expect(try await create(.named("d")) == "quota reached")
        }
    }

    @Test(arguments: Engine.allCases) func `the quota is exact among many at once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let words = try await withThrowingTaskGroup(of: String.self) { group in
                for number in 0..<24 {
                    group.addTask {
                        try await store.createStream(.named("s\(number % 12)"), quota: 5, activationDelay: 0, .fresh("CreateStream")).word
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(words.filter { $0 == "created" }.count == 5)
            #expect(try Self.usage(database) == [[5]])
            #expect(try database.rows("SELECT count(*) FROM stream") == [[5]])
            #expect(try database.rows("SELECT count(*) FROM event") == [[5]])
            #expect(try database.rows("SELECT count(*) FROM task") == [[5]])
        }
    }

    @Test(arguments: Engine.allCases) func `one of many creations of a name succeeds`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let words = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await store.createStream(.named("one"), quota: .max, activationDelay: 0, .fresh("CreateStream")).word
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(words.sorted() == ["created"] + Array(repeating: "name in use", count: 11))
            #expect(try Self.usage(database) == [[1]])
        }
    }

    @Test(arguments: Engine.allCases, [0, -3_600_000, 1]) func `an ARN is new whatever the clock does`(_ engine: Engine, _ step: Int64)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            var times: [Int64] = []
            for _ in 0..<4 {
                let stream = try await store.createActive("gate")
                times.append(stream.creationTime)
                #expect(stream.arn.hasSuffix("/\(stream.creationTime)"))
                _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh())
                try await store.finishTasks()
                try database.clock.advance(by: step)
                // A stream that was created earlier and is removed later must not take the mark back.
                if step < 0 {
                    _ = try await store.createActive("other")
                    _ = try await store.delete(.named("other"), expectedVersion: nil, removalDelay: 0, .fresh())
                    try await store.finishTasks()
                }
            }
            #expect(times == times.sorted())
            #expect(Set(times).count == 4)
        }
    }

    @Test(arguments: Engine.allCases) func `removing an older stream does not free the times of younger ones`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await store.createActive("older")
            try database.clock.advance(by: 1000)
            let younger = try await store.createActive("younger")
            for name in ["younger", "older"] {
                _ = try await store.delete(.named(name), expectedVersion: nil, removalDelay: 0, .fresh())
                try await store.finishTasks()
            }
            try database.clock.advance(by: -500)
            #expect(try await store.createActive("younger").creationTime > younger.creationTime)
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
            for table in ["stream", "tag", "task", "event", "account_usage"] {
                #expect(try database.rows("SELECT count(*) FROM \(table)") == [[0]])
            }
        }
    }

    @Test(arguments: Engine.allCases) func `the ARN of an earlier incarnation means nothing any more`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let first = try await store.createActive("gate")
            let old = ResourceKey.named("gate", creationTime: first.creationTime)
            #expect(try await store.stream(old) == first)
            _ = try await store.delete(old, expectedVersion: first.version, removalDelay: 0, .fresh())
            try await store.finishTasks()
            let second = try await store.createActive("gate", tags: [TagRecord(key: "a", value: "1")])
            #expect(try await store.stream(old) == nil)
            #expect(try await store.tags(old) == nil)
            #expect(try await store.updateStream(old, .expecting(second.version), activationDelay: 0, .fresh()).word == "not found")
            #expect(try await store.setTags(old, [TagRecord(key: "a", value: "2")], .fresh()).word == "not found")
            #expect(try await store.removeTags(old, keys: ["a"], .fresh()).word == "not found")
            #expect(try await store.delete(old, expectedVersion: nil, removalDelay: 0, .fresh()).word == "not found")
            #expect(try await store.stream(.named("gate", creationTime: second.creationTime)) == second)
            #expect(try await store.tagList(.named("gate")) == ["a=1"])
            #expect(try await store.history(second.arn) == ["CreateStream CREATING", "StreamStatusChange ACTIVE"])
        }
    }
}
