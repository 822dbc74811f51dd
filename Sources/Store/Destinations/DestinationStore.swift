public import SQL

extension Store {
    /// Every destination, the oldest first; of each, at most `counting` events that wait are counted.
    public func destinations(counting: Int = 10_000) async throws(DatabaseError) -> [DestinationRecord] {
        try await database.read(DestinationStatements.list, [.integer(Int64(counting))])
    }

    public func destination(_ id: String) async throws(DatabaseError) -> DestinationRecord? {
        try await database.read(DestinationStatements.find, [.text(id)]).first
    }

    /// Adds a subscription. It gets the events that happen from now on.
    public func addSubscription(_ new: NewSubscription) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(
            DestinationStatements.insertSubscription,
            [
                .text(new.id), .text(new.kind.rawValue), .text(new.target), .text(new.account),
                .text(new.types.map { "," + $0.joined(separator: ",") + "," }), .text(new.resourcePrefix),
                .text(new.contentType),
                .text(new.headersSealed),
            ])
        _ = try await write(batch)
    }

    /// Sets the status of a destination; false where there is none of this id, or it has this status. ACTIVE forgets the failures.
    public func setDestinationStatus(_ id: String, _ status: DestinationStatus, reason: String?) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let set = batch.add(DestinationStatements.setStatus, [.text(id), .text(status.rawValue), .text(reason)])
        return try await !write(batch).rows(set).isEmpty
    }

    /// Removes a subscription with all that waits for it; false where there is none of this id.
    public func removeSubscription(_ id: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let removed = batch.add(DestinationStatements.remove, [.text(id)])
        batch.add(DestinationStatements.removeSecrets, [.text(id)])
        guard try await !write(batch).rows(removed).isEmpty else { return false }
        try await abandonDeliveries(of: id, because: nil)
        return true
    }

    /// Ends what waits for a destination: gives the events up for a reason, or forgets them where there is none. Not if it is enabled
    /// again meanwhile.
    public func abandonDeliveries(of id: String, because reason: String?) async throws(DatabaseError) {
        let limit = 100
        var queues: [LeasedQueue]
        var removed = 0
        repeat {
            removed = 0
            queues = try await database.read(DeliveryStatements.queues, [.text(id), .integer(Int64(limit))])
            // One after the other, so that no batch holds more than one queue.
            for queue in queues {
                let names: [SQLValue] = [.text(queue.destinationID), .text(queue.resourceARN)]
                var batch = Batch()
                if let reason {
                    batch.add(DeliveryStatements.giveUp, names + [.text(reason)])
                } else {
                    batch.add(DeliveryStatements.forget, names)
                }
                let gone = batch.add(DeliveryStatements.removeAbandonedQueue, names + [.integer(queue.enqueued)])
                removed += try await write(batch).rows(gone).count
            }
        } while queues.count == limit && removed > 0
    }

    /// Ends the deliveries for destinations that are gone or disabled: events may have been written while they went.
    public func abandonUndeliverable() async throws(DatabaseError) {
        for destination in try await database.read(DeliveryStatements.abandoned, []) {
            try await abandonDeliveries(of: destination.id, because: destination.reason)
        }
    }

    /// Gives up everything that waits for a destination now, whatever its status; returns how many events. They can be sent again.
    public func dropDeliveries(of id: String, because reason: String) async throws(DatabaseError)
        -> Int
    {
        let limit = 500
        var dropped = 0
        var after = ""
        while true {
            let queues = try await database.read(
                DeliveryStatements.queuesAfter, [.text(id), .text(after), .integer(Int64(limit))])
            // One after the other, and not too many events at once, so that no batch takes long or holds more than one queue.
            for queue in queues {
                let names: [SQLValue] = [.text(queue.destinationID), .text(queue.resourceARN)]
                var count: Int
                repeat {
                    var batch = Batch()
                    let given = batch.add(
                        DeliveryStatements.drop, names + [.text(reason), .integer(Int64(limit))])
                    count = try await write(batch).rows(given).count
                    dropped += count
                } while count == limit
                var batch = Batch()
                batch.add(DeliveryStatements.removeDroppedQueue, names + [.integer(queue.enqueued)])
                _ = try await write(batch)
            }
            guard let last = queues.last, queues.count == limit else { return dropped }
            after = last.resourceARN
        }
    }

    /// Looks after the destinations that no stream has named for `age` milliseconds: those that fail are disabled, and those that nothing waits
    /// for are removed.
    public func removeUnusedDestinations(olderThan age: Int64, failures: Int)
        async throws(DatabaseError)
    {
        var batch = Batch()
        batch.add(DestinationStatements.disableUnused, [.integer(age), .integer(Int64(failures))])
        batch.add(DestinationStatements.removeUnused, [.integer(age)])
        _ = try await write(batch)
    }

    /// Records the attempts at a destination: whether some succeeded, and how many have failed since.
    public func noteAttempts(of id: String, succeeded: Bool, failuresSince: Int) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(DestinationStatements.note, [.text(id), .integer(succeeded ? 1 : 0), .integer(Int64(failuresSince))])
        _ = try await write(batch)
    }

    /// Sends nothing to a destination for `delay` milliseconds.
    public func holdBack(_ id: String, for delay: Int64) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(DestinationStatements.holdBack, [.text(id), .integer(delay)])
        _ = try await write(batch)
    }

    /// Makes due now what is due later than `wait` milliseconds from now, which is longer than anything is made to wait: the database's clock ran
    /// ahead when it was written, and was put right.
    public func releaseDeliveries(dueLaterThan wait: Int64) async throws(DatabaseError) {
        for destination in try await destinations(counting: 0) {
            var batch = Batch()
            batch.add(DeliveryStatements.releaseLate, [.text(destination.id), .integer(wait)])
            _ = try await write(batch)
        }
        var batch = Batch()
        batch.add(DestinationStatements.releaseLate, [.integer(wait)])
        _ = try await write(batch)
    }

    /// The destinations whose every attempt of the last `age` milliseconds failed.
    public func failingDestinations(for age: Int64) async throws(DatabaseError) -> [DestinationRecord] {
        try await database.read(DestinationStatements.failing, [.integer(age)])
    }

    /// Pauses a destination whose every attempt of the last `age` milliseconds failed, and writes the event under an ARN; false where an attempt has
    /// succeeded meanwhile.
    public func pauseFailing(_ id: String, for age: Int64, subjectARN: String, token: String) async throws(DatabaseError) -> Bool {
        let moment = try await now()
        var batch = Batch()
        let paused = batch.add(DestinationStatements.pauseFailing, [.text(id), .integer(age), .text(token)])
        batch.add(DestinationStatements.insertPausedEvent, [.text(id), .text(subjectARN), .text(token), .integer(moment)])
        batch.addDeliveries(of: subjectARN, at: moment, token: token)
        return try await !write(batch).rows(paused).isEmpty
    }

    /// The two newest secrets of an owner, the newest first.
    public func webhookSecrets(owner: String) async throws(DatabaseError) -> [WebhookSecretRecord] {
        try await database.read(DestinationStatements.secrets, [.text(owner)])
    }

    /// Adds a secret of an owner and removes all but the two newest; false where another was added at the same moment.
    public func addWebhookSecret(owner: String, secretSealed: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let added = batch.add(DestinationStatements.insertSecret, [.text(owner), .text(secretSealed)])
        batch.add(DestinationStatements.removeOldSecrets, [.text(owner)])
        return try await !write(batch).rows(added).isEmpty
    }

    /// Removes the secrets of an owner; returns how many.
    public func removeWebhookSecrets(owner: String) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(DestinationStatements.removeSecrets, [.text(owner)])
        return try await write(batch).rows(removed).count
    }
}
