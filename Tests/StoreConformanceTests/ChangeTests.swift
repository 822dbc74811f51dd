import SQL
import Store
import TestSupport
import Testing

/// Updates and deletions of streams, and what is told of them.
@Suite struct ChangeTests {
    @Test(arguments: Engine.allCases) func `an update changes what is given, takes a new version and ends ACTIVE`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let before = try await store.createActive("gate")
            let update = StreamUpdate(
                expectedVersion: before.version, newVersion: "v2", deviceName: "lens", mediaType: nil, retentionChangeInHours: -4,
                defaultStorageTier: "WARM")
            #expect(try await store.updateStream(.named("gate"), update, activationDelay: 0, .fresh("UpdateStream")).word == "accepted")
            let updating = try #require(try await store.stream(.named("gate")))
            #expect(updating.status == "UPDATING")
            #expect(updating.version == "v2")
            #expect(updating.deviceName == "lens")
            #expect(updating.mediaType == before.mediaType)
            #expect(updating.dataRetentionInHours == before.dataRetentionInHours - 4)
            #expect(updating.defaultStorageTier == "WARM")
            #expect(updating.kmsKeyID == before.kmsKeyID)
            #expect(updating.arn == before.arn)
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate"))?.status == "ACTIVE")
            let media = StreamUpdate(expectedVersion: "v2", newVersion: "v3", mediaType: "audio/aac")
            #expect(try await store.updateStream(.named("gate"), media, activationDelay: 0, .fresh("UpdateStream")).word == "accepted")
            try await store.finishTasks()
            let after = try #require(try await store.stream(.named("gate")))
            #expect(after.version == "v3")
            #expect(after.deviceName == "lens")
            #expect(after.mediaType == "audio/aac")
            #expect(after.dataRetentionInHours == before.dataRetentionInHours - 4)
            #expect(
                try await store.history(before.arn) == [
                    "CreateStream CREATING", "StreamStatusChange ACTIVE", "UpdateStream UPDATING", "StreamStatusChange ACTIVE",
                    "UpdateStream UPDATING", "StreamStatusChange ACTIVE",
                ])
            #expect(try await store.events(of: before.arn).map(\.version).suffix(3) == ["v2", "v3", "v3"])
        }
    }

    @Test(arguments: Engine.allCases) func `only an ACTIVE stream of the expected version is updated or deleted`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate")
            func update(_ version: String) async throws -> String {
                try await store.updateStream(key, .expecting(version), activationDelay: 0, .fresh()).word
            }
            func delete(_ version: String?) async throws -> String {
                try await store.delete(key, expectedVersion: version, removalDelay: 0, .fresh()).word
            }
            #expect(try await update("v") == "not found")
            #expect(try await delete(nil) == "not found")
            let new = NewStream.named("gate")
            let arn = try await store.create(new)
            #expect(try await update(new.version) == "refused: CREATING")
            #expect(try await delete(nil) == "refused: CREATING")
            try await store.finishTasks()
            #expect(try await update("other") == "refused: ACTIVE")
            #expect(try await delete("other") == "refused: ACTIVE")
            #expect(try await update(new.version) == "accepted")
            let version = try #require(try await store.stream(key)?.version)
            #expect(try await update(version) == "refused: UPDATING")
            #expect(try await delete(version) == "refused: UPDATING")
            try await store.finishTasks()
            #expect(try await update(new.version) == "refused: ACTIVE")
            #expect(try await delete(version) == "accepted")
            #expect(try await update(version) == "refused: DELETING")
            #expect(try await delete(version) == "refused: DELETING")
            #expect(try await store.history(arn).count == 5)
        }
    }

    @Test(arguments: Engine.allCases) func `the retention stays within its range`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try await store.createActive("gate").arn
            func change(by hours: Int64) async throws -> String {
                let version = try #require(try await store.stream(.named("gate"))?.version)
                let update = StreamUpdate(expectedVersion: version, newVersion: Fixture.token(), retentionChangeInHours: hours)
                let word = try await store.updateStream(.named("gate"), update, activationDelay: 0, .fresh()).word
                try await store.finishTasks()
                return word
            }
            #expect(try await change(by: -25) == "retention out of range: 24")
            #expect(try await change(by: -24) == "accepted")
            #expect(try await change(by: -1) == "retention out of range: 0")
            #expect(try await change(by: 87_601) == "retention out of range: 0")
            #expect(try await change(by: 87_600) == "accepted")
            #expect(try await change(by: 1) == "retention out of range: 87600")
            #expect(try await store.stream(.named("gate"))?.dataRetentionInHours == 87_600)
            #expect(try await store.history(arn).count == 6)
        }
    }

    @Test(arguments: Engine.allCases) func `a deleted stream is removed with what belongs to it and nothing else`(_ engine: Engine)
        async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let tags = [TagRecord(key: "a", value: "1"), TagRecord(key: "b", value: "2")]
            let gate = try await store.createActive("gate", tags: tags)
            let other = try await store.createActive("gate2", tags: tags)
            #expect(
                try await store.delete(.named("gate"), expectedVersion: gate.version, removalDelay: 50, .fresh("DeleteStream")).word
                    == "accepted")
            let deleting = try #require(try await store.stream(.named("gate")))
            #expect(deleting.status == "DELETING")
            #expect(deleting.version == gate.version)
            #expect(try await store.tags(.named("gate"))?.status == "DELETING")
            #expect(try await store.tagList(.named("gate")) == ["a=1", "b=2"])
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate"))?.status == "DELETING")
            try database.clock.advance(by: 50)
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate")) == nil)
            #expect(try await store.tags(.named("gate")) == nil)
            #expect(try await store.nextTaskDue() == nil)
            #expect(try database.rows("SELECT DISTINCT resource_arn FROM tag") == [[.text(other.arn)]])
            #expect(try await store.tagList(.named("gate2")) == ["a=1", "b=2"])
            #expect(try database.rows("SELECT stream_count FROM account_usage") == [[1]])
            #expect(
                try await store.history(gate.arn) == [
                    "CreateStream CREATING", "StreamStatusChange ACTIVE", "DeleteStream DELETING", "StreamStatusChange DELETED",
                ])
            #expect(try await store.history(other.arn).count == 2)
            #expect(
                try database.rows("SELECT DISTINCT account, region, key_id, request_id FROM event") == [
                    [.text(Fixture.account), .text(Fixture.region), "AKIATEST", "request"]
                ])
        }
    }

    @Test(arguments: Engine.allCases) func `one of many updates from the same version is accepted`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let words = try await withThrowingTaskGroup(of: String.self) { group in
                for _ in 0..<12 {
                    group.addTask {
                        try await store.updateStream(.named("gate"), .expecting(stream.version), activationDelay: 0, .fresh()).word
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(words.sorted() == ["accepted"] + Array(repeating: "refused: UPDATING", count: 11))
            #expect(try await store.history(stream.arn).count == 3)
        }
    }
}
