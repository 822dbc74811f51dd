import SQL
import TestSupport
import Testing

@testable import Store

/// Clients that lost an answer and make the same call again.
@Suite struct RetryTests {
    private static func create(_ store: Store, _ kind: ResourceKind, _ change: Change) async throws -> Creation {
        try await store.createResource(.named("gate", kind: kind), quota: 1, change)
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a repeated creation has the same answer, another call has not`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try #require(try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn)
            #expect(try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn == arn)
            for other in [
                Change.fresh("Create", invocation: "i", bodyHash: "other"), .fresh("Create", invocation: "j"),
                .fresh("Create", invocation: "i", keyID: "AKIAOTHER"), .fresh("OtherOperation", invocation: "i"), .fresh("Create"),
            ] {
                #expect(try await Self.create(store, kind, other).word == "name in use")
            }
            try await store.finishTasks()
            #expect(try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn == arn)
            #expect(try await store.history(arn) == ["Create CREATING", "\(kind.statusChangeEvent.rawValue) ACTIVE"])
            #expect(try database.rows("SELECT \(kind)_count FROM account_usage") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a creation is not repeated once the resource was deleted`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try #require(try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn)
            try await store.finishTasks()
            try await store.deleteAtOnce(.named("gate", kind: kind))
            #expect(try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn == arn)
            #expect(try await store.state(.named("gate", kind: kind)) == nil)
            #expect(try database.rows("SELECT \(kind)_count FROM account_usage") == [[0]])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `many repetitions at once have one answer`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arns = try await atOnce(12) { _ in try await Self.create(store, kind, .fresh("Create", invocation: "i")).arn }
            #expect(Set(arns).count == 1 && arns.first != .some(nil))
            #expect(try database.rows("SELECT count(*) FROM event") == [[1]])
            #expect(try database.rows("SELECT count(*) FROM answered_mutation") == [[0]])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a removal keeps the answer of a creation that may be repeated still`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for (age, kept) in [(Store.answerRetention, 1), (Store.answerRetention + 1, 0)] as [(Int64, Int64)] {
                let arn = try #require(try await Self.create(store, kind, .fresh("Create", invocation: "after \(age)")).arn)
                try await store.finishTasks()
                try database.clock.advance(by: age)
                try await store.deleteAtOnce(.named("gate", kind: kind))
                #expect(
                    try database.rows(
                        "SELECT count(*) FROM answered_mutation WHERE operation = 'Create' AND answer = '\(arn)' AND invocation_id = 'after \(age)'"
                    ) == [[.integer(kept)]])
            }
        }
    }

    @Test(arguments: Engine.allCases) func `a creation that an older program answered is not repeated`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try await store.create(.named("gate"), .fresh("Create"))
            try database.execute("INSERT INTO answered_mutation SELECT key_id, 'i', type, 'hash', resource_arn, occurred_at FROM event")
            #expect(try await Self.create(store, .stream, .fresh("Create", invocation: "i")).arn == arn)
            try await store.finishTasks()
            try await store.deleteAtOnce(.named("gate"))
            #expect(try await Self.create(store, .stream, .fresh("Create", invocation: "i")).arn == arn)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated update is accepted and changes nothing more`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            func update(_ invocation: String, _ bodyHash: String = "hash") async throws -> String {
                try await store.updateStream(
                    .named("gate"), .expecting(stream.version, retentionChangeInHours: 1), activationDelay: 0,
                    .fresh("UpdateDataRetention", invocation: invocation, bodyHash: bodyHash)
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

    @Test(arguments: Engine.allCases) func `a repeated update of a channel is accepted and changes nothing more`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let channel = try await store.createActiveChannel("door")
            let key = ResourceKey.named("door", kind: .channel)
            func update(_ version: String, _ seconds: Int64, _ invocation: String) async throws -> String {
                try await store.updateChannel(
                    key, .expecting(version, messageTtlSeconds: seconds), activationDelay: 0, .fresh("Update", invocation: invocation)
                ).word
            }
            #expect(try await update(channel.version, 70, "i") == "accepted")
            try await store.finishTasks()
            let second = try #require(try await store.channel(key)?.version)
            #expect(try await update(second, 80, "j") == "accepted")
            try await store.finishTasks()
            #expect(try await update(channel.version, 70, "i") == "accepted")
            #expect(try await update(channel.version, 70, "k") == "refused: ACTIVE")
            #expect(try await store.channel(key)?.messageTtlSeconds == 80)
            #expect(try await store.history(channel.arn).count == 6)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `a repeated deletion is accepted, also once the resource is gone or made anew`(_ engine: Engine, _ kind: ResourceKind) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let gate = ResourceKey.named("gate", kind: kind)
            let first = try await store.createActive(gate)
            let key = ResourceKey.named("gate", kind: kind, creationTime: first.creationTime)
            func delete(_ invocation: String?) async throws -> String {
                try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh("Delete", invocation: invocation)).word
            }
            #expect(try await delete("i") == "accepted")
            #expect(try await delete("i") == "accepted")
            #expect(try await delete("j") == "refused: DELETING")
            try await store.finishTasks()
            #expect(try await delete("i") == "accepted")
            #expect(try await delete(nil) == "not found")
            let second = try await store.createActive(gate)
            #expect(try await delete("i") == "accepted")
            #expect(try await store.state(gate) == second)
            #expect(try await store.history(first.arn).count == 4)
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `a repeated change of tags is accepted and not made again`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let arn = try await store.createActive(key).arn
            func set(_ value: String, _ invocation: String) async throws -> String {
                try await store.setTags(
                    key, [TagRecord(key: "a", value: value)], .fresh("Tag", invocation: invocation, bodyHash: value)
                ).word
            }
            #expect(try await set("1", "i") == "accepted")
            #expect(try await set("2", "j") == "accepted")
            #expect(try await set("1", "i") == "accepted")
            #expect(try await store.tagList(key) == ["a=2"])
            func remove(_ invocation: String) async throws -> String {
                try await store.removeTags(key, keys: ["a"], .fresh("Untag", invocation: invocation)).word
            }
            #expect(try await remove("k") == "accepted")
            #expect(try await set("3", "l") == "accepted")
            #expect(try await remove("k") == "accepted")
            #expect(try await store.tagList(key) == ["a=3"])
            #expect(try await store.history(arn).count == 6)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated configuration is accepted and not set again`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate")
            let stream = try await store.createActive("gate")
            func set(_ text: String?, _ invocation: String) async throws -> [String] {
                let image = try await store.setImageGeneration(key, text, needsRetention: false, .fresh("Image", invocation: invocation))
                let notification = try await store.setNotification(
                    key, text, destination: nil, needsRetention: false, .fresh("Notification", invocation: invocation))
                return [image.word, notification.word]
            }
            #expect(try await set("1", "i") == ["accepted", "accepted"])
            #expect(try await set(nil, "j") == ["accepted", "accepted"])
            #expect(try await set("1", "i") == ["accepted", "accepted"])
            #expect(try await store.configurations(key) == StreamConfigurations(imageGeneration: nil, notification: nil))
            // Also while the stream would refuse them.
            #expect(try await store.updateStream(key, .expecting(stream.version), activationDelay: 0, .fresh()).word == "accepted")
            #expect(try await set("1", "i") == ["accepted", "accepted"])
            #expect(try await set("1", "k") == ["refused: UPDATING", "refused: UPDATING"])
            #expect(try await store.history(stream.arn).count == 7)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated change of media storage is accepted and not made again`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let (first, second) = (try await store.createActive("first"), try await store.createActive("second"))
            let channel = try await store.createActiveChannel("door")
            _ = try await store.createActiveChannel("other")
            let door = ResourceKey.named("door", kind: .channel)
            func enable(_ stream: StreamRecord, _ key: ResourceKey, _ invocation: String) async throws -> String {
                try await store.enableMediaStorage(
                    key, stream: .named(stream.name), streamARN: stream.arn, .fresh("Update", invocation: invocation, bodyHash: stream.name)
                ).word
            }
            func disable(_ invocation: String) async throws -> String {
                try await store.disableMediaStorage(door, .fresh("Update", invocation: invocation, bodyHash: "off")).word
            }
            #expect(try await enable(first, door, "i") == "accepted")
            #expect(try await enable(first, door, "i") == "accepted")
            #expect(try await store.history(channel.arn).count == 3)
            #expect(try await disable("j") == "accepted")
            // Not mapped again, whether or not that could be.
            #expect(try await enable(first, door, "i") == "accepted")
            #expect(try await store.mappedChannel(streamARN: first.arn) == nil)
            #expect(try await enable(first, .named("other", kind: .channel), "k") == "accepted")
            #expect(try await enable(first, door, "i") == "accepted")
            #expect(try await enable(first, door, "l") == "stream in use")
            #expect(try await enable(second, door, "m") == "accepted")
            #expect(try await disable("j") == "accepted")
            #expect(try await store.channel(door)?.mediaStorageStreamARN == second.arn)
            #expect(try await store.history(channel.arn).count == 5)
        }
    }

    @Test(arguments: Engine.allCases) func `a repeated change of an edge configuration is accepted and not made again`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate")
            let stream = try await store.createActive("gate")
            func start(_ invocation: String) async throws -> String {
                try await store.startEdgeConfigurationUpdate(
                    key, hubDeviceARN: Fixture.hub, configuration: "{}", revision: Fixture.token(), timeout: 1000,
                    .fresh("Start", invocation: invocation)
                ).word
            }
            func delete(_ invocation: String) async throws -> String {
                try await store.deleteEdgeConfiguration(
                    key, revision: Fixture.token(), timeout: 1000, .fresh("DeleteEdge", invocation: invocation)
                ).word
            }
            #expect(try await start("i") == "accepted")
            let started = try await store.edgeConfiguration(key)
            try database.clock.advance(by: 10)
            #expect(try await start("i") == "accepted")
            #expect(try await start("j") == "refused: ACTIVE, SYNCING")
            #expect(try await store.edgeConfiguration(key) == started)
            // Where it would be accepted again, it is not made again.
            try database.setEdgeStatus("IN_SYNC")
            #expect(try await start("i") == "accepted")
            #expect(try await store.edgeConfiguration(key)?.status == .inSync)
            #expect(try await delete("i") == "accepted")
            let deleting = try #require(try await store.edgeConfiguration(key))
            #expect(try await delete("i") == "accepted")
            #expect(try await delete("j") == "refused: ACTIVE, DELETING")
            try database.setEdgeStatus("DELETE_FAILED")
            #expect(try await delete("i") == "accepted")
            #expect(try await store.edgeConfiguration(key)?.status == .deleteFailed)
            #expect(try await store.edgeConfiguration(key)?.revision == deleting.revision)
            try database.execute("DELETE FROM edge_configuration")
            #expect(try await start("i") == "accepted")
            #expect(try await delete("i") == "accepted")
            #expect(try await store.edgeConfiguration(key) == nil)
            #expect(try await store.history(stream.arn).suffix(2) == ["Start SYNCING", "DeleteEdge DELETING"])
        }
    }

    @Test(arguments: Engine.allCases) func `an answer is forgotten after ten minutes`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let age = Store.answerRetention
            func create() async throws -> String {
                try await Self.create(store, .stream, .fresh("CreateStream", invocation: "i")).word
            }
            func untag() async throws -> String {
                try await store.removeTags(.named("gate"), keys: ["a"], .fresh("UntagStream", invocation: "j")).word
            }
            #expect(try await create() == "created")
            #expect(try await untag() == "accepted")
            try database.clock.advance(by: age)
            #expect(try await store.removeAnsweredMutations(olderThan: age, limit: 10) == 0)
            #expect(try await create() == "created")
            #expect(try await untag() == "accepted")
            #expect(try database.rows("SELECT count(*) FROM event") == [[2]])
            try database.clock.advance(by: 1)
            #expect(try await store.removeAnsweredMutations(olderThan: age, limit: 10) == 1)
            #expect(try await create() == "name in use")
            #expect(try await untag() == "accepted")
            #expect(try database.rows("SELECT count(*) FROM event") == [[3]])
        }
    }
}
