public import SQL

extension Store {
    /// A day in milliseconds: the longest that a configuration may have a status last, and so the longest wait of any task.
    public static let day: Int64 = 24 * 60 * 60 * 1000
    /// Ten minutes in milliseconds, for which answers of mutations are kept: longer than any SDK repeats a call. Events are kept longer.
    public static let answerRetention: Int64 = 10 * 60 * 1000

    /// Claims at most `limit` tasks that are due, for `lease` milliseconds. A lease saves work and is not needed for correctness: a
    /// worker that finishes late changes nothing, because the state of the resource guards every finish.
    ///
    /// A task that is due in more than `longestWait` milliseconds, and in more than a lease, counts as due: the clock was ahead when it was put off,
    /// and was put right since. Of those at most `limit` are claimed besides.
    public func claimTasks(
        leaseToken: String, lease: Int64, longestWait: Int64 = Store.day, limit: Int
    ) async throws(DatabaseError) -> [TaskRecord] {
        var batch = Batch()
        let claimed = batch.addClaim(leaseToken: leaseToken, lease: lease, longestWait: longestWait, limit: limit)
        return try await write(batch).rows(claimed)
    }

    /// Milliseconds until the next task is due; zero or less where one is due, nil where none waits.
    public func nextTaskDue() async throws(DatabaseError) -> Int64? {
        try await database.read(TaskStatements.nextDue, []).first
    }

    /// How many of the first `limit` tasks of each kind wait, and the age of the oldest.
    public func taskBacklog(limit: Int64) async throws(DatabaseError) -> [TaskBacklog] {
        try await database.read(TaskStatements.backlog, [.integer(limit)]).first ?? []
    }

    /// Claims tasks as `claimTasks` does and, in the same commit, ends the activations among them: makes the resources ACTIVE and tells so, under
    /// the token `changeToken`. Returns the claimed tasks, of which the removals are still to be done.
    public func claimTasksAndActivate(
        leaseToken: String, lease: Int64, longestWait: Int64 = Store.day, limit: Int, changeToken: String
    ) async throws(DatabaseError) -> [TaskRecord] {
        var batch = Batch()
        let claimed = batch.addClaim(leaseToken: leaseToken, lease: lease, longestWait: longestWait, limit: limit)
        for kind in ResourceKind.allCases { batch.addActivations(of: kind, leaseToken: leaseToken, changeToken: changeToken) }
        return try await write(batch).rows(claimed)
    }

    /// Makes every resource of a kind ACTIVE whose activation is leased, tells so, and ends the tasks. Returns how many this call made ACTIVE.
    public func activate(_ kind: ResourceKind, leaseToken: String, changeToken: String) async throws(DatabaseError) -> Int {
        var batch = Batch()
        batch.add(kind.statements.lockActivations, [.text(leaseToken)])
        let activated = batch.addActivations(of: kind, leaseToken: leaseToken, changeToken: changeToken)
        return try await write(batch).rows(activated).count
    }

    /// Removes a DELETING resource with everything that belongs to it, tells so, and ends the task. Returns whether this call removed it. A
    /// stream's media goes out of the index first, some of it at a time.
    public func remove(_ task: TaskRecord, leaseToken: String, changeToken: String) async throws(DatabaseError) -> Bool {
        let key = task.key
        switch key.kind {
        case .stream: try await removeMedia(ofStream: task.resourceARN, limit: 1000)
        case .channel: break
        }
        let statements = key.statements
        let changed = key.arguments + [.text(changeToken)]
        var batch = Batch()
        batch.add(ResourceStatements.lockUsage, [.text(key.account), .text(key.region)])
        let claimed = batch.add(statements.claimRemoval, changed + [.text(task.resourceARN), .text(leaseToken)])
        batch.add(
            event: key.kind.statusChangeEvent.rawValue, status: "DELETED", on: key, keyID: task.keyID, requestID: task.requestID,
            token: changeToken)
        batch.add(statements.insertCreation, changed + [.integer(Self.answerRetention)])
        batch.add(statements.uncount, changed)
        batch.add(statements.removeTags, changed)
        switch key.kind {
        case .stream:
            batch.add(ChannelStatements.countUnmapping, changed)
            batch.add(ChannelStatements.insertUnmappingEvent, changed + [.text(task.keyID), .text(task.requestID)])
            batch.add(ChannelStatements.insertUnmappingDeliveries, changed)
            batch.add(ChannelStatements.enqueueUnmappingDeliveries, changed)
            batch.add(ChannelStatements.unmap, changed)
            batch.add(EdgeStatements.removeOfStream, changed)
            batch.add(MediaStatements.removeStream, changed)
        case .channel: break
        }
        batch.add(statements.remove, changed)
        batch.add(TaskStatements.remove, [.text(task.resourceARN), .text(task.kind.rawValue), .text(leaseToken)])
        return try await !write(batch).rows(claimed).isEmpty
    }

    /// Removes at most `limit` events older than `age` milliseconds; returns how many.
    public func removeEvents(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(EventStatements.removeOld, age, limit)
    }

    /// Removes at most `limit` kept answers older than `age` milliseconds; returns how many.
    public func removeAnsweredMutations(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(MutationStatements.removeOld, age, limit)
    }

    func removeOld(_ statement: Statement<Int64>, _ age: Int64, _ limit: Int) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(statement, [.integer(age), .integer(Int64(limit))])
        return try await write(batch).rows(removed).count
    }
}

extension Batch {
    fileprivate mutating func addClaim(leaseToken: String, lease: Int64, longestWait: Int64, limit: Int) -> Reference<TaskRecord> {
        add(TaskStatements.claim, [.text(leaseToken), .integer(lease), .integer(Int64(limit)), .integer(max(lease, longestWait))])
    }

    /// Ends the activations of a kind that are leased, and whose tasks nobody else can claim until the batch ends.
    @discardableResult
    fileprivate mutating func addActivations(of kind: ResourceKind, leaseToken: String, changeToken: String) -> Reference<String> {
        let statements = kind.statements
        let activated = add(statements.activateLeased, [.text(leaseToken), .text(changeToken)])
        add(statements.insertActivationEvents, [.text(leaseToken), .text(changeToken)], after: activated)
        let told = add(statements.insertActivationDeliveries, [.text(leaseToken), .text(changeToken)], after: activated)
        add(statements.enqueueActivationDeliveries, [.text(leaseToken), .text(changeToken)], after: told)
        add(statements.removeActivations, [.text(leaseToken)])
        return activated
    }
}
