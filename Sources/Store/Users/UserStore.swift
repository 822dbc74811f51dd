public import SQL

extension Store {
    /// How a change of users, roles and policies ended.
    public enum HolderChange: Sendable, Hashable {
        case done
        /// There is one of this name already.
        case nameInUse
        /// There is no such user, role, alias or policy.
        case notFound
        /// A user or role has ten policies at most. IAM user guide, "IAM and STS quotas".
        case tooManyPolicies
        /// The policy is attached to a user or role.
        case attached
    }

    /// Adds a user, with tags whose keys are distinct, and policies of the account. `notFound` where one of those is missing.
    public func addUser(
        account: String, name: String, tags: [TagRecord] = [], policies: [String] = []
    ) async throws(DatabaseError) -> HolderChange {
        try await add(
            .user(name), account: account, tags: tags, policies: policies, by: (UserStatements.insert, [.text(account), .text(name)]))
    }

    /// Adds a holder by a statement, and what is attached to it.
    func add(
        _ holder: PolicyHolder, account: String, tags: [TagRecord], policies: [String], by insert: (Statement<Void>, [SQLValue])
    ) async throws(DatabaseError) -> HolderChange {
        let (statements, own) = (holder.statements, [SQLValue.text(account), .text(holder.name)])
        var batch = Batch()
        batch.add(insert.0, insert.1)
        for tag in tags { batch.add(statements.insertTag, own + [.text(tag.key), .text(tag.value)]) }
        for policy in policies { batch.add(statements.attach, own + [.text(policy)]) }
        batch.add(statements.recount, own)
        return try await change(batch, dangling: .notFound)
    }

    /// Removes a user with its keys, or a role with its aliases.
    public func remove(_ holder: PolicyHolder, account: String) async throws(DatabaseError) -> HolderChange {
        try await change(holder.statements.remove, [.text(account), .text(holder.name)])
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

    /// Attaches a policy of the account, once.
    public func attach(policy: String, to holder: PolicyHolder, account: String) async throws(DatabaseError) -> HolderChange {
        let (statements, own) = (holder.statements, [SQLValue.text(account), .text(holder.name)])
        var batch = Batch()
        batch.add(statements.lock, own)
        batch.add(statements.attach, own + [.text(policy)])
        batch.add(statements.recount, own)
        return try await change(batch, dangling: .notFound)
    }

    /// Takes a policy away.
    public func detach(policy: String, from holder: PolicyHolder, account: String) async throws(DatabaseError) -> HolderChange {
        let (statements, own) = (holder.statements, [SQLValue.text(account), .text(holder.name)])
        var batch = Batch()
        batch.add(statements.lock, own)
        let detached = batch.add(statements.detach, own + [.text(policy)])
        batch.add(statements.recount, own)
        return try await change(batch, detached, dangling: .notFound)
    }

    /// What decides what a user, or who has taken a role on, may do; nothing where there is none of this name.
    public func grants(of holder: PolicyHolder, account: String) async throws(DatabaseError) -> Grants {
        let rows = try await database.read(holder.statements.grants, [.text(account), .text(holder.name)])
        return Grants(
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
    public func removePolicy(account: String, name: String) async throws(DatabaseError) -> HolderChange {
        var batch = Batch()
        let removed = batch.add(UserStatements.removePolicy, [.text(account), .text(name)])
        return try await change(batch, removed, dangling: .attached)
    }

    /// Every account that has a key, a user, a role or a policy.
    public func accounts() async throws(DatabaseError) -> [AccountSummary] {
        try await database.read(UserStatements.accounts, [])
    }

    /// Commits a batch. Where `guarded` is given and has no rows, there was nothing to change; `dangling` is what it means that a foreign key
    /// refuses the change.
    func change(
        _ batch: Batch, _ guarded: Batch.Reference<String>? = nil, dangling: HolderChange
    ) async throws(DatabaseError) -> HolderChange {
        do throws(DatabaseError) {
            let result = try await write(batch)
            guard let guarded else { return .done }
            return try result.rows(guarded).isEmpty ? .notFound : .done
        } catch {
            guard case .constraint(let reported) = error.kind else { throw error }
            switch Constraint(reported: reported) {
            case .user, .role, .roleAlias: return .nameInUse
            case .policyLimit: return .tooManyPolicies
            case .reference: return dangling
            case .name, .streamRetention, .tagLimit, .mediaStorageStream, .answeredMutation, .accessKey, .deployment, nil: throw error
            }
        }
    }

    /// Commits a change that returns the name of what it changed; `notFound` where it returns none.
    func change(_ statement: Statement<String>, _ arguments: [SQLValue]) async throws(DatabaseError) -> HolderChange {
        var batch = Batch()
        let changed = batch.add(statement, arguments)
        return try await change(batch, changed, dangling: .notFound)
    }
}

extension PolicyHolder {
    fileprivate var statements: GrantStatements {
        switch self {
        case .user: .user
        case .role: .role
        }
    }
}
