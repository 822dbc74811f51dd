public import SQL

extension Store {
    /// The access key of this id, active or not.
    public func accessKey(_ id: String) async throws(DatabaseError) -> AccessKeyRecord? {
        try await database.read(AccessKeyStatements.find, [.text(id)]).first
    }

    /// Every access key, the oldest first.
    public func accessKeys() async throws(DatabaseError) -> [AccessKeyRecord] {
        try await database.read(AccessKeyStatements.list, [])
    }

    /// Adds an active access key, of a user or thing where one is given, for `lifetime` milliseconds where that is given. With `unlessFact`, only
    /// if the deployment does not know that fact yet, which it knows from then on. Returns whether it was added: not where the user is missing.
    public func addAccessKey(
        id: String, account: String, thingARN: String? = nil, user: String? = nil, secretSealed: String, description: String,
        lifetime: Int64? = nil, unlessFact fact: String? = nil
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        if let fact { batch.add(AccessKeyStatements.insertFact, [.text(fact), .text(id)]) }
        batch.add(
            AccessKeyStatements.insert,
            [
                .text(id), .text(account), .text(secretSealed), .text(description), .text(thingARN), .text(user), .integer(lifetime),
            ])
        return try await unlessThere(batch)
    }

    /// Adds a key of the same holder as another, which ends `overlap` milliseconds later. Returns whether there was an active one to follow.
    public func addSuccessor(
        id: String, secretSealed: String, of predecessor: String, overlap: Int64
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let added = batch.add(AccessKeyStatements.insertSuccessor, [.text(id), .text(secretSealed), .text(predecessor)])
        batch.add(AccessKeyStatements.expire, [.text(predecessor), .integer(overlap)])
        return try await !write(batch).rows(added).isEmpty
    }

    /// Has an access key sign nothing more in `milliseconds`, unless it ends sooner. Returns whether there is one of this id.
    public func expireAccessKey(_ id: String, in milliseconds: Int64) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let expired = batch.add(AccessKeyStatements.expire, [.text(id), .integer(milliseconds)])
        return try await !write(batch).rows(expired).isEmpty
    }

    /// Disables an access key; returns whether there is one of this id.
    public func disableAccessKey(_ id: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let disabled = batch.add(AccessKeyStatements.disable, [.text(id)])
        return try await !write(batch).rows(disabled).isEmpty
    }

    /// What the deployment knows under a name.
    public func fact(_ name: String) async throws(DatabaseError) -> String? {
        try await database.read(AccessKeyStatements.findFact, [.text(name)]).first
    }

    /// Writes a fact down unless the deployment knows one of that name; returns whether it was written.
    public func addFact(_ name: String, _ value: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        batch.add(AccessKeyStatements.insertFact, [.text(name), .text(value)])
        return try await unlessThere(batch)
    }

    private func unlessThere(_ batch: Batch) async throws(DatabaseError) -> Bool {
        do throws(DatabaseError) {
            _ = try await write(batch)
            return true
        } catch {
            if case .constraint(let reported) = error.kind, Constraint(reported: reported) != nil { return false }
            throw error
        }
    }
}
