public import SQL

extension Store {
    /// The stream, in whatever status.
    public func stream(_ key: StreamKey) async throws(DatabaseError) -> StreamRecord? {
        try await database.read(StreamStatements.find, key.arguments + [.integer(key.creationTime)]).first
    }

    /// At most `limit` streams whose names begin with `prefix` and come after `after`, in byte order.
    public func streams(
        account: String, region: String, prefix: String, after: String?, limit: Int
    ) async throws(DatabaseError) -> [StreamRecord] {
        // Names are ASCII without control characters, so U+0001 makes the least text after a name and U+007F one beyond all that it begins.
        let first = if let after, after >= prefix { after + "\u{1}" } else { prefix }
        return try await database.read(
            StreamStatements.list,
            [.text(account), .text(region), .text(first), .text(prefix + "\u{7F}"), .integer(Int64(limit))])
    }

    /// How the creation of a stream ended.
    public enum Creation: Sendable {
        case created(arn: String)
        case nameInUse
        case quotaReached
    }

    /// Creates a stream unless its name is in use or the account has `quota` streams in the region, and asks for its activation after `delay`
    /// milliseconds.
    public func createStream(_ new: NewStream, quota: Int64, activationDelay delay: Int64, _ change: Change) async throws(DatabaseError)
        -> Creation
    {
        let key = new.key
        var batch = Batch()
        batch.add(StreamStatements.count, [.text(key.account), .text(key.region), .text(change.token), .integer(quota)])
        let inserted = batch.add(
            StreamStatements.insert,
            key.arguments + [
                .text(change.token), .text(new.arnPrefix), .text(new.version), .text(new.deviceName), .text(new.mediaType),
                .text(new.kmsKeyID), .integer(new.dataRetentionInHours), .text(new.defaultStorageTier), .integer(Int64(new.tags.count)),
            ])
        for tag in new.tags {
            batch.add(TagStatements.set, key.arguments + [.text(change.token), .text(tag.key), .text(tag.value)])
        }
        batch.add(task: .activateStream, on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        switch try await commit(batch, guarded: inserted, change, key) {
        case .accepted(let arn): return .created(arn: arn)
        case .violated(.streamName): return .nameInUse
        case .violated(let other): throw DatabaseError(.mistake, "creating a stream violated \(other)")
        case .refused:
            // Whoever creates a stream that is there is told so, quota or not.
            return try await stream(StreamKey(account: key.account, region: key.region, name: key.name)) == nil ? .quotaReached : .nameInUse
        }
    }

    /// How a change of a stream ended.
    public enum StreamChange: Sendable {
        case accepted
        case notFound
        /// There, but not as the change needs it: the caller compares status and version. What it finds was read after the refusal.
        case refused(StreamRecord)
        /// The retention would leave its range.
        case retentionOutOfRange(StreamRecord)
        case tooManyTags
    }

    /// Updates an ACTIVE stream that has the expected version, and asks for its activation after `delay` milliseconds.
    public func updateStream(
        _ key: StreamKey, _ update: StreamUpdate, activationDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> StreamChange {
        var batch = Batch()
        let updated = batch.add(
            StreamStatements.update,
            key.arguments + [
                .text(change.token), .integer(key.creationTime), .text(update.expectedVersion), .text(update.newVersion),
                .text(update.deviceName), .text(update.mediaType), .integer(update.retentionChangeInHours),
                .text(update.defaultStorageTier),
            ])
        batch.add(task: .activateStream, on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        return try await streamChange(batch, guarded: updated, change, key)
    }

    /// Marks an ACTIVE stream, of the expected version if one is given, as DELETING, and asks for its removal after `delay` milliseconds.
    public func deleteStream(
        _ key: StreamKey, expectedVersion: String?, removalDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> StreamChange {
        var batch = Batch()
        let deleted = batch.add(
            StreamStatements.delete, key.arguments + [.text(change.token), .integer(key.creationTime), .text(expectedVersion)])
        batch.add(task: .removeStream, on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        return try await streamChange(batch, guarded: deleted, change, key)
    }

    /// Sets tags of a stream that is not DELETING: all of them, or none where it would have more than 50.
    public func setTags(_ key: StreamKey, _ tags: [TagRecord], _ change: Change) async throws(DatabaseError) -> StreamChange {
        try await changeTags(key, change) { batch in
            // In one order for everybody, though the lock on the stream already keeps two calls apart.
            for tag in tags.sorted(by: { $0.key < $1.key }) {
                batch.add(TagStatements.set, key.arguments + [.text(change.token), .text(tag.key), .text(tag.value)])
            }
        }
    }

    /// Removes tags of a stream that is not DELETING; keys that it does not have are ignored.
    public func removeTags(_ key: StreamKey, keys: [String], _ change: Change) async throws(DatabaseError) -> StreamChange {
        try await changeTags(key, change) { batch in
            for tagKey in keys {
                batch.add(TagStatements.remove, key.arguments + [.text(change.token), .text(tagKey)])
            }
        }
    }

    private func changeTags(_ key: StreamKey, _ change: Change, _ add: (inout Batch) -> Void) async throws(DatabaseError) -> StreamChange {
        var batch = Batch()
        let touched = batch.add(StreamStatements.touch, key.arguments + [.text(change.token), .integer(key.creationTime)])
        add(&batch)
        batch.add(StreamStatements.recountTags, key.arguments + [.text(change.token)])
        batch.addRecord(of: change, on: key)
        return try await streamChange(batch, guarded: touched, change, key)
    }

    /// The stream's status and all its tags, or nil where there is no such stream.
    public func tags(_ key: StreamKey) async throws(DatabaseError) -> (status: String, tags: [TagRecord])? {
        let rows = try await database.read(TagStatements.list, key.arguments + [.integer(key.creationTime)])
        guard let status = rows.first?.status else { return nil }
        let tags = rows.compactMap { row -> TagRecord? in
            guard let key = row.key, let value = row.value else { return nil }
            return TagRecord(key: key, value: value)
        }
        return (status, tags)
    }

    /// What happened to a resource since a moment, in milliseconds since the epoch, in order. Reads all that happened since to any resource.
    public func events(of resourceARN: String, since: Int64 = 0) async throws(DatabaseError) -> [EventRecord] {
        try await database.read(EventStatements.list, [.text(resourceARN), .integer(since)])
    }

    private func streamChange(
        _ batch: Batch, guarded: Batch.Reference<String>, _ change: Change, _ key: StreamKey
    ) async throws(DatabaseError) -> StreamChange {
        switch try await commit(batch, guarded: guarded, change, key) {
        case .accepted: return .accepted
        case .violated(.streamTagLimit): return .tooManyTags
        case .violated(.streamRetention):
            guard let found = try await stream(key) else { return .notFound }
            return .retentionOutOfRange(found)
        case .violated(let other): throw DatabaseError(.mistake, "changing a stream violated \(other)")
        case .refused:
            guard let found = try await stream(key) else { return .notFound }
            return .refused(found)
        }
    }
}

extension StreamKey {
    /// What every statement on one stream begins with.
    var arguments: [SQLValue] { [.text(account), .text(region), .text(name)] }
}

extension Batch {
    /// Asks for work on the stream that the change was made to.
    mutating func add(task kind: TaskKind, on key: StreamKey, after delay: Int64, _ change: Change) {
        add(
            TaskStatements.insertForStream,
            key.arguments + [.text(change.token), .text(kind.rawValue), .text(change.keyID), .text(change.requestID), .integer(delay)])
    }

    /// Tells what happened, and keeps the answer for a client that may lose it.
    mutating func addRecord(of change: Change, on key: StreamKey) {
        add(
            EventStatements.insertForStream,
            key.arguments + [.text(change.token), .text(change.operation), .text(change.keyID), .text(change.requestID), .null])
        guard let retry = change.retry else { return }
        add(
            MutationStatements.insertForStream,
            key.arguments + [
                .text(change.token), .text(change.keyID), .text(retry.invocationID), .text(change.operation), .text(retry.bodyHash),
            ])
    }
}
