public import SQL

extension Store {
    /// The destinations that may be sent to now and that have events which are due.
    public func dueDestinations() async throws(DatabaseError) -> [DestinationRecord] {
        try await database.read(DeliveryStatements.due, [])
    }

    /// Leases at most `limit` queues of a destination for `lease` milliseconds. A lease saves work, it does not make it right: what is sent
    /// twice carries the same id.
    public func claimQueues(of destinationID: String, leaseToken: String, lease: Int64, limit: Int) async throws(DatabaseError)
        -> [LeasedQueue]
    {
        var batch = Batch()
        let claimed = batch.add(
            DeliveryStatements.claim, [.text(destinationID), .text(leaseToken), .integer(lease), .integer(Int64(limit))])
        return try await write(batch).rows(claimed)
    }

    /// The events that wait in the queues of one destination that one claim has leased: the first `limit` of each queue, in their order.
    public func waitingEvents(in queues: [LeasedQueue], leaseToken: String, limit: Int) async throws(DatabaseError) -> [WaitingEvent] {
        guard let first = queues.first else { return [] }
        let ends = queues.map(\.leasedUntil)
        return try await database.read(
            DeliveryStatements.waiting,
            [
                .text(leaseToken), .integer(Int64(limit)), .text(first.destinationID), .integer(ends.min() ?? 0), .integer(ends.max() ?? 0),
            ])
    }

