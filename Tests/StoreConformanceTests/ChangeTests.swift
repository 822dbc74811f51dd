import SQL
import TestSupport
import Testing

@testable import Store

/// Updates and deletions, and what is told of them.
@Suite struct ChangeTests {
    @Test(arguments: Engine.allCases) func `an update of a stream changes what is given, takes a new version and ends ACTIVE`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let before = try await store.createActive("gate")
            let update = StreamUpdate(
                expectedVersion: before.version, newVersion: "v2", deviceName: "lens", mediaType: nil, retentionChangeInHours: -4,
                defaultStorageTier: "WARM")
            #expect(try await store.updateStream(.named("gate"), update, activationDelay: 0, .fresh("UpdateStream")).word == "accepted")
            let updating = try #require(try await store.stream(.named("gate")))
            #expect(updating.status == .updating)
            #expect(updating.version == "v2")
            #expect(updating.deviceName == "lens")
            #expect(updating.mediaType == before.mediaType)
            #expect(updating.dataRetentionInHours == before.dataRetentionInHours - 4)
            #expect(updating.defaultStorageTier == "WARM")
            #expect(updating.kmsKeyID == before.kmsKeyID)
            #expect(updating.arn == before.arn)
            try await store.finishTasks()
            #expect(try await store.stream(.named("gate"))?.status == .active)
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

    @Test(arguments: Engine.allCases) func `an update of a channel takes a new version, ends ACTIVE and leaves the mapping`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let before = try await store.createActiveChannel("door")
            let key = ResourceKey.named("door", kind: .channel)
            #expect(
                try await store.enableMediaStorage(key, stream: .named("gate"), streamARN: stream.arn, .fresh("Enable")).word == "accepted")
            let update = ChannelUpdate(expectedVersion: before.version, newVersion: "v2", messageTtlSeconds: 120)
            #expect(try await store.updateChannel(key, update, activationDelay: 50, .fresh("UpdateSignalingChannel")).word == "accepted")
            func expect(_ status: ResourceStatus) async throws {
                #expect(
                    try await store.channel(key)
                        == ChannelRecord(
                            name: "door", arn: before.arn, creationTime: before.creationTime, status: status, version: "v2",
                            channelType: before.channelType, messageTtlSeconds: 120, mediaStorageStreamARN: stream.arn))
            }
            try await expect(.updating)
            try await store.finishTasks()
            try await expect(.updating)
            try database.clock.advance(by: 50)
            try await store.finishTasks()
            try await expect(.active)
            #expect(
                try await store.history(before.arn) == [
                    "CreateSignalingChannel CREATING", "ChannelStatusChange ACTIVE", "Enable ACTIVE", "UpdateSignalingChannel UPDATING",
                    "ChannelStatusChange ACTIVE",
                ])
            #expect(try await store.events(of: before.arn).map(\.version).suffix(3) == [before.version, "v2", "v2"])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `only what is ACTIVE and of the expected version is updated or deleted`(_ engine: Engine, _ kind: ResourceKind) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            func version() async throws -> String { try #require(try await store.state(key)?.version) }
            func update(_ version: String) async throws -> String { try await store.update(key, expecting: version, .fresh()).word }
            func delete(_ version: String?) async throws -> String {
                try await store.delete(key, expectedVersion: version, removalDelay: 0, .fresh()).word
            }
            #expect(try await update("v") == "not found")
            #expect(try await delete(nil) == "not found")
            let arn = try #require(try await store.createResource(key, .fresh()).arn)
            let first = try await version()
            #expect(try await update(first) == "refused: CREATING")
            #expect(try await delete(nil) == "refused: CREATING")
            try await store.finishTasks()
            #expect(try await update("other") == "refused: ACTIVE")
            #expect(try await delete("other") == "refused: ACTIVE")
            #expect(try await update(first) == "accepted")
            let second = try await version()
            #expect(second != first)
            #expect(try await update(second) == "refused: UPDATING")
            #expect(try await delete(second) == "refused: UPDATING")
            try await store.finishTasks()
            #expect(try await update(first) == "refused: ACTIVE")
            #expect(try await delete(second) == "accepted")
            #expect(try await update(second) == "refused: DELETING")
            #expect(try await delete(second) == "refused: DELETING")
            #expect(try await store.history(arn).count == 5)
        }
    }

    @Test(arguments: Engine.allCases) func `the retention stays within its range`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let arn = try await store.createActive("gate").arn
            func change(by hours: Int64) async throws -> String {
                let version = try #require(try await store.stream(.named("gate"))?.version)
                let update = StreamUpdate.expecting(version, retentionChangeInHours: hours)
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

    @Test(arguments: Engine.allCases, ResourceKind.allCases)
    func `what is deleted goes with what belongs to it and nothing else`(_ engine: Engine, _ kind: ResourceKind) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let tags = [TagRecord(key: "a", value: "1"), TagRecord(key: "b", value: "2")]
            let (key, otherKey) = (ResourceKey.named("gate", kind: kind), ResourceKey.named("gate2", kind: kind))
            // One of the other kind has the same name.
            for kind in ResourceKind.allCases { try await store.createActive(.named("gate", kind: kind), tags: tags) }
            let gate = try #require(try await store.state(key))
            let other = try await store.createActive(otherKey, tags: tags)
            #expect(try await store.delete(key, expectedVersion: gate.version, removalDelay: 50, .fresh("Delete")).word == "accepted")
            let deleting = try #require(try await store.state(key))
            #expect(deleting.status == .deleting)
            #expect(deleting.version == gate.version)
            #expect(try await store.tags(key)?.status == .deleting)
            #expect(try await store.tagList(key) == ["a=1", "b=2"])
            try await store.finishTasks()
            #expect(try await store.state(key)?.status == .deleting)
            try database.clock.advance(by: 50)
            try await store.finishTasks()
            #expect(try await store.state(key) == nil)
            #expect(try await store.tags(key) == nil)
            #expect(try await store.nextTaskDue() == nil)
            #expect(try database.rows("SELECT key FROM tag WHERE resource_arn = '\(gate.arn)'") == [])
            #expect(try database.rows("SELECT count(*) FROM tag") == [[4]])
            #expect(try await store.tagList(otherKey) == ["a=1", "b=2"])
            // Of the two of its kind one is left, and the one of the other kind.
            #expect(try database.rows("SELECT stream_count, channel_count FROM account_usage") == [[1, 1]])
            #expect(
                try await store.history(gate.arn) == [
                    "\(kind.createOperation) CREATING", "\(kind.statusChangeEvent.rawValue) ACTIVE", "Delete DELETING",
                    "\(kind.statusChangeEvent.rawValue) DELETED",
                ])
            #expect(try await store.history(other.arn).count == 2)
            #expect(
                try database.rows("SELECT DISTINCT account, region, key_id, request_id FROM event") == [
                    [.text(Fixture.account), .text(Fixture.region), "AKIATEST", "request"]
                ])
        }
    }

    @Test(arguments: Engine.allCases, ResourceKind.allCases) func `one of many updates from the same version is accepted`(
        _ engine: Engine, _ kind: ResourceKind
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let key = ResourceKey.named("gate", kind: kind)
            let before = try await store.createActive(key)
            let words = try await atOnce(12) { _ in try await store.update(key, expecting: before.version, .fresh()).word }
            #expect(words.sorted() == ["accepted"] + Array(repeating: "refused: UPDATING", count: 11))
            #expect(try await store.history(before.arn).count == 3)
        }
    }
}
