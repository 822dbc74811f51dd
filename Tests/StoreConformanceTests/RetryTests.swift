import SQL
import Store
import TestSupport
import Testing

/// Clients that lost an answer and make the same call again.
@Suite struct RetryTests {
    private static func create(_ store: Store, _ change: Change) async throws -> Creation {
        try await store.createStream(.named("gate"), quota: 1, activationDelay: 0, change)
    }

    @Test(arguments: Engine.allCases) func `a repeated creation has the same answer, another call has not`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try #require(try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn)
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn == arn)
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i", bodyHash: "other")).word == "name in use")
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "j")).word == "name in use")
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i", keyID: "AKIAOTHER")).word == "name in use")
            #expect(try await Self.create(store, .fresh("OtherOperation", invocation: "i")).word == "name in use")
            #expect(try await Self.create(store, .fresh("CreateStream")).word == "name in use")
            try await store.finishTasks()
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn == arn)
            #expect(try await store.history(arn) == ["CreateStream CREATING", "StreamStatusChange ACTIVE"])
            #expect(try database.rows("SELECT stream_count FROM account_usage") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases) func `a creation is not repeated once the stream was deleted`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try #require(try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn)
            try await store.finishTasks()
            _ = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream"))
            try await store.finishTasks()
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn == arn)
            #expect(try await store.stream(.named("gate")) == nil)
            #expect(try database.rows("SELECT stream_count FROM account_usage") == [[0]])
        }
    }

    @Test(arguments: Engine.allCases) func `many repetitions at once have one answer`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arns = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<12 { group.addTask { try await Self.create(store, .fresh("CreateStream", invocation: "i")).arn } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(arns).count == 1 && arns.first != .some(nil))
            #expect(try database.rows("SELECT count(*) FROM event") == [[1]])
            #expect(try database.rows("SELECT count(*) FROM answered_mutation") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated update is accepted and changes nothing more`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            func update(_ invocation: String, _ bodyHash: String = "hash") async throws -> String {
                let update = StreamUpdate(expectedVersion: stream.version, newVersion: Fixture.token(), retentionChangeInHours: 1)
                return try await store.updateStream(
                    .named("gate"), update, activationDelay: 0, .fresh("UpdateDataRetention", invocation: invocation, bodyHash: bodyHash)
                ).word
            }
            #expect(try await update("i") == "accepted")
            let updated = try #require(try await store.stream(.named("gate")))
            #expect(try await update("i") == "accepted")
            #expect(try await update("i", "other") == "refused: UPDATING")
            try await store.finishTasks()
            #expect(try await update("i") == "accepted")
            #expect(try await update("j") == "refused: ACTIVE")
            #expect(try await store.stream(.named("gate"))?.version == updated.version)
            #expect(try await store.stream(.named("gate"))?.dataRetentionInHours == 25)
            #expect(try await store.history(stream.arn).count == 4)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated deletion is accepted, also once the stream is gone or made anew`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let key = ResourceKey.named("gate", creationTime: stream.creationTime)
            func delete(_ invocation: String?) async throws -> String {
                try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("DeleteStream", invocation: invocation))
                    .word
            }
            #expect(try await delete("i") == "accepted")
            #expect(try await delete("i") == "accepted")
            #expect(try await delete("j") == "refused: DELETING")
            try await store.finishTasks()
            #expect(try await delete("i") == "accepted")
            #expect(try await delete(nil) == "not found")
            let second = try await store.createActive("gate")
            #expect(try await delete("i") == "accepted")
            #expect(try await store.stream(.named("gate")) == second)
            #expect(try await store.history(stream.arn).count == 4)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated change of tags is accepted and not made again`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate")
            let arn = try await store.createActive("gate").arn
            func set(_ value: String, _ invocation: String) async throws -> String {
                try await store.setTags(
                    key, [TagRecord(key: "a", value: value)], .fresh("TagStream", invocation: invocation, bodyHash: value)
                ).word
            }
            #expect(try await set("1", "i") == "accepted")
            #expect(try await set("2", "j") == "accepted")
            #expect(try await set("1", "i") == "accepted")
            #expect(try await store.tagList(key) == ["a=2"])
            func remove(_ invocation: String) async throws -> String {
                try await store.removeTags(key, keys: ["a"], .fresh("UntagStream", invocation: invocation)).word
            }
            #expect(try await remove("k") == "accepted")
            #expect(try await set("3", "l") == "accepted")
            #expect(try await remove("k") == "accepted")
            #expect(try await store.tagList(key) == ["a=3"])
            #expect(try await store.history(arn).count == 6)
        }
    }

    @Test(arguments: Engine.allCases) func `an answer is forgotten by housekeeping`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            _ = try await Self.create(store, .fresh("CreateStream", invocation: "i"))
            try database.clock.advance(by: 1000)
            #expect(try await store.removeAnsweredMutations(olderThan: 1000, limit: 10) == 0)
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i")).word == "created")
            try database.clock.advance(by: 1)
            #expect(try await store.removeAnsweredMutations(olderThan: 1000, limit: 10) == 1)
            #expect(try await Self.create(store, .fresh("CreateStream", invocation: "i")).word == "name in use")
        }
    }
}