    /// Writes down what became of a leased queue, and gives it back or, where it is empty, removes it. The batch holds one queue's row only, and
    /// none of a destination, so that two never wait for each other.
    /// Answers whether something may wait in it still.
    @discardableResult
    public func finishQueue(_ finished: FinishedQueue) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        batch.addAttempts(of: finished)
        return try await end(finished, &batch)
    }

    /// Does the same for many queues in one batch, which waits for none of their rows. Returns those that another instance held or had added to:
    /// their attempts are written down, and `endLease(of:)` still has to end their lease.
    public func finishQueues(_ finished: [FinishedQueue]) async throws(DatabaseError) -> [FinishedQueue] {
        var batch = Batch()
        // In one order for everybody, where a lease that has ended was taken over.
        let order = finished.sorted { ($0.queue.resourceARN, $0.queue.destinationID) < ($1.queue.resourceARN, $1.queue.destinationID) }
        for queue in order { batch.addAttempts(of: queue) }
        var ends = finished.filter(\.isEmpty).map { queue in
            batch.add(DeliveryStatements.removeFreeQueue, queue.arguments + [.integer(queue.queue.enqueued)])
        }
        ends += finished.filter { !$0.isEmpty }.map { queue in
            batch.add(DeliveryStatements.releaseFreeQueue, queue.arguments + [.integer(queue.delay)])
        }
        let result = try await write(batch)
        var ended: Set<[SQLValue]> = []
        for end in ends { ended.formUnion(try result.rows(end)) }
        return finished.filter { !ended.contains($0.arguments) }
    }

    /// Gives a queue back or removes it once its attempts are written down. Returns whether events may still wait in it.
    @discardableResult
    public func endLease(of finished: FinishedQueue) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        return try await end(finished, &batch)
    }

    private func end(_ finished: FinishedQueue, _ batch: inout Batch) async throws(DatabaseError) -> Bool {
        let removed =
            finished.isEmpty ? batch.add(DeliveryStatements.removeQueue, finished.arguments + [.integer(finished.queue.enqueued)]) : nil
        batch.add(DeliveryStatements.releaseQueue, finished.arguments + [.integer(finished.delay)])
        let result = try await write(batch)
        guard let removed else { return true }
        return try result.rows(removed).isEmpty
    }

    fileprivate static func arguments(_ event: EventKey, _ destinationID: String) -> [SQLValue] {
        [.integer(event.occurredAt), .text(event.resourceARN), .integer(event.sequence), .text(destinationID)]
    }

    /// What time the database has, in milliseconds since the epoch.
    public func now() async throws(DatabaseError) -> Int64 {
        try await database.read(DeliveryStatements.now, []).first ?? 0
    }

    /// At most `limit` events after one, in the order of time: of `after`, or from the moment `since` on.
    public func events(after: EventKey?, since: Int64, limit: Int) async throws(DatabaseError) -> [Event] {
        try await database.read(
            DeliveryStatements.tail,
            [
                .integer(after?.occurredAt ?? since), .text(after?.resourceARN ?? ""), .integer(after?.sequence ?? 0),
                .integer(Int64(limit)),
            ])
    }

    public func event(_ key: EventKey) async throws(DatabaseError) -> Event? {
        try await database.read(
            DeliveryStatements.findEvent, [.integer(key.occurredAt), .text(key.resourceARN), .integer(key.sequence)]
        ).first
    }

    /// How an event stands with each destination that is to be told of it.
    public func deliveries(of key: EventKey) async throws(DatabaseError) -> [DeliveryRecord] {
        try await database.read(
            DeliveryStatements.deliveries, [.integer(key.occurredAt), .text(key.resourceARN), .integer(key.sequence)])
    }

    /// The attempts to tell of an event that failed, in the order of time.
    public func failedAttempts(of key: EventKey) async throws(DatabaseError) -> [FailedAttempt] {
        try await database.read(DeliveryStatements.attempts, [.text(key.resourceARN), .integer(key.sequence)])
    }

    /// Why the newest attempt at a destination failed; nil where none fails, or what is known of it has been removed.
    public func lastFailure(at destination: DestinationRecord) async throws(DatabaseError) -> String? {
        guard let since = destination.failingSince else { return nil }
        // The destination's row is written up to some seconds after the attempt.
        return try await database.read(DeliveryStatements.lastFailure, [.text(destination.id), .integer(since - 60_000)]).first
    }

    /// At most `limit` events that were given up, after one, in the order of time: of `after`, or from the moment `since` on.
    public func deadLetters(after: DeadLetter?, since: Int64, limit: Int) async throws(DatabaseError) -> [DeadLetter] {
        try await database.read(
            DeliveryStatements.dead,
            [
                .integer(after?.event.occurredAt ?? since), .text(after?.event.resourceARN ?? ""), .integer(after?.event.sequence ?? 0),
                .text(after?.destinationID ?? ""), .integer(Int64(limit)),
            ])
    }

    /// Sends an event to a destination again, marked as a replay; false where it still waits, or never was for this destination.
    public func replay(_ key: EventKey, to destinationID: String) async throws(DatabaseError) -> Bool {
        let arguments = Self.arguments(key, destinationID)
        var batch = Batch()
        let replayed = batch.add(DeliveryStatements.replay, arguments)
        batch.add(DeliveryStatements.enqueueReplay, arguments)
        return try await !write(batch).rows(replayed).isEmpty
    }

    /// How many events wait for their destinations; at most `limit` are counted.
    public func pendingDeliveries(limit: Int64) async throws(DatabaseError) -> Int64 {
        try await database.read(DeliveryStatements.countPending, [.integer(limit)]).first ?? 0
    }

    /// How many of the first `limit` events wait for destinations of each status, and for destinations that are gone, and the age of the oldest.
    public func deliveryBacklog(limit: Int64) async throws(DatabaseError) -> [DeliveryBacklog] {
        try await database.read(DeliveryStatements.backlog, [.integer(limit)]).first ?? []
    }

    /// How many events wait of each account of which at least `least` do, counted to about `limit`. Events for a subscription that an
    /// operator has paused count for no account, and events for a disabled destination are about to go.
    public func waitingEventsOfAccounts(atLeast least: Int64, countedTo limit: Int64) async throws(DatabaseError) -> [String: Int64] {
        // Nearly always so: fewer events wait in all than of one account may.
        guard try await pendingDeliveries(limit: least) >= least else { return [:] }
        let ignored = Set(try await destinations(counting: 0).filter(\.isIgnoredInCounts).map(\.id))
        var counts: [String: Int64] = [:]
        var (destination, resource) = ("", "")
        while let queue = try await database.read(DeliveryStatements.nextQueue, [.text(destination), .text(resource)]).first {
            destination = queue.destinationID
            guard !ignored.contains(destination) else {
                resource = Self.beyondAll
                continue
            }
            // The ARNs of an account and region begin alike, and lie side by side.
            let fields = queue.resourceARN.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
            let prefix = fields.prefix(5).joined(separator: ":") + ":"
            resource = fields.count == 6 ? prefix + Self.beyondAll : queue.resourceARN
            guard fields.count == 6, counts[String(fields[4]), default: 0] < limit else { continue }
            let count =
                try await database.read(
                    DeliveryStatements.countPendingOf, [.text(destination), .text(prefix), .text(resource), .integer(limit)]
                ).first ?? 0
            counts[String(fields[4]), default: 0] += count
        }
        return counts.filter { $0.value >= least && !$0.key.isEmpty }
    }

    /// Sorts behind every text that an ARN can hold.
    private static let beyondAll = "\u{10FFFF}"

    /// Writes an event of something that no resource counts, such as a limit that was reached: once for each `subjectARN` and moment. False where
    /// it is there already.
    public func tell(
        _ name: EventName, subjectARN: String, account: String, region: String, status: String, keyID: String, requestID: String,
        at moment: Int64, token: String
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let told = batch.add(
            DeliveryStatements.insertEvent,
            [
                .text(subjectARN), .text(name.rawValue), .text(account), .text(region), .text(status), .text(token), .text(keyID),
                .text(requestID),
                .integer(moment),
            ])
        batch.addDeliveries(of: subjectARN, at: moment, token: token)
        return try await !write(batch).rows(told).isEmpty
    }

    /// Removes at most `limit` deliveries that ended `age` milliseconds ago; returns how many.
    public func removeDeliveries(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(DeliveryStatements.removeOld, age, limit)
    }

    /// Removes at most `limit` failed attempts older than `age` milliseconds; returns how many.
    public func removeAttempts(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(DeliveryStatements.removeOldAttempts, age, limit)
    }
}

