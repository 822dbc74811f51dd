public import SQL
public import Store

/// What the streams of tests have in common.
public enum Fixture {
    /// The account unless another is named.
    public static let account = "111122223333"
    /// The region unless another is named.
    public static let region = "eu-west-1"

    /// A token that no other has.
    public static func token() -> String {
        "t" + String(UInt64.random(in: 0 ... .max), radix: 36) + String(UInt64.random(in: 0 ... .max), radix: 36)
    }

    /// Puts `count` streams called `bulk-000001` and so on into the database, CREATING, with two tags each, their tasks due and their first
    /// events told, as if they had been created one by one.
    public static func bulk(_ count: Int, in database: TestDatabase, account: String = account) throws(DatabaseError) {
        let numbers = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))"
        let streams =
            "SELECT name, arn, i FROM (SELECT 'bulk-' || substr(CAST(1000000 + i AS TEXT), 2) AS name, 'arn:bulk:\(account):' || i AS arn, i FROM numbers)"
            + " AS bulk"
        let now = database.clock.now
        try database.execute(
            """
            \(numbers) INSERT INTO stream SELECT '\(account)', '\(region)', name, arn, \(now) + i, 'CREATING', 'v' || i, NULL, NULL, 'key', 0,
                'HOT', 2, 'bulk' || i, 1, NULL, NULL, \(now), NULL FROM (\(streams)) AS s;
            \(numbers) INSERT INTO tag SELECT arn, 'even', 'x' FROM (\(streams)) AS s;
            \(numbers) INSERT INTO tag SELECT arn, 'odd', 'y' FROM (\(streams)) AS s;
            \(numbers) INSERT INTO task SELECT arn, 'activate-stream', '\(account)', '\(region)', name, 'AKIA', 'request', \(now), \(now), 0, NULL
                FROM (\(streams)) AS s;
            \(numbers) INSERT INTO event SELECT arn, 1, 'CreateStream', '\(account)', '\(region)', 'CREATING', 'v' || i, 'bulk' || i, 'AKIA',
                'request', \(now) FROM (\(streams)) AS s;
            \(numbers) INSERT INTO answered_mutation SELECT 'AKIA\(account)', 'invocation' || i, 'CreateStream', 'hash', arn, \(now) FROM (\(streams)) AS s;
            INSERT INTO account_usage VALUES ('\(account)', '\(region)', \(count), 0, 'bulk', 0)
            """)
    }

    /// Puts `count` channels into the database, each storing its media in the stream of `bulk` with its number, and as many edge configurations,
    /// overdue, for a hundred things.
    public static func bulkChannelsAndEdges(_ count: Int, in database: TestDatabase) throws(DatabaseError) {
        let numbers = "WITH RECURSIVE numbers(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM numbers WHERE i < \(count))"
        let name = "'bulk-' || substr(CAST(1000000 + i AS TEXT), 2)"
        let now = database.clock.now
        try database.execute(
            """
            \(numbers) INSERT INTO channel SELECT '\(account)', '\(region)', \(name), 'arn:channel:' || i, \(now) + i, 'ACTIVE', 'v' || i,
                'SINGLE_MASTER', 60, 'arn:bulk:\(account):' || i, 0, 'channel' || i, 1, \(now) FROM numbers;
            \(numbers) INSERT INTO edge_configuration (account, region, stream_name, stream_arn, hub_device_arn, configuration, revision,
                    sync_status, creation_time, last_updated_time, deadline, change_token)
                SELECT '\(account)', '\(region)', \(name), 'arn:bulk:\(account):' || i, 'hub' || (i % 100), '{}', 'r' || i, 'SYNCING', 0, 0,
                \(now) + i, 'edge' || i FROM numbers
            """)
    }
}

extension ResourceKey {
    /// The stream, or other resource, of this name in the usual account and region.
    public static func named(
        _ name: String, kind: ResourceKind = .stream, account: String = Fixture.account, region: String = Fixture.region,
        creationTime: Int64? = nil
    ) -> ResourceKey {
        ResourceKey(kind, account: account, region: region, name: name, creationTime: creationTime)
    }
}

