public import SQL

extension Store {
    /// The destinations that have events which are due, and that may be sent to now.
    public func dueDestinations() async throws(DatabaseError) -> [String] {
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

    /// At most `limit` of the events that wait in the queues leased under a token, each queue's in their order.
    public func waitingEvents(leaseToken: String, limit: Int) async throws(DatabaseError) -> [WaitingEvent] {
        try await database.read(DeliveryStatements.waiting, [.text(leaseToken), .integer(Int64(limit))])
    }

    /// What became of the events of a leased queue that were attempted, in their order.
    public struct QueueOutcome: Sendable {
        /// Sequence numbers and HTTP statuses of those that arrived.
        public var delivered: [(sequence: Int64, status: Int64?)] = []
        /// The one that did not.
        public var failure: Failure?
        /// Whether more waited than were attempted.
        public var hasMore: Bool

        public init(hasMore: Bool) { self.hasMore = hasMore }

        /// An attempt that failed, after which the queue waits.
        public struct Failure: Sendable {
            public let sequence: Int64
            public let attempt: Int64
            /// Milliseconds.
            public let duration: Int64
            public let status: Int64?
            public let error: String
            /// Whether the event is given up, so that later ones may pass.
            public let isLast: Bool
            /// Milliseconds until the next attempt.
            public let delay: Int64
            /// Milliseconds for which nothing is sent to the destination at all.
            public let destinationDelay: Int64

            public init(
                sequence: Int64, attempt: Int64, duration: Int64, status: Int64?, error: String, isLast: Bool, delay: Int64,
                destinationDelay: Int64
            ) {
                self.sequence = sequence
                self.attempt = attempt
                self.duration = duration
                self.status = status
                self.error = error
                self.isLast = isLast
                self.delay = delay
                self.destinationDelay = destinationDelay
            }
        }
    }

    /// Writes down what became of a leased queue, and gives it back or, where it is empty, removes it. A batch holds one queue's row only, so that
    /// two never wait for each other.
    public func finishQueue(_ queue: LeasedQueue, leaseToken: String, _ outcome: QueueOutcome) async throws(DatabaseError) {
        let names: [SQLValue] = [.text(queue.destinationID), .text(queue.resourceARN)]
        var batch = Batch()
        for event in outcome.delivered {
            batch.add(DeliveryStatements.deliver, names + [.integer(event.sequence), .integer(event.status)])
        }
        guard let failure = outcome.failure else {
            if !outcome.hasMore { batch.add(DeliveryStatements.removeQueue, names + [.text(leaseToken), .integer(queue.enqueued)]) }
            batch.add(DeliveryStatements.releaseQueue, names + [.text(leaseToken), 0, 1])
            if queue.attempt > 1 { batch.add(DestinationStatements.succeed, [.text(queue.destinationID)]) }
            _ = try await write(batch)
            return
        }
        batch.add(
            DeliveryStatements.insertAttempt,
            names + [
                .integer(failure.sequence), .integer(failure.attempt), .integer(failure.duration), .integer(failure.status),
                .text(failure.error),
            ])
        batch.add(
            DeliveryStatements.fail,
            names + [.integer(failure.sequence), .integer(failure.status), .text(failure.error), .integer(failure.isLast ? 1 : 0)])
        // The attempts of the next one that waits are counted anew; where some were delivered before it, this was its first.
        let startsAnew = failure.isLast
        batch.add(
            DeliveryStatements.releaseQueue,
            names + [.text(leaseToken), .integer(startsAnew ? 0 : failure.delay), .integer(startsAnew ? 1 : 0)])
        _ = try await write(batch)
        // Apart, so that queues of one destination do not wait for each other's batches.
        var destination = Batch()
        destination.add(DestinationStatements.fail, [.text(queue.destinationID), .integer(failure.destinationDelay)])
        _ = try await write(destination)
    }

    /// At most `limit` events after one, in the order of time: of `after`, or from the moment `since` on.
    public func events(after: EventKey?, since: Int64, limit: Int) async throws(DatabaseError) -> [TellingEvent] {
        try await database.read(
            DeliveryStatements.tail,
            [
                .integer(after?.occurredAt ?? since), .text(after?.resourceARN ?? ""), .integer(after?.sequence ?? 0),
                .integer(Int64(limit)),
            ])
    }

    public func event(_ key: EventKey) async throws(DatabaseError) -> TellingEvent? {
        try await database.read(
            DeliveryStatements.findEvent, [.integer(key.occurredAt), .text(key.resourceARN), .integer(key.sequence)]
        ).first
    }

    /// How an event stands with each destination that is to be told of it.
    public func deliveries(of key: EventKey) async throws(DatabaseError) -> [DeliveryRecord] {
        try await database.read(DeliveryStatements.deliveries, [.text(key.resourceARN), .integer(key.sequence)])
    }

    /// The attempts to tell of an event that failed, in the order of time.
    public func failedAttempts(of key: EventKey) async throws(DatabaseError) -> [FailedAttempt] {
        try await database.read(DeliveryStatements.attempts, [.text(key.resourceARN), .integer(key.sequence)])
    }

    /// Sends an event to a destination again, marked as a replay; false where it was never to go there, or still waits.
    public func replay(_ key: EventKey, to destinationID: String) async throws(DatabaseError) -> Bool {
        let names: [SQLValue] = [.text(destinationID), .text(key.resourceARN), .integer(key.sequence)]
        var batch = Batch()
        let replayed = batch.add(DeliveryStatements.replay, names)
        batch.add(DeliveryStatements.enqueueReplay, names)
        return try await !write(batch).rows(replayed).isEmpty
    }

    /// How many events wait for their destinations; at most `limit` are counted.
    public func pendingDeliveries(limit: Int64) async throws(DatabaseError) -> Int64 {
        try await database.read(DeliveryStatements.countPending, [.integer(limit)]).first ?? 0
    }

    /// Tells of something that no resource counts, such as a limit that was reached: once for each `subjectARN` and moment. False where that
    /// was told already.
    public func tell(
        _ type: String, subjectARN: String, account: String, region: String, status: String, keyID: String, requestID: String,
        at moment: Int64,
        token: String
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let told = batch.add(
            DeliveryStatements.insertEvent,
            [
                .text(subjectARN), .text(type), .text(account), .text(region), .text(status), .text(token), .text(keyID), .text(requestID),
                .integer(moment),
            ])
        let event: [SQLValue] = [.text(subjectARN), .integer(moment), .text(token)]
        batch.add(DeliveryStatements.insertEventDeliveries, event)
        batch.add(DeliveryStatements.enqueueEventDeliveries, event)
        return try await !write(batch).rows(told).isEmpty
    }

    /// Removes at most `limit` deliveries that ended `age` milliseconds ago; answers how many.
    public func removeDeliveries(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(DeliveryStatements.removeOld, age, limit)
    }

    /// Removes at most `limit` failed attempts older than `age` milliseconds; answers how many.
    public func removeAttempts(olderThan age: Int64, limit: Int) async throws(DatabaseError) -> Int {
        try await removeOld(DeliveryStatements.removeOldAttempts, age, limit)
    }
}
