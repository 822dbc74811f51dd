public import SQL

extension Store {
    /// Every destination, the oldest first; of each, at most `counting` events that wait are counted.
    public func destinations(counting: Int = 10_000) async throws(DatabaseError) -> [DestinationRecord] {
        try await database.read(DestinationStatements.list, [.integer(Int64(counting))])
    }

    public func destination(_ id: String) async throws(DatabaseError) -> DestinationRecord? {
        try await database.read(DestinationStatements.find, [.text(id)]).first
    }

    /// Adds a subscription. It is told of what happens from now on.
    public func addSubscription(_ new: NewSubscription) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(
            DestinationStatements.insertSubscription,
            [
                .text(new.id), .text(new.kind.rawValue), .text(new.target), .text(new.account),
                .text(new.types.map { "," + $0.joined(separator: ",") + "," }), .text(new.resourcePrefix),
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

    /// Ends what waits for destinations that are gone or disabled: what was told while they went.
    public func abandonUndeliverable() async throws(DatabaseError) {
        for destination in try await database.read(DeliveryStatements.abandoned, []) {
            try await abandonDeliveries(of: destination.id, because: destination.reason)
        }
    }

    /// Writes down how a destination is: whether attempts succeeded, and how many have failed since.
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

    /// The destinations that have done nothing but fail for `age` milliseconds.
    public func failingDestinations(for age: Int64) async throws(DatabaseError) -> [DestinationRecord] {
        try await database.read(DestinationStatements.failing, [.integer(age)])
    }

    /// Pauses a destination that has done nothing but fail for `age` milliseconds, and tells so under an ARN; false where it is no such any more.
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

    /// Adds a secret of an owner, or only its first, and removes those that are not among the two newest any more; false where it was not added.
    public func addWebhookSecret(owner: String, secretSealed: String, onlyFirst: Bool) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let added = batch.add(
            DestinationStatements.insertSecret, [.text(owner), .text(secretSealed), .integer(onlyFirst ? 1 : 0)])
        batch.add(DestinationStatements.removeOldSecrets, [.text(owner)])
        return try await !write(batch).rows(added).isEmpty
    }
}
