public import SQL

extension Store {
    /// The channel, in whatever status.
    public func channel(_ key: ResourceKey) async throws(DatabaseError) -> ChannelRecord? {
        try await database.read(ChannelStatements.find, key.arguments + [.integer(key.creationTime)]).first
    }

    /// At most `limit` channels whose names begin with `prefix` and come after `after`, in byte order.
    public func channels(
        account: String, region: String, prefix: String, after: String?, limit: Int
    ) async throws(DatabaseError) -> [ChannelRecord] {
        try await database.read(
            ChannelStatements.list,
            [.text(account), .text(region)] + Self.range(prefix: prefix, after: after) + [.integer(Int64(limit))])
    }

    /// Creates a channel unless its name is in use or the account has `quota` channels in the region, and asks for its activation after `delay`
    /// milliseconds.
    public func createChannel(
        _ new: NewChannel, quota: Int64, activationDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> Creation {
        let key = new.key
        var batch = Batch(creating: key)
        batch.add(key.statements.count, [.text(key.account), .text(key.region), .text(change.token), .integer(quota)])
        let inserted = batch.add(
            ChannelStatements.insert,
            key.arguments + [
                .text(change.token), .text(new.arnPrefix), .text(new.version), .text(new.channelType), .integer(new.messageTtlSeconds),
                .integer(Int64(new.tags.count)),
            ])
        for tag in new.tags { batch.add(tag: tag, on: key, change) }
        batch.add(task: .activate(.channel), on: key, after: delay, change)
        batch.addRecord(ofCreation: change, on: key)
        return try await creation(batch, guarded: inserted, change, key)
    }

    /// Updates an ACTIVE channel that has the expected version, and asks for its activation after `delay` milliseconds.
    public func updateChannel(
        _ key: ResourceKey, _ update: ChannelUpdate, activationDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        let updated = batch.add(
            ChannelStatements.update,
            key.arguments + [
                .text(change.token), .integer(key.creationTime), .text(update.expectedVersion), .text(update.newVersion),
                .integer(update.messageTtlSeconds),
            ])
        batch.add(task: .activate(.channel), on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: updated, change, key)
    }

    /// The outcome of having a channel store its media in a stream.
    public enum MediaStorageChange: Sendable {
        case accepted
        case channelNotFound
        case streamNotFound
        /// The channel or the stream is not ACTIVE, or the stream keeps no media, or the channel stores its media in another stream. Both were read
        /// after the refusal.
        case refused(channel: ChannelRecord, stream: ResourceState)
        /// The stream belongs to the channel of this ARN; nil where that channel has just let go of it.
        case streamInUse(byChannelARN: String?)
    }

    /// Has an ACTIVE channel store its media in a stream: one that is ACTIVE, keeps media, and belongs to no other channel.
    public func enableMediaStorage(
        _ key: ResourceKey, stream: ResourceKey, streamARN: String, _ change: Change
    ) async throws(DatabaseError) -> MediaStorageChange {
        var batch = Batch()
        // Streams are locked before channels, here as where a stream is removed.
        batch.add(stream.statements.lock, stream.arguments)
        let mapped = batch.add(
            ChannelStatements.enableMediaStorage,
            key.arguments + [.text(change.token), .integer(key.creationTime), .text(streamARN), .text(stream.name)])
        batch.addRecord(of: change, on: key)
        switch try await commit(batch, guarded: mapped, change, key) {
        case .accepted: return .accepted
        case .violated(.mediaStorageStream):
            return .streamInUse(byChannelARN: try await mappedChannel(streamARN: streamARN))
        case .violated(let other): throw DatabaseError(.mistake, "enabling media storage violated \(other)")
        case .refused:
            guard let channel = try await channel(key) else { return .channelNotFound }
            guard let stream = try await state(stream) else { return .streamNotFound }
            return .refused(channel: channel, stream: stream)
        }
    }

    /// Has an ACTIVE channel store its media nowhere.
    public func disableMediaStorage(_ key: ResourceKey, _ change: Change) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        let unmapped = batch.add(
            ChannelStatements.disableMediaStorage, key.arguments + [.text(change.token), .integer(key.creationTime)])
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: unmapped, change, key)
    }

    /// The ARN of the channel that stores its media in this stream.
    public func mappedChannel(streamARN: String) async throws(DatabaseError) -> String? {
        try await database.read(ChannelStatements.mappedTo, [.text(streamARN)]).first
    }
}
