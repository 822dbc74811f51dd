public import SQL

/// The outcome of a change of a resource.
public enum ResourceChange: Sendable {
    case accepted
    case notFound
    /// The resource exists, but its status, version or retention forbids the change. The state was read after the refusal.
    case refused(ResourceState)
    /// The retention would leave its range.
    case retentionOutOfRange(ResourceState)
    case tooManyTags
    /// The streams of the account may name no further destination.
    case tooManyDestinations
}

/// The outcome of a creation.
public enum Creation: Sendable {
    case created(arn: String)
    /// By the resource that was read after the refusal; nil where it has gone since.
    case nameInUse(by: ResourceState?)
    case quotaReached
}

extension Store {
    /// The state that decides whether a resource may be changed, in any status.
    public func state(_ key: ResourceKey) async throws(DatabaseError) -> ResourceState? {
        try await database.read(key.statements.state, key.arguments + [.integer(key.creationTime)]).first
    }

    /// What accounts have in each region, at most `limit` of them, by account and region after one of them.
    public func usage(after: AccountUsage?, limit: Int) async throws(DatabaseError) -> [AccountUsage] {
        try await database.read(
            ResourceStatements.usage, [.text(after?.account ?? ""), .text(after?.region ?? ""), .integer(Int64(limit))])
    }

    /// Marks an ACTIVE resource that no mapping holds, of the expected version if one is given, as DELETING, and asks for its removal after
    /// `delay` milliseconds.
    public func delete(
        _ key: ResourceKey, expectedVersion: String?, removalDelay delay: Int64, _ change: Change
    ) async throws(DatabaseError) -> ResourceChange {
        var batch = Batch()
        batch.add(key.statements.lock, key.arguments)
        let deleted = batch.add(
            key.statements.delete, key.arguments + [.text(change.token), .integer(key.creationTime), .text(expectedVersion)])
        batch.add(task: .remove(key.kind), on: key, after: delay, change)
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: deleted, change, key)
    }

    /// Sets tags of a resource that is not DELETING: all of them, or none where it would have more than 50.
    public func setTags(_ key: ResourceKey, _ tags: [TagRecord], _ change: Change) async throws(DatabaseError) -> ResourceChange {
        try await changeTags(key, change) { batch in
            // In one order for everybody, though the lock on the resource already keeps two calls apart.
            for tag in tags.sorted(by: { $0.key < $1.key }) { batch.add(tag: tag, on: key, change) }
        }
    }

    /// Removes tags of a resource that is not DELETING; keys that it does not have are ignored.
    public func removeTags(_ key: ResourceKey, keys: [String], _ change: Change) async throws(DatabaseError) -> ResourceChange {
        try await changeTags(key, change) { batch in
            for tagKey in keys {
                batch.add(key.statements.removeTag, key.arguments + [.text(change.token), .text(tagKey)])
            }
        }
    }

    private func changeTags(_ key: ResourceKey, _ change: Change, _ add: (inout Batch) -> Void) async throws(DatabaseError)
        -> ResourceChange
    {
        var batch = Batch()
        let touched = batch.add(key.statements.touch, key.arguments + [.text(change.token), .integer(key.creationTime)])
        add(&batch)
        batch.add(key.statements.recountTags, key.arguments + [.text(change.token)])
        batch.addRecord(of: change, on: key)
        return try await resourceChange(batch, guarded: touched, change, key)
    }

    /// The resource's status and all its tags, or nil where there is no such resource.
    public func tags(_ key: ResourceKey) async throws(DatabaseError) -> (status: ResourceStatus, tags: [TagRecord])? {
        let rows = try await database.read(key.statements.tags, key.arguments + [.integer(key.creationTime)])
        guard let status = rows.first?.status else { return nil }
        let tags = rows.compactMap { row -> TagRecord? in
            guard let key = row.key, let value = row.value else { return nil }
            return TagRecord(key: key, value: value)
        }
        return (status, tags)
    }

    /// The events of a resource since a moment, in milliseconds since the epoch, in order. Reads the events of every resource since then.
    public func events(of resourceARN: String, since: Int64 = 0) async throws(DatabaseError) -> [EventRecord] {
        try await database.read(EventStatements.list, [.text(resourceARN), .integer(since)])
    }

    /// Commits a batch that creates a resource.
    func creation(_ batch: Batch, guarded: Batch.Reference<String>, _ change: Change, _ key: ResourceKey) async throws(DatabaseError)
        -> Creation
    {
        switch try await commit(batch, guarded: guarded, change, key) {
        case .accepted(let arn): return .created(arn: arn)
        case .violated(.name): return .nameInUse(by: try await state(key.anyIncarnation))
        case .violated(let other): throw DatabaseError(.mistake, "creating a \(key.kind) violated \(other)")
        case .refused:
            // Whoever creates what is there already is told so, quota or not.
            guard let found = try await state(key.anyIncarnation) else { return .quotaReached }
            return .nameInUse(by: found)
        }
    }

    /// Commits a batch that changes a resource.
    func resourceChange(
        _ batch: Batch, guarded: Batch.Reference<String>, _ change: Change, _ key: ResourceKey
    ) async throws(DatabaseError) -> ResourceChange {
        switch try await commit(batch, guarded: guarded, change, key) {
        case .accepted: return .accepted
        case .violated(.tagLimit): return .tooManyTags
        case .violated(.streamRetention):
            guard let found = try await state(key) else { return .notFound }
            return .retentionOutOfRange(found)
        case .violated(let other): throw DatabaseError(.mistake, "changing a \(key.kind) violated \(other)")
        case .refused:
            guard let found = try await state(key) else { return .notFound }
            return .refused(found)
        }
    }

    /// The range of names that begin with `prefix` and come after `after`: the first, and one beyond the last.
    static func range(prefix: String, after: String?) -> [SQLValue] {
        // Names are ASCII without control characters, so U+0001 makes the least text after a name and U+007F one beyond all that it begins.
        let first = if let after, after >= prefix { after + "\u{1}" } else { prefix }
        return [.text(first), .text(prefix + "\u{7F}")]
    }
}

