import SQL
import Seeded
import Store
import TestSupport
import Testing

/// Which channel stores its media in which stream: one to one, whatever comes and goes.
@Suite struct MediaStorageTests {
    private static let door = ResourceKey.named("door", kind: .channel)

    /// The attempt to map a channel to a stream, both by name.
    private static func enable(_ store: Store, _ channel: String, _ stream: StreamRecord) async throws -> String {
        try await store.enableMediaStorage(
            .named(channel, kind: .channel), stream: .named(stream.name, creationTime: stream.creationTime), streamARN: stream.arn,
            .fresh("UpdateMediaStorageConfiguration")
        ).word
    }

    /// The streams and channels of these numbers, ACTIVE.
    private static func create(_ store: Store, streams: Int, channels: Int) async throws -> [StreamRecord] {
        for number in 0..<streams { _ = try await store.create(.named("s\(number)")) }
        for number in 0..<channels { _ = try await store.createChannel(.named("c\(number)")) }
        try await store.finishTasks()
        return try await store.streams(account: Fixture.account, region: Fixture.region, prefix: "s", after: nil, limit: streams)
    }

    /// Channel and stream of each mapping.
    private static func mappings(_ database: TestDatabase) throws -> [[SQLValue]] {
        try database.rows(
            "SELECT channel.name, stream.name FROM channel JOIN stream ON stream.arn = channel.media_storage_stream_arn ORDER BY channel.name"
        )
    }