extension FinishedQueue {
    /// Whether nothing waits in it as far as is known.
    fileprivate var isEmpty: Bool { outcome.failure == nil && !outcome.hasMore }

    /// Milliseconds until it may be claimed again.
    fileprivate var delay: Int64 { outcome.failure.map { $0.isLast ? 0 : $0.delay } ?? outcome.delay }

    fileprivate var arguments: [SQLValue] { [.text(queue.destinationID), .text(queue.resourceARN), .text(leaseToken)] }
}

extension Batch {
    /// Tells an event that no resource counts to whoever is to be told.
    mutating func addDeliveries(of subjectARN: String, at moment: Int64, token: String) {
        let event: [SQLValue] = [.text(subjectARN), .integer(moment), .text(token)]
        add(DeliveryStatements.insertEventDeliveries, event)
        add(DeliveryStatements.enqueueEventDeliveries, event)
    }

    /// Writes down which events have arrived, and which has not.
    fileprivate mutating func addAttempts(of finished: FinishedQueue) {
        let id = finished.queue.destinationID
        for (event, status) in finished.outcome.delivered {
            add(DeliveryStatements.deliver, Store.arguments(event, id) + [.integer(status)])
        }
        guard let failure = finished.outcome.failure else { return }
        add(
            DeliveryStatements.insertAttempt,
            Store.arguments(failure.event, id) + [
                .integer(failure.attempt), .integer(failure.duration), .integer(failure.status), .text(failure.error),
            ])
        add(
            DeliveryStatements.fail,
            Store.arguments(failure.event, id) + [
                .integer(failure.status), .text(failure.error), .integer(failure.isLast ? 1 : 0), .integer(failure.attempt),
            ])
    }
}

extension DestinationRecord {
    /// Whether what waits for it counts for no account.
    fileprivate var isIgnoredInCounts: Bool {
        switch (status, origin) {
        case (.disabled, _), (.paused, .subscription): true
        case (.active, _), (.paused, .stream): false
        }
    }
}
