public import SQL

extension Store {
    /// How a change of users and policies ended.
    public enum UserChange: Sendable, Hashable {
        case done
        /// There is one of this name already.
        case nameInUse
        /// There is no such user, or policy.
        case notFound
        /// A user has ten policies at most. IAM user guide, "IAM and STS quotas".
        case tooManyPolicies
        /// The policy is attached to a user.
        case attached
    }

    /// Adds a user, with tags whose keys are distinct, and policies of the account. `notFound` where one of those is missing.
    public func addUser(
        account: String, name: String, tags: [TagRecord] = [], policies: [String] = []
    ) async throws(DatabaseError) -> UserChange {
        var batch = Batch()
        batch.add(UserStatements.insert, [.text(account), .text(name)])
        for tag in tags { batch.add(UserStatements.insertTag, [.text(account), .text(name), .text(tag.key), .text(tag.value)]) }
        for policy in policies { batch.add(UserStatements.attach, [.text(account), .text(name), .text(policy)]) }
        batch.add(UserStatements.recount, [.text(account), .text(name)])
        return try await change(batch, dangling: .notFound)
    }

    /// Removes a user, with its keys.
    public func removeUser(account: String, name: String) async throws(DatabaseError) -> UserChange {
        var batch = Batch()
        let removed = batch.add(UserStatements.remove, [.text(account), .text(name)])
        return try await change(batch, removed, dangling: .notFound)
    }

    /// Every user, by account and name.
    public func users() async throws(DatabaseError) -> [UserRecord] {
        var users: [UserRecord] = []
        for row in try await database.read(UserStatements.list, []) {
            let policies = row.policy.map { [$0] } ?? []
            if let last = users.last, last.account == row.account, last.name == row.name {
                users[users.count - 1] = UserRecord(
                    account: last.account, name: last.name, policies: last.policies + policies, activeKeys: last.activeKeys,
                    createdAt: last.createdAt)
            } else {
                users.append(
                    UserRecord(
                        account: row.account, name: row.name, policies: policies, activeKeys: row.activeKeys, createdAt: row.createdAt))
            }
        }
        return users
    }

    /// Attaches a policy to a user, once.
    public func attach(policy: String, account: String, user: String) async throws(DatabaseError) -> UserChange {
        var batch = Batch()
        batch.add(UserStatements.lock, [.text(account), .text(user)])
        batch.add(UserStatements.attach, [.text(account), .text(user), .text(policy)])
        batch.add(UserStatements.recount, [.text(account), .text(user)])
        return try await change(batch, dangling: .notFound)
    }

    /// Takes a policy from a user.
    public func detach(policy: String, account: String, user: String) async throws(DatabaseError) -> UserChange {
        var batch = Batch()
        batch.add(UserStatements.lock, [.text(account), .text(user)])
        let detached = batch.add(UserStatements.detach, [.text(account), .text(user), .text(policy)])
        batch.add(UserStatements.recount, [.text(account), .text(user)])
        return try await change(batch, detached, dangling: .notFound)
    }

    /// What decides what a user may do; nothing for a user who is not there.
    public func grants(account: String, user: String) async throws(DatabaseError) -> UserGrants {
        let rows = try await database.read(UserStatements.grants, [.text(account), .text(user)])
        return UserGrants(
            policies: rows.filter { !$0.isTag }.map { PolicyRecord(name: $0.name, document: $0.text) },
            tags: rows.filter(\.isTag).map { TagRecord(key: $0.name, value: $0.text) })
    }

    /// Adds a policy to an account, or changes it. The document was checked before.
    public func putPolicy(account: String, name: String, document: String) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(UserStatements.putPolicy, [.text(account), .text(name), .text(document)])
        _ = try await write(batch)
    }

    /// The document of a policy; nil where there is none.
    public func policy(account: String, name: String) async throws(DatabaseError) -> String? {
        try await database.read(UserStatements.findPolicy, [.text(account), .text(name)]).first
    }

    /// Every policy, by account and name.
    public func policies() async throws(DatabaseError) -> [PolicySummary] {
        try await database.read(UserStatements.listPolicies, [])
    }

    /// Removes a policy that is attached to nobody.
    public func removePolicy(account: String, name: String) async throws(DatabaseError) -> UserChange {
        var batch = Batch()
        let removed = batch.add(UserStatements.removePolicy, [.text(account), .text(name)])
        return try await change(batch, removed, dangling: .attached)
    }

    /// Every account that has a key, a user or a policy.
    public func accounts() async throws(DatabaseError) -> [AccountSummary] {
        try await database.read(UserStatements.accounts, [])
    }

    /// Commits a batch. Where `guarded` is given and has no rows, there was nothing to change; `dangling` is what it means that a foreign key
    /// refuses the change.
    private func change(
        _ batch: Batch, _ guarded: Batch.Reference<String>? = nil, dangling: UserChange
    ) async throws(DatabaseError) -> UserChange {
        do throws(DatabaseError) {
            let result = try await write(batch)
            guard let guarded else { return .done }
            return try result.rows(guarded).isEmpty ? .notFound : .done
        } catch {
            guard case .constraint(let reported) = error.kind else { throw error }
            switch Constraint(reported: reported) {
            case .user: return .nameInUse
            case .policyLimit: return .tooManyPolicies
            case .reference: return dangling
            case .name, .streamRetention, .tagLimit, .mediaStorageStream, .answeredMutation, .accessKey, .deployment, nil: throw error
            }
        }
    }
}
