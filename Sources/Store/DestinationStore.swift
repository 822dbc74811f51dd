public import SQL

extension Store {
    /// Every destination, the oldest first; of each, at most `counting` queues that wait are counted.
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
        // Nobody sends these any more. In bounded steps, so that no lock is held for long.
        let step = 1000
        while try await removeSome(DeliveryStatements.removeQueuesOf, [.text(id), .integer(Int64(step))]) == step {}
        while try await removeSome(DeliveryStatements.removeDeliveriesOf, [.text(id), .integer(Int64(step))]) == step {}
        return true
    }

    private func removeSome(_ statement: Statement<Int64>, _ arguments: [SQLValue]) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(statement, arguments)
        return try await write(batch).rows(removed).count
    }

    /// Pauses the destinations that have done nothing but fail for `age` milliseconds; answers their ids.
    public func pauseFailingDestinations(for age: Int64) async throws(DatabaseError) -> [String] {
        var batch = Batch()
        let paused = batch.add(DestinationStatements.pauseFailing, [.integer(age)])
        return try await write(batch).rows(paused)
    }

    /// The two newest secrets of an owner, the newest first.
    public func webhookSecrets(owner: String) async throws(DatabaseError) -> [WebhookSecretRecord] {
        try await database.read(DestinationStatements.secrets, [.text(owner)])
    }

    /// Adds a secret of an owner, or only its first; false where it was not added.
    public func addWebhookSecret(owner: String, secretSealed: String, onlyFirst: Bool) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let added = batch.add(
            DestinationStatements.insertSecret, [.text(owner), .text(secretSealed), .integer(onlyFirst ? 1 : 0)])
        return try await !write(batch).rows(added).isEmpty
    }
}