extension Batch {
    /// A batch that creates a resource, which begins by counting it.
    init(creating key: ResourceKey) {
        self.init(firstLock: "account_usage \(key.account) \(key.region)")
    }

    /// Sets a tag on the resource that the change was made to.
    mutating func add(tag: TagRecord, on key: ResourceKey, _ change: Change) {
        add(key.statements.setTag, key.arguments + [.text(change.token), .text(tag.key), .text(tag.value)])
    }

    /// Asks for work on the resource that the change was made to.
    mutating func add(task kind: TaskKind, on key: ResourceKey, after delay: Int64, _ change: Change) {
        add(
            key.statements.insertTask,
            key.arguments + [.text(change.token), .text(kind.rawValue), .text(change.keyID), .text(change.requestID), .integer(delay)])
    }

    /// Tells what happened to whoever is to be told. Where `creation` is given, it is what created the resource.
    mutating func add(
        event type: String, status: String? = nil, on key: ResourceKey, keyID: String, requestID: String, token: String,
        creation: Change.Retry? = nil
    ) {
        let changed = key.arguments + [.text(token), .text(type)]
        add(
            key.statements.insertEvent,
            changed + [.text(keyID), .text(requestID), .text(status), .text(creation?.invocationID), .text(creation?.bodyHash)])
        let told = add(key.statements.insertDeliveries, changed)
        add(key.statements.enqueueDeliveries, key.arguments + [.text(token)], after: told)
    }

    /// Tells what happened, in the status `status` if it is not the resource's, and keeps the answer for a client that may lose it.
    mutating func addRecord(of change: Change, status: String? = nil, on key: ResourceKey) {
        add(
            event: change.operation, status: status, on: key, keyID: change.keyID, requestID: change.requestID, token: change.token)
        guard let call = change.call else { return }
        add(key.statements.insertMutation, key.arguments + [.text(change.token)] + call)
    }

    /// Tells that a resource was created. Its event says by what call: a client that lost the answer finds it by the resource, and a record of
    /// the answer is written only when the resource goes.
    mutating func addRecord(ofCreation change: Change, on key: ResourceKey) {
        add(
            event: change.operation, on: key, keyID: change.keyID, requestID: change.requestID, token: change.token, creation: change.retry)
        guard let call = change.call else { return }
        add(MutationStatements.refuseRepetition, call)
    }
}
