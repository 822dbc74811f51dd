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
                try await store.grants(account: Self.account, user: "gate")
                    == UserGrants(
                        policies: [PolicyRecord(name: "B", document: "document B"), PolicyRecord(name: "b", document: "document b")],
                        tags: [TagRecord(key: "site", value: "north")]))
            #expect(try await store.grants(account: "2", user: "gate") == UserGrants(policies: [], tags: []))
            #expect(try await store.grants(account: Self.account, user: "door") == UserGrants(policies: [], tags: []))
        }
    }

    @Test(arguments: Engine.allCases) func `policies are attached, changed and taken away`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            try await store.putPolicy(account: "1", name: "p", document: "old")
            #expect(try await store.addUser(account: "1", name: "u") == .done)
            #expect(try await store.attach(policy: "p", account: "1", user: "u") == .done)
            #expect(try await store.attach(policy: "p", account: "1", user: "u") == .done)
            #expect(try await store.attach(policy: "absent", account: "1", user: "u") == .notFound)
            #expect(try await store.attach(policy: "p", account: "1", user: "absent") == .notFound)
            try database.clock.advance(by: 7)
            try await store.putPolicy(account: "1", name: "p", document: "new")
            #expect(try await store.grants(account: "1", user: "u").policies == [PolicyRecord(name: "p", document: "new")])
            #expect(
                try await store.policies() == [
                    PolicySummary(account: "1", name: "p", users: 1, changedAt: TestClock.start + 7)
                ])
            #expect(try await store.removePolicy(account: "1", name: "p") == .attached)
            #expect(try await store.removePolicy(account: "1", name: "absent") == .notFound)
            #expect(try await store.detach(policy: "p", account: "1", user: "u") == .done)
            #expect(try await store.detach(policy: "p", account: "1", user: "u") == .notFound)
            #expect(try await store.removePolicy(account: "1", name: "p") == .done)
            #expect(try await store.policy(account: "1", name: "p") == nil)
        }
    }

    @Test(arguments: Engine.allCases) func `a user has ten policies at most, whoever attaches at once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            #expect(try await store.addUser(account: "1", name: "u") == .done)
            for number in 0..<14 { try await store.putPolicy(account: "1", name: "p\(number)", document: "") }
            let changes = try await withThrowingTaskGroup(of: Store.UserChange.self) { group in
                for number in 0..<14 { group.addTask { try await store.attach(policy: "p\(number)", account: "1", user: "u") } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(changes.filter { $0 == .done }.count == 10)
            #expect(changes.filter { $0 == .tooManyPolicies }.count == 4)
            #expect(try await store.users().first?.policies.count == 10)
            #expect(try await store.addUser(account: "1", name: "v", policies: (0..<11).map { "p\($0)" }) == .tooManyPolicies)
            #expect(try await store.users().count == 1)
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
            #expect(try await store.accounts() == [AccountSummary(account: "1", users: 1, activeKeys: 2, policies: 0)])
            #expect(try await store.users().map(\.activeKeys) == [1])
            #expect(try await store.removeUser(account: "1", name: "u") == .done)
            #expect(try await store.removeUser(account: "1", name: "u") == .notFound)
            #expect(try await store.accessKeys().map(\.id) == ["whole"])
        }
    }
}
