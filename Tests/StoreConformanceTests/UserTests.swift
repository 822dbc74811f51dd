import SQL
import TestSupport
import Testing

@testable import Store

@Suite struct UserTests {
    private static let account = "111122223333"

    @Test(arguments: Engine.allCases) func `users have names of their own in each account, tags and policies`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for name in ["b", "a", "B"] { try await store.putPolicy(account: Self.account, name: name, document: "document \(name)") }
            try await store.putPolicy(account: "2", name: "other", document: "")
            #expect(
                try await store.addUser(
                    account: Self.account, name: "gate", tags: [TagRecord(key: "site", value: "north")], policies: ["b", "B"]) == .done)
            #expect(try await store.addUser(account: Self.account, name: "gate") == .nameInUse)
            #expect(try await store.addUser(account: "2", name: "gate") == .done)
            // All of it or nothing.
            #expect(try await store.addUser(account: Self.account, name: "door", policies: ["b", "absent"]) == .notFound)
            #expect(try await store.addUser(account: Self.account, name: "door", policies: ["b", "other"]) == .notFound)
            let users = try await store.users()
            #expect(users.map(\.account) == [Self.account, "2"] && users.map(\.policies) == [["B", "b"], []])
            #expect(
                try await store.grants(of: .user("gate"), account: Self.account)
                    == Grants(
                        policies: [PolicyRecord(name: "B", document: "document B"), PolicyRecord(name: "b", document: "document b")],
                        tags: [TagRecord(key: "site", value: "north")]))
            #expect(try await store.grants(of: .user("gate"), account: "2") == Grants(policies: [], tags: []))
            #expect(try await store.grants(of: .user("door"), account: Self.account) == Grants(policies: [], tags: []))
        }
    }

    private static let holders: [PolicyHolder] = [.user("u"), .role("u")]

    /// Adds a user or role of this name.
    private static func add(_ holder: PolicyHolder, to store: Store, policies: [String] = []) async throws -> Store.HolderChange {
        switch holder {
        case .user(let name): try await store.addUser(account: "1", name: name, policies: policies)
        case .role(let name):
            try await store.addRole(account: "1", name: name, id: "id of \(name)", trust: "", longestSession: 3600, policies: policies)
        }
    }

    @Test(arguments: Engine.allCases, holders) func `policies are attached, changed and taken away`(
        _ engine: Engine, _ holder: PolicyHolder
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            // What is attached to a user is not attached to a role of its name.
            for holder in Self.holders { #expect(try await Self.add(holder, to: store) == .done) }
            let other = try #require(Self.holders.first { $0 != holder })
            try await store.putPolicy(account: "1", name: "p", document: "old")
            #expect(try await store.attach(policy: "p", to: holder, account: "1") == .done)
            #expect(try await store.attach(policy: "p", to: holder, account: "1") == .done)
            #expect(try await store.attach(policy: "absent", to: holder, account: "1") == .notFound)
            #expect(try await store.attach(policy: "p", to: .user("absent"), account: "1") == .notFound)
            #expect(try await store.attach(policy: "p", to: .role("absent"), account: "1") == .notFound)
            try database.clock.advance(by: 7)
            try await store.putPolicy(account: "1", name: "p", document: "new")
            #expect(try await store.grants(of: holder, account: "1").policies == [PolicyRecord(name: "p", document: "new")])
            #expect(try await store.grants(of: other, account: "1").policies.isEmpty)
            let (users, roles): (Int64, Int64) = holder == .user("u") ? (1, 0) : (0, 1)
            #expect(
                try await store.policies() == [
                    PolicySummary(account: "1", name: "p", users: users, roles: roles, changedAt: TestClock.start + 7)
                ])
            #expect(try await store.removePolicy(account: "1", name: "p") == .attached)
            #expect(try await store.removePolicy(account: "1", name: "absent") == .notFound)
            #expect(try await store.detach(policy: "p", from: other, account: "1") == .notFound)
            #expect(try await store.detach(policy: "p", from: holder, account: "1") == .done)
            #expect(try await store.detach(policy: "p", from: holder, account: "1") == .notFound)
            #expect(try await store.removePolicy(account: "1", name: "p") == .done)
            #expect(try await store.policy(account: "1", name: "p") == nil)
            #expect(try await store.remove(holder, account: "1") == .done)
            #expect(try await store.remove(holder, account: "1") == .notFound)
            #expect(try await Self.add(other, to: store) == .nameInUse)
        }
    }

    @Test(arguments: Engine.allCases, holders) func `ten policies at most are attached, whoever attaches at once`(
        _ engine: Engine, _ holder: PolicyHolder
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await Self.add(holder, to: store) == .done)
            for number in 0..<14 { try await store.putPolicy(account: "1", name: "p\(number)", document: "") }
            let changes = try await withThrowingTaskGroup(of: Store.HolderChange.self) { group in
                for number in 0..<14 { group.addTask { try await store.attach(policy: "p\(number)", to: holder, account: "1") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(changes.filter { $0 == .done }.count == 10)
            #expect(changes.filter { $0 == .tooManyPolicies }.count == 4)
            #expect(try await store.grants(of: holder, account: "1").policies.count == 10)
            let crowded: PolicyHolder = if case .user = holder { .user("v") } else { .role("v") }
            #expect(try await Self.add(crowded, to: store, policies: (0..<11).map { "p\($0)" }) == .tooManyPolicies)
            #expect(try await store.users().count + store.roles().count == 1)
        }
    }

    @Test(arguments: Engine.allCases) func `roles have ids, trust, sessions that end, and aliases`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            for name in ["b", "a"] { try await store.putPolicy(account: "1", name: name, document: "document \(name)") }
            func add(_ name: String, id: String, policies: [String] = []) async throws -> Store.HolderChange {
                try await store.addRole(
                    account: "1", name: name, id: id, trust: "trust", longestSession: 7200, tags: [TagRecord(key: "site", value: "north")],
                    policies: policies)
            }
            #expect(try await add("r", id: "1", policies: ["b", "a"]) == .done)
            #expect(try await add("r", id: "2") == .nameInUse)
            #expect(try await add("s", id: "3", policies: ["absent"]) == .notFound)
            #expect(try await store.role(account: "1", name: "s") == nil)
            #expect(try await store.role(account: "2", name: "r") == nil)
            let made = try #require(try await store.role(account: "1", name: "r"))
            #expect((made.id, made.trust, made.longestSession) == ("1", "trust", 7200))
            #expect(made.policies == ["a", "b"] && made.createdAt == TestClock.start && made.revokedAt == nil)
            #expect(try await store.grants(of: .role("r"), account: "1").tags == [TagRecord(key: "site", value: "north")])

            try database.clock.advance(by: 5)
            #expect(try await store.setTrust("more", account: "1", role: "r") == .done)
            #expect(try await store.setTrust("more", account: "2", role: "r") == .notFound)
            #expect(try await store.revokeSessions(account: "1", role: "r") == .done)
            #expect(try await store.revokeSessions(account: "1", role: "absent") == .notFound)
            let changed = try #require(try await store.role(account: "1", name: "r"))
            #expect((changed.id, changed.trust) == ("1", "more"))
            #expect(changed.revokedAt == TestClock.start + 5 && changed.readAt == TestClock.start + 5)

            #expect(try await store.addRoleAlias(account: "1", name: "cameras", role: "r", lifetime: 900) == .done)
            #expect(try await store.addRoleAlias(account: "1", name: "cameras", role: "r", lifetime: 900) == .nameInUse)
            #expect(try await store.addRoleAlias(account: "1", name: "doors", role: "absent", lifetime: 900) == .notFound)
            #expect(try await store.roleAlias(account: "1", name: "cameras")?.role == "r")
            #expect(try await store.roleAlias(account: "2", name: "cameras") == nil)
            #expect(try await store.addRoleAlias(account: "1", name: "doors", role: "r", lifetime: 43200) == .done)
            #expect(try await store.removeRoleAlias(account: "1", name: "doors") == .done)
            #expect(try await store.removeRoleAlias(account: "1", name: "doors") == .notFound)

            #expect(try await add("q", id: "4") == .done)
            #expect(try await store.roles().map(\.name) == ["q", "r"])
            #expect(try await store.accounts() == [AccountSummary(account: "1", users: 0, activeKeys: 0, roles: 2, policies: 2)])
            // The aliases go with the role, and one that is made anew is another.
            #expect(try await store.remove(.role("r"), account: "1") == .done)
            #expect(try await store.roleAliases().isEmpty)
            #expect(try await add("r", id: "5") == .done)
            #expect(try await store.role(account: "1", name: "r")?.id == "5")
        }
    }

    @Test(arguments: Engine.allCases) func `keys are of a user, follow each other, end, and go with the user`(_ engine: Engine) async throws
    {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            func isActive(_ id: String) async throws -> Bool? { try await store.accessKey(id)?.isActive }
            func add(_ id: String, user: String?, lifetime: Int64? = nil) async throws -> Bool {
                try await store.addAccessKey(
                    id: id, account: "1", user: user, secretSealed: "s", description: "d", lifetime: lifetime)
            }
            #expect(try await !add("early", user: "u"))
            #expect(try await store.addUser(account: "1", name: "u") == .done)
            #expect(try await add("k", user: "u", lifetime: 1000))
            #expect(try await store.accessKey("k")?.user == "u")
            try database.clock.advance(by: 999)
            #expect(try await isActive("k") == true)
            try database.clock.advance(by: 1)
            #expect(try await isActive("k") == false)
            #expect(try await !store.addSuccessor(id: "late", secretSealed: "s", of: "k", overlap: 10))

            #expect(try await add("old", user: "u"))
            #expect(try await store.addSuccessor(id: "new", secretSealed: "t", of: "old", overlap: 10))
            #expect(try await store.accessKey("new")?.user == "u")
            #expect(try await store.accessKey("new")?.expiresAt == nil)
            try database.clock.advance(by: 10)
            #expect(try await isActive("old") == false)
            #expect(try await isActive("new") == true)
            // A later end takes no sooner one away.
            #expect(try await store.expireAccessKey("new", in: 5))
            #expect(try await store.expireAccessKey("new", in: 50))
            try database.clock.advance(by: 5)
            #expect(try await isActive("new") == false)
            #expect(try await !store.expireAccessKey("absent", in: 5))

            #expect(try await add("last", user: "u"))
            #expect(try await add("whole", user: nil))
            #expect(try await store.accounts() == [AccountSummary(account: "1", users: 1, activeKeys: 2, roles: 0, policies: 0)])
            #expect(try await store.users().map(\.activeKeys) == [1])
            #expect(try await store.remove(.user("u"), account: "1") == .done)
            #expect(try await store.remove(.user("u"), account: "1") == .notFound)
            #expect(try await store.accessKeys().map(\.id) == ["whole"])
        }
    }
}