    @Test(arguments: Engine.allCases) func `a channel is mapped to a stream, and back to none`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            let channel = try await store.createActiveChannel("door")
            _ = try await store.createActiveChannel("other")
            #expect(try await store.mappedChannel(streamARN: stream.arn) == nil)
            #expect(try await Self.enable(store, "door", stream) == "accepted")
            #expect(try await store.mappedChannel(streamARN: stream.arn) == channel.arn)
            let mapped = try #require(try await store.channel(Self.door))
            #expect(mapped.mediaStorageStreamARN == stream.arn)
            #expect(mapped.status == .active && mapped.version == channel.version)
            // What is so already is accepted, and told.
            #expect(try await Self.enable(store, "door", stream) == "accepted")
            #expect(try await store.disableMediaStorage(Self.door, .fresh("UpdateMediaStorageConfiguration")).word == "accepted")
            #expect(try await store.channel(Self.door) == channel)
            #expect(try await store.mappedChannel(streamARN: stream.arn) == nil)
            #expect(try await store.disableMediaStorage(Self.door, .fresh("UpdateMediaStorageConfiguration")).word == "accepted")
            #expect(try await Self.enable(store, "other", stream) == "accepted")
            #expect(
                try await store.history(channel.arn)
                    == ["CreateSignalingChannel CREATING", "ChannelStatusChange ACTIVE"]
                    + Array(repeating: "UpdateMediaStorageConfiguration ACTIVE", count: 4))
            // The stream hears nothing of it.
            #expect(try await store.stream(.named("gate")) == stream)
            #expect(try await store.history(stream.arn).count == 2)
        }
    }

    @Test(arguments: Engine.allCases) func `only an ACTIVE stream that keeps media is mapped, and only to an ACTIVE channel`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await store.createActive("gate")
            #expect(try await Self.enable(store, "door", stream) == "channel not found")
            #expect(try await store.disableMediaStorage(Self.door, .fresh()).word == "not found")
            let channel = try await store.createActiveChannel("door")
            for status in ["CREATING", "UPDATING", "DELETING"] {
                try database.execute("UPDATE stream SET status = '\(status)'")
                #expect(try await Self.enable(store, "door", stream) == "refused: ACTIVE, \(status)")
                try database.execute("UPDATE stream SET status = 'ACTIVE'; UPDATE channel SET status = '\(status)'")
                #expect(try await Self.enable(store, "door", stream) == "refused: \(status), ACTIVE")
                #expect(try await store.disableMediaStorage(Self.door, .fresh()).word == "refused: \(status)")
                try database.execute("UPDATE channel SET status = 'ACTIVE'")
            }
            try database.execute("UPDATE stream SET data_retention_in_hours = 0")
            #expect(try await Self.enable(store, "door", stream) == "refused: ACTIVE, ACTIVE")
            try database.execute("UPDATE stream SET data_retention_in_hours = 1")
            // Earlier incarnations are not there.
            let old = stream.creationTime - 1
            let oldARN = stream.arn.replacing(String(stream.creationTime), with: String(old))
            let change = try await store.enableMediaStorage(
                Self.door, stream: .named("gate", creationTime: old), streamARN: oldARN, .fresh())
            #expect(change.word == "stream not found")
            let oldChannel = ResourceKey.named("door", kind: .channel, creationTime: channel.creationTime - 1)
            #expect(
                try await store.enableMediaStorage(oldChannel, stream: .named("gate"), streamARN: stream.arn, .fresh()).word
                    == "channel not found")
            #expect(try await store.disableMediaStorage(oldChannel, .fresh()).word == "not found")
            #expect(try await store.channel(Self.door) == channel)
            #expect(try await store.history(channel.arn).count == 2)
            #expect(try await Self.enable(store, "door", stream) == "accepted")
        }
    }

    @Test(arguments: Engine.allCases) func `a channel has one stream, and a stream one channel`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let streams = try await Self.create(store, streams: 2, channels: 2)
            #expect(try await Self.enable(store, "c0", streams[0]) == "accepted")
            let arn = try await store.channel(.named("c0", kind: .channel))?.arn
            let change = try await store.enableMediaStorage(
                .named("c1", kind: .channel), stream: .named("s0"), streamARN: streams[0].arn, .fresh())
            guard case .streamInUse(let byChannelARN) = change else {
                Issue.record("\(change)")
                return
            }
            #expect(byChannelARN == arn)
            #expect(try await Self.enable(store, "c0", streams[1]) == "refused: ACTIVE, ACTIVE")
            #expect(try Self.mappings(database) == [["c0", "s0"]])
            #expect(try await Self.enable(store, "c1", streams[1]) == "accepted")
            #expect(try Self.mappings(database) == [["c0", "s0"], ["c1", "s1"]])
        }
    }

    @Test(arguments: Engine.allCases) func `of fifty channels one gets the stream`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let streams = try await Self.create(store, streams: 1, channels: 50)
            let words = try await atOnce(50) { try await Self.enable(store, "c\($0)", streams[0]) }
            #expect(words.sorted() == ["accepted"] + Array(repeating: "stream in use", count: 49))
            #expect(try Self.mappings(database).count == 1)
            #expect(try database.rows("SELECT count(*) FROM event WHERE type = 'UpdateMediaStorageConfiguration'") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases) func `of fifty streams one gets the channel`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let streams = try await Self.create(store, streams: 50, channels: 1)
            let words = try await atOnce(50) { try await Self.enable(store, "c0", streams[$0]) }
            #expect(words.sorted() == ["accepted"] + Array(repeating: "refused: ACTIVE, ACTIVE", count: 49))
            #expect(try Self.mappings(database).count == 1)
            #expect(try database.rows("SELECT count(*) FROM event WHERE type = 'UpdateMediaStorageConfiguration'") == [[1]])
        }
    }

    @Test(arguments: Engine.allCases, [1, 2, 3] as [UInt64]) func `fifty attempts at once map one to one, and no pair is left over`(
        _ engine: Engine, _ seed: UInt64
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let streams = try await Self.create(store, streams: 6, channels: 6)
            var generator = SeededGenerator(seed: seed)
            let pairs = (0..<50).map { _ in
                (channel: Int.random(in: 0..<6, using: &generator), stream: Int.random(in: 0..<6, using: &generator))
            }
            let answers = try await atOnce(50) { number in
                (number, try await Self.enable(store, "c\(pairs[number].channel)", streams[pairs[number].stream]))
            }
            let mappings = try Self.mappings(database)
            #expect(mappings.count == (try database.rows("SELECT 1 FROM channel WHERE media_storage_stream_arn IS NOT NULL").count))
            #expect(Set(mappings.map(\.[1])).count == mappings.count)
            let accepted = Set(answers.filter { $0.1 == "accepted" }.map { "c\(pairs[$0.0].channel) s\(pairs[$0.0].stream)" })
            #expect(accepted == Set(mappings.map { Self.words($0).joined(separator: " ") }))
            let (channels, taken) = (Set(mappings.map { Self.words($0)[0] }), Set(mappings.map { Self.words($0)[1] }))
            for pair in pairs { #expect(channels.contains("c\(pair.channel)") || taken.contains("s\(pair.stream)")) }
            #expect(faults.conflicts == 0)
        }
    }

    private static func words(_ row: [SQLValue]) -> [String] {
        row.compactMap { value in
            if case .text(let text) = value { text } else { nil }
        }
    }

    @Test(arguments: Engine.allCases) func `neither side of a mapping is deleted before the mapping`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await Self.create(store, streams: 2, channels: 2)[0]
            #expect(try await Self.enable(store, "c0", stream) == "accepted")
            let sides = [ResourceKey.named("s0"), .named("c0", kind: .channel)]
            func delete(_ key: ResourceKey) async throws -> ResourceChange {
                try await store.delete(key, expectedVersion: nil, removalDelay: 0, .fresh())
            }
            for side in sides {
                let before = try await store.state(side)
                guard case .refused(let found) = try await delete(side) else {
                    Issue.record("\(side.name) is deleted")
                    continue
                }
                #expect(found.isMapped && found.status == .active && found == before)
                #expect(try await store.nextTaskDue() == nil)
            }
            #expect(try Self.mappings(database) == [["c0", "s0"]])
            // The others are free, and so are these once the mapping is gone.
            for key in [ResourceKey.named("s1"), .named("c1", kind: .channel)] { #expect(try await delete(key).word == "accepted") }
            #expect(try await store.disableMediaStorage(sides[1], .fresh()).word == "accepted")
            for side in sides { #expect(try await delete(side).word == "accepted") }
        }
    }

    // What programs of version 0.2.0 may have left: a stream or channel that was deleted though it was mapped.

    @Test(arguments: Engine.allCases) func `a stream that goes unmaps its channel, which tells so once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let streams = try await Self.create(store, streams: 2, channels: 3)
            #expect(try await Self.enable(store, "c1", streams[1]) == "accepted")
            #expect(try await store.delete(.named("s0"), expectedVersion: nil, removalDelay: 5, .fresh("DeleteStream")).word == "accepted")
            try database.map("c0", streams[0].arn)
            let before = try await store.channel(.named("c0", kind: .channel))
            try database.clock.advance(by: 5)
            try await store.finishTasks()
            let after = try #require(try await store.channel(.named("c0", kind: .channel)))
            #expect(after.mediaStorageStreamARN == nil)
            #expect(after.status == .active && after.version == before?.version)
            #expect(try Self.mappings(database) == [["c1", "s1"]])
            #expect(
                try await store.history(after.arn) == [
                    "CreateSignalingChannel CREATING", "ChannelStatusChange ACTIVE", "MediaStorageConfigurationChange ACTIVE",
                ])
            #expect(
                try database.rows("SELECT key_id, request_id FROM event WHERE type = 'MediaStorageConfigurationChange'")
                    == [["AKIATEST", "request"]])
            #expect(try await Self.enable(store, "c0", try await store.createActive("s2")) == "accepted")
        }
    }

    @Test(arguments: Engine.allCases) func `a channel that goes frees its stream, which hears nothing of it`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let stream = try await Self.create(store, streams: 1, channels: 2)[0]
            let channel = try #require(try await store.channel(.named("c0", kind: .channel)))
            _ = try await store.delete(
                .named("c0", kind: .channel), expectedVersion: nil, removalDelay: 0, .fresh("DeleteSignalingChannel"))
            try database.map("c0", stream.arn)
            #expect(try await Self.enable(store, "c1", stream) == "stream in use")
            try await store.finishTasks()
            #expect(try await store.mappedChannel(streamARN: stream.arn) == nil)
            #expect(try await store.history(channel.arn).suffix(2) == ["DeleteSignalingChannel DELETING", "ChannelStatusChange DELETED"])
            #expect(try await store.history(stream.arn).count == 2)
            #expect(try await Self.enable(store, "c1", stream) == "accepted")
        }
    }

    @Test(arguments: Engine.allCases) func `a stream's removal unmaps a channel in any status`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for status in ["UPDATING", "DELETING"] {
                let stream = try await store.createActive("gate")
                let channel = try await store.createActiveChannel("door")
                let change = try await store.delete(.named("gate"), expectedVersion: nil, removalDelay: 0, .fresh())
                #expect(change.word == "accepted")
                let task = try #require(try await store.claimTasks(leaseToken: status, lease: 1000, limit: 1).first)
                switch status {
                case "UPDATING": _ = try await store.update(Self.door, expecting: channel.version, .fresh("Update"))
                default: _ = try await store.delete(Self.door, expectedVersion: nil, removalDelay: 0, .fresh("Delete"))
                }
                try database.map("door", stream.arn)
                #expect(try await store.remove(task, leaseToken: status, changeToken: Fixture.token()))
                #expect(try await store.channel(Self.door)?.mediaStorageStreamARN == nil)
                #expect(try await store.history(channel.arn).last == "MediaStorageConfigurationChange \(status)")
                // What the channel had to do is not lost.
                try await store.finishTasks()
                #expect(try await store.channel(Self.door)?.status == (status == "UPDATING" ? .active : nil))
                #expect(try await store.history(channel.arn).count == 5)
                if status == "UPDATING" { try await store.deleteAtOnce(Self.door) }
            }
        }
    }

    /// Everything that locks both sides of a mapping, at once and again and again: nobody waits for somebody who waits for him.
    @Test(arguments: Engine.allCases, [1, 2] as [UInt64]) func `mapping and removing both sides at once make no deadlock`(
        _ engine: Engine, _ seed: UInt64
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            let streams = try await Self.create(store, streams: 3, channels: 3)
            _ = try await atOnce(12) { number in
                var generator = SeededGenerator(seed: seed * 100 + UInt64(number))
                for _ in 0..<25 {
                    let (stream, channel) = (Int.random(in: 0..<3, using: &generator), Int.random(in: 0..<3, using: &generator))
                    let channelKey = ResourceKey.named("c\(channel)", kind: .channel)
                    switch number % 4 {
                    case 0: _ = try await Self.enable(store, "c\(channel)", try await store.stream(.named("s\(stream)")) ?? streams[stream])
                    case 1:
                        _ = try await store.delete(.named("s\(stream)"), expectedVersion: nil, removalDelay: 0, .fresh())
                        try await store.finishTasks()
                        _ = try await store.createResource(.named("s\(stream)"), .fresh())
                    case 2:
                        _ = try await store.delete(channelKey, expectedVersion: nil, removalDelay: 0, .fresh())
                        try await store.finishTasks()
                        _ = try await store.createResource(channelKey, .fresh())
                    default:
                        _ = try await store.disableMediaStorage(channelKey, .fresh())
                        try await store.finishTasks()
                    }
                }
            }
            #expect(faults.conflicts == 0)
            try await store.finishTasks()
            #expect(
                try database.rows(
                    """
                    SELECT name FROM channel WHERE media_storage_stream_arn IS NOT NULL
                        AND media_storage_stream_arn NOT IN (SELECT arn FROM stream)
                    """) == [])
            #expect(
                try database.rows(
                    "SELECT resource_arn FROM event GROUP BY resource_arn HAVING min(sequence) <> 1 OR max(sequence) <> count(*)") == [])
        }
    }

    // On Postgres statements of one batch see what others committed between them, and rows are locked one by one.

    @Test func `mapping locks the stream before the channel`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let stream = try await Self.create(store, streams: 1, channels: 1)[0]
            let blocker = try Blocker(database, "SELECT name FROM stream FOR UPDATE")
            async let word = Self.enable(store, "c0", stream)
            try await blocker.blocksOne(in: database)
            #expect(throws: Never.self) { try database.execute("SELECT name FROM channel FOR UPDATE NOWAIT") }
            try blocker.release()
            #expect(try await word == "accepted")
        }
    }

    @Test func `a stream that is mapped while its deletion waits is not deleted`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            _ = try await Self.create(store, streams: 1, channels: 1)
            // As mapping does: the stream is locked, not changed.
            let blocker = try Blocker(
                database, "SELECT name FROM stream FOR UPDATE; UPDATE channel SET media_storage_stream_arn = (SELECT arn FROM stream)")
            async let change = store.delete(.named("s0"), expectedVersion: nil, removalDelay: 0, .fresh())
            try await blocker.blocksOne(in: database)
            try blocker.release()
            #expect(try await change.word != "accepted")
            #expect(try await store.stream(.named("s0"))?.status == .active)
        }
    }

    @Test func `removing a stream locks it before its channel`() async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let stream = try await Self.create(store, streams: 1, channels: 1)[0]
            _ = try await store.delete(.named("s0"), expectedVersion: nil, removalDelay: 0, .fresh())
            try database.map("c0", stream.arn)
            let task = try #require(try await store.claimTasks(leaseToken: "l", lease: 60_000, limit: 1).first)
            let blocker = try Blocker(database, "SELECT name FROM stream FOR UPDATE")
            async let isRemoved = store.remove(task, leaseToken: "l", changeToken: Fixture.token())
            try await blocker.blocksOne(in: database)
            #expect(throws: Never.self) { try database.execute("SELECT name FROM channel FOR UPDATE NOWAIT") }
            try blocker.release()
            #expect(try await isRemoved)
        }
    }

    @Test(arguments: ["status = 'DELETING'", "data_retention_in_hours = 0"])
    func `a stream that is changed while it is waited for is not mapped`(_ change: String) async throws {
        try await TestDatabase.with(.postgres) { database in
            let store = Store(database.database)
            let stream = try await Self.create(store, streams: 1, channels: 1)[0]
            let blocker = try Blocker(database, "UPDATE stream SET \(change)")
            async let word = Self.enable(store, "c0", stream)
            try await blocker.blocksOne(in: database)
            try blocker.release()
            #expect(try await word.hasPrefix("refused: ACTIVE, "))
            #expect(try await store.mappedChannel(streamARN: stream.arn) == nil)
        }
    }
}
