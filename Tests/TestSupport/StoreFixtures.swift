public import SQL
public import Store

/// A creation that ended in another way than the test needs.
public struct NotCreated: Error {
    /// How it ended.
    public let creation: Creation
}

extension Store {
    /// Creates a stream that must not be there yet; returns its ARN. It stays CREATING until its task is finished.
    public func create(_ new: NewStream, _ change: Change = .fresh("CreateStream")) async throws -> String {
        let creation = try await createStream(new, quota: .max, activationDelay: 0, change)
        guard case .created(let arn) = creation else { throw NotCreated(creation: creation) }
        return arn
    }

    /// Creates a stream and finishes every task that is due; returns the stream, ACTIVE.
    public func createActive(_ name: String, tags: [TagRecord] = []) async throws -> StreamRecord {
        let arn = try await create(.named(name, tags: tags))
        try await finishTasks()
        guard let stream = try await stream(.named(name)), stream.arn == arn else { throw NotReached(description: "\(name) is not there") }
        return stream
    }

    /// Creates a channel that must not be there yet; returns its ARN. It stays CREATING until its task is finished.
    public func createChannel(_ new: NewChannel, _ change: Change = .fresh("CreateSignalingChannel")) async throws -> String {
        let creation = try await createChannel(new, quota: .max, activationDelay: 0, change)
        guard case .created(let arn) = creation else { throw NotCreated(creation: creation) }
        return arn
    }

    /// Creates a channel and finishes every task that is due; returns the channel, ACTIVE.
    public func createActiveChannel(_ name: String, tags: [TagRecord] = []) async throws -> ChannelRecord {
        let new = NewChannel.named(name, tags: tags)
        let arn = try await createChannel(new)
        try await finishTasks()
        guard let channel = try await channel(new.key), channel.arn == arn else { throw NotReached(description: "\(name) is not there") }
        return channel
    }

    /// Creates a resource of the key's kind.
    public func createResource(
        _ key: ResourceKey, tags: [TagRecord] = [], quota: Int64 = .max, activationDelay delay: Int64 = 0, _ change: Change
    ) async throws(DatabaseError) -> Creation {
        switch key.kind {
        case .stream:
            let new = NewStream.named(key.name, account: key.account, region: key.region, tags: tags)
            return try await createStream(new, quota: quota, activationDelay: delay, change)
        case .channel:
            let new = NewChannel.named(key.name, account: key.account, region: key.region, tags: tags)
            return try await createChannel(new, quota: quota, activationDelay: delay, change)
        }
    }

    /// Updates a resource: at least its version.
    public func update(
        _ key: ResourceKey, expecting version: String, activationDelay delay: Int64 = 0, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        switch key.kind {
        case .stream: try await updateStream(key, .expecting(version), activationDelay: delay, change)
        case .channel: try await updateChannel(key, .expecting(version), activationDelay: delay, change)
        }
    }

    /// Creates a resource that must not be there yet and finishes every task that is due; returns it, ACTIVE.
    @discardableResult
    public func createActive(_ key: ResourceKey, tags: [TagRecord] = []) async throws -> ResourceState {
        let creation = try await createResource(key, tags: tags, .fresh(key.kind.createOperation))
        guard case .created(let arn) = creation else { throw NotCreated(creation: creation) }
        try await finishTasks()
        guard let found = try await state(key), found.arn == arn else { throw NotReached(description: "\(key.name) is not there") }
        return found
    }

    /// Deletes a resource that must be ACTIVE and finishes every task that is due.
    public func deleteAtOnce(_ key: ResourceKey) async throws {
        let change = try await delete(key, expectedVersion: nil, removalDelay: 0, .fresh("Delete"))
        guard case .accepted = change else { throw NotReached(description: "\(key.name) is not deleted: \(change)") }
        try await finishTasks()
    }

    /// Sets the edge configuration of a stream that must allow it; returns it, SYNCING.
    @discardableResult
    public func startEdge(
        _ name: String, hub: String = Fixture.hub, configuration: String = "{}", timeout: Int64 = Fixture.edgeTimeout
    ) async throws -> EdgeRecord {
        let change = try await startEdgeConfigurationUpdate(
            .named(name), hubDeviceARN: hub, configuration: configuration, revision: Fixture.token(), timeout: timeout,
            .fresh("StartEdgeConfigurationUpdate"))
        guard case .accepted = change, let found = try await edgeConfiguration(.named(name)) else {
            throw NotReached(description: "the edge configuration of \(name) is not set: \(change)")
        }
        return found
    }

    /// Finishes every task that is due, as a worker does.
    public func finishTasks() async throws(DatabaseError) {
        while true {
            let lease = Fixture.token()
            let tasks = try await claimTasksAndActivate(leaseToken: lease, lease: 60_000, limit: 100, changeToken: Fixture.token())
            if tasks.isEmpty { return }
            for task in tasks {
                switch task.kind {
                case .activate: break
                case .remove: _ = try await remove(task, leaseToken: lease, changeToken: Fixture.token())
                }
            }
        }
    }
}