extension NewStream {
    /// A stream of this name, with a retention of 24 hours, as a call might ask for it.
    public static func named(
        _ name: String, account: String = Fixture.account, region: String = Fixture.region, retention: Int64 = 24, tags: [TagRecord] = []
    ) -> NewStream {
        NewStream(
            key: .named(name, account: account, region: region), arnPrefix: "arn:aws:kinesisvideo:\(region):\(account):stream/\(name)/",
            version: Fixture.token(), deviceName: "camera", mediaType: "video/h264", kmsKeyID: "key", dataRetentionInHours: retention,
            defaultStorageTier: "HOT", tags: tags)
    }
}

extension NewChannel {
    /// A channel of this name, as a call might ask for it.
    public static func named(
        _ name: String, account: String = Fixture.account, region: String = Fixture.region, tags: [TagRecord] = []
    ) -> NewChannel {
        NewChannel(
            key: .named(name, kind: .channel, account: account, region: region),
            arnPrefix: "arn:aws:kinesisvideo:\(region):\(account):channel/\(name)/", version: Fixture.token(), channelType: "SINGLE_MASTER",
            messageTtlSeconds: 60, tags: tags)
    }
}

extension ChannelUpdate {
    /// An update of the time that messages are kept.
    public static func expecting(_ version: String, messageTtlSeconds: Int64 = 90) -> ChannelUpdate {
        ChannelUpdate(expectedVersion: version, newVersion: Fixture.token(), messageTtlSeconds: messageTtlSeconds)
    }
}

extension Change {
    /// A change under a fresh token. With an invocation id, the same call can be made again.
    public static func fresh(
        _ operation: String = "Operation", invocation: String? = nil, bodyHash: String = "hash", keyID: String = "AKIATEST"
    ) -> Change {
        Change(
            token: Fixture.token(), operation: operation, keyID: keyID, requestID: "request",
            retry: invocation.map { Retry(invocationID: $0, bodyHash: bodyHash) })
    }
}

extension StreamUpdate {
    /// An update of nothing but the version.
    public static func expecting(_ version: String) -> StreamUpdate {
        StreamUpdate(expectedVersion: version, newVersion: Fixture.token())
    }
}

/// A creation that ended in another way than the test needs.
public struct NotCreated: Error {
    /// How it ended.
    public let creation: Creation
}

extension Store {
    /// Creates a stream that must not be there yet; answers its ARN. It stays CREATING until its task is finished.
    public func create(_ new: NewStream, _ change: Change = .fresh("CreateStream")) async throws -> String {
        let creation = try await createStream(new, quota: .max, activationDelay: 0, change)
        guard case .created(let arn) = creation else { throw NotCreated(creation: creation) }
        return arn
    }

    /// Creates a stream and finishes every task that is due; answers the stream, ACTIVE.
    public func createActive(_ name: String, tags: [TagRecord] = []) async throws -> StreamRecord {
        let arn = try await create(.named(name, tags: tags))
        try await finishTasks()
        guard let stream = try await stream(.named(name)), stream.arn == arn else { throw NotReached(description: "\(name) is not there") }
        return stream
    }

    /// Creates a channel that must not be there yet; answers its ARN. It stays CREATING until its task is finished.
    public func createChannel(_ new: NewChannel, _ change: Change = .fresh("CreateSignalingChannel")) async throws -> String {
        let creation = try await createChannel(new, quota: .max, activationDelay: 0, change)
        guard case .created(let arn) = creation else { throw NotCreated(creation: creation) }
        return arn
    }

    /// Creates a channel and finishes every task that is due; answers the channel, ACTIVE.
    public func createActiveChannel(_ name: String, tags: [TagRecord] = []) async throws -> ChannelRecord {
        let new = NewChannel.named(name, tags: tags)
        let arn = try await createChannel(new)
        try await finishTasks()
        guard let channel = try await channel(new.key), channel.arn == arn else { throw NotReached(description: "\(name) is not there") }
        return channel
    }

    /// Finishes every task that is due, as a worker does.
    public func finishTasks() async throws(DatabaseError) {
        while true {
            let lease = Fixture.token()
            let tasks = try await claimTasks(leaseToken: lease, lease: 60_000, limit: 100)
            if tasks.isEmpty { return }
            for kind in ResourceKind.allCases { _ = try await activate(kind, leaseToken: lease, changeToken: Fixture.token()) }
            for task in tasks {
                switch task.kind {
                case .activate: break
                case .remove: _ = try await remove(task, leaseToken: lease, changeToken: Fixture.token())
                }
            }
        }
    }
}
