public import SQL

extension Store {
    /// The stream, in whatever status.
    public func stream(_ key: ResourceKey) async throws(DatabaseError) -> StreamRecord? {
        try await database.read(StreamStatements.find, key.arguments + [.integer(key.creationTime)]).first
    }

    /// At most `limit` streams whose names begin with `prefix` and come after `after`, in byte order.
    public func streams(
        account: String, region: String, prefix: String, after: String?, limit: Int
    ) async throws(DatabaseError) -> [StreamRecord] {
        try await database.read(
            StreamStatements.list,
            [.text(account), .text(region)] + Self.range(prefix: prefix, after: after) + [.integer(Int64(limit))])
    }

    /// Creates a stream unless its name is in use or the account has `quota` streams in the region, and asks for its activation after `delay`
    /// milliseconds.
    public func createStream(
        _ new: NewStream, quota: Int64, activationDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> Creation {
        let key = new.key
        var batch = Batch(creating: key)
        batch.add(key.statements.count, [.text(key.account), .text(key.region), .text(change.token), .integer(quota)])
        let inserted = batch.add(
            StreamStatements.insert,
            key.arguments + [
                .text(change.token), .text(new.arnPrefix), .text(new.version), .text(new.deviceName), .text(new.mediaType),
                .text(new.kmsKeyID), .integer(new.dataRetentionInHours), .text(new.defaultStorageTier), .integer(Int64(new.tags.count)),
            ])
        for tag in new.tags { batch.add(tag: tag, on: key, change) }
        batch.add(task: .activate(.stream), on: key, after: delay, change)
        batch.addRecord(ofCreation: change, on: key)
        return try await creation(batch, guarded: inserted, change, key)
    }

    /// Updates an ACTIVE stream that has the expected version, and asks for its activation after `delay` milliseconds.
    public func updateStream(
        _ key: ResourceKey, _ update: StreamUpdate, activationDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        let updated = batch.add(
            StreamStatements.update,
            key.arguments + [
                .text(change.token), .integer(key.creationTime), .text(update.expectedVersion), .text(update.newVersion),
                .text(update.deviceName), .text(update.mediaType), .integer(update.retentionChangeInHours),
                .text(update.defaultStorageTier),
            ])
        batch.add(task: .activate(.stream), on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: updated, change, key)
    }

    /// The configurations of a stream in whatever status, or nil where there is no such stream.
    public func configurations(_ key: ResourceKey) async throws(DatabaseError) -> StreamConfigurations? {
        try await database.read(StreamStatements.configurations, key.arguments + [.integer(key.creationTime)]).first
    }

    /// Sets how images are made of an ACTIVE stream's media, or ends it where `configuration`, in JSON, is nil. With `needsRetention` the stream
    /// must keep media.
    public func setImageGeneration(
        _ key: ResourceKey, _ configuration: String?, needsRetention: Bool, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        let configured = batch.add(
            StreamStatements.setImageGeneration, configure(key, configuration, needsRetention: needsRetention, change))
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: configured, change, key)
    }

    /// Sets who is notified of an ACTIVE stream's fragments, or ends it where `configuration`, in JSON, is nil. With `needsRetention` the stream
    /// must keep media. Fragments are told to `destination`, and with `tellsLifecycle` what happens to the stream itself, from this change on.
    public func setNotification(
        _ key: ResourceKey, _ configuration: String?, destination: StreamDestination?, tellsLifecycle: Bool = true,
        destinationLimit: Int64 = .max, needsRetention: Bool, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        // Naming a destination may add one, of which an account has so many: those who do take turns.
        if destination != nil {
            batch.add(ResourceStatements.lockUsage, [.text(key.account), .text(key.region)])
        }
        let configured = batch.add(
            StreamStatements.setNotification,
            configure(key, configuration, needsRetention: needsRetention, change) + [
                .text(destination?.id(for: key)), .integer(destinationLimit), .integer(tellsLifecycle ? 1 : 0),
            ])
        if let destination {
            let named = key.arguments + [.text(change.token), .text(destination.id(for: key))]
            batch.add(
                DestinationStatements.insertForStream, named + [.text(destination.kind.rawValue), .text(destination.target)])
            batch.add(DestinationStatements.enableForStream, named)
        }
        batch.addRecord(of: change, on: key)
        let outcome = try await resourceChange(batch, guarded: configured, change, key)
        guard case .refused(let found) = outcome, let destination, found.status == .active,
            !needsRetention || found.dataRetentionInHours > 0
        else { return outcome }
        let room = try await database.read(
            DestinationStatements.room,
            [
                .text(key.account), .text(key.region), .text(destination.id(for: key)),
                .integer(destinationLimit),
            ])
        return room.isEmpty ? .tooManyDestinations : outcome
    }

    private func configure(_ key: ResourceKey, _ configuration: String?, needsRetention: Bool, _ change: Change) -> [SQLValue] {
        key.arguments + [.text(change.token), .integer(key.creationTime), .text(configuration), .integer(needsRetention ? 1 : 0)]
    }
}
