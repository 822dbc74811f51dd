public import SQL

extension Store {
    /// Adds a role with an id that no other ever has, tags whose keys are distinct, and policies of the account: `notFound` where one of those is
    /// missing. `longestSession` is in seconds, 3600 to 43200.
    public func addRole(
        account: String, name: String, id: String, trust: String, longestSession: Int64, tags: [TagRecord] = [], policies: [String] = []
    ) async throws(DatabaseError) -> HolderChange {
        try await add(
            .role(name), account: account, tags: tags, policies: policies,
            by: (RoleStatements.insert, [.text(account), .text(name), .text(id), .text(trust), .integer(longestSession)]))
    }

    /// The role of this name; nil where there is none.
    public func role(account: String, name: String) async throws(DatabaseError) -> RoleRecord? {
        roles(try await database.read(RoleStatements.find, [.text(account), .text(name)])).first
    }

    /// Every role, by account and name.
    public func roles() async throws(DatabaseError) -> [RoleRecord] { roles(try await database.read(RoleStatements.list, [])) }

    /// Changes who may take a role on; `notFound` where there is none. What was made from it before stays.
    public func setTrust(_ trust: String, account: String, role: String) async throws(DatabaseError) -> HolderChange {
        try await change(RoleStatements.setTrust, [.text(account), .text(role), .text(trust)])
    }

    /// Has credentials that were made from a role up to now be refused; `notFound` where there is none.
    public func revokeSessions(account: String, role: String) async throws(DatabaseError) -> HolderChange {
        try await change(RoleStatements.revoke, [.text(account), .text(role)])
    }

    /// Adds a name by which devices ask for credentials of a role, which last `lifetime` seconds, 900 to 43200.
    public func addRoleAlias(account: String, name: String, role: String, lifetime: Int64) async throws(DatabaseError) -> HolderChange {
        var batch = Batch()
        batch.add(RoleStatements.insertAlias, [.text(account), .text(name), .text(role), .integer(lifetime)])
        return try await change(batch, dangling: .notFound)
    }

    /// Removes an alias; the role stays.
    public func removeRoleAlias(account: String, name: String) async throws(DatabaseError) -> HolderChange {
        try await change(RoleStatements.removeAlias, [.text(account), .text(name)])
    }

    /// The alias of this name; nil where there is none.
    public func roleAlias(account: String, name: String) async throws(DatabaseError) -> RoleAliasRecord? {
        try await database.read(RoleStatements.findAlias, [.text(account), .text(name)]).first
    }

    /// Every alias, by account and name.
    public func roleAliases() async throws(DatabaseError) -> [RoleAliasRecord] { try await database.read(RoleStatements.listAliases, []) }

    /// Brings the rows of each role together.
    private func roles(_ rows: [RoleRecord]) -> [RoleRecord] {
        var roles: [RoleRecord] = []
        for row in rows {
            if let last = roles.last, last.id == row.id {
                roles[roles.count - 1].policies += row.policies
            } else {
                roles.append(row)
            }
        }
        return roles
    }
}
