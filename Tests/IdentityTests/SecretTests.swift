import Contract
import FoundationEssentials
import SQL
import Store
import TestSupport
import Testing

@testable import Identity

@Suite struct TokenTests {
    @Test func `a token is twenty letters and digits that begin with a small letter, and never comes again`() {
        var seen: Set<String> = []
        var characters: Set<Character> = []
        var firsts: Set<Character> = []
        for _ in 0..<20_000 {
            let token = Token.random()
            #expect(token.wholeMatch(of: /[a-z][A-Za-z0-9]{19}/) != nil)
            #expect(seen.insert(token).inserted)
            characters.formUnion(token)
            token.first.map { _ = firsts.insert($0) }
        }
        #expect(characters.count == 62)
        #expect(firsts.count == 26)
    }
}

@Suite struct SealerTests {
    private static func sealer(_ byte: UInt8) throws -> Sealer { Sealer(try #require(MasterKey(Array(repeating: byte, count: 32)))) }

    @Test func `a master key has 32 bytes`() {
        #expect(MasterKey.randomBytes().count == 32)
        #expect(MasterKey.randomBytes() != MasterKey.randomBytes())
        #expect(MasterKey(MasterKey.randomBytes()) != nil)
        for count in [0, 31, 33] { #expect(MasterKey(Array(repeating: 0, count: count)) == nil) }
    }

    @Test func `a secret is opened by its owner alone, under its master key alone`() throws {
        let sealer = try Self.sealer(1)
        for secret in ["", "secret", "ünï 🎏", String(repeating: "x", count: 1000)] {
            let sealed = try sealer.seal(secret, owner: "AKIA1")
            #expect(secret.isEmpty || !sealed.contains(secret))
            #expect(sealer.open(sealed, owner: "AKIA1") == secret)
            #expect(sealer.open(sealed, owner: "AKIA2") == nil)
            #expect(sealer.open(sealed, owner: "") == nil)
            #expect(try Self.sealer(2).open(sealed, owner: "AKIA1") == nil)
            #expect(try sealer.seal(secret, owner: "AKIA1") != sealed)
        }
    }

    @Test func `a sealed secret does not open with any bit turned over`() throws {
        let sealer = try Self.sealer(1)
        let bytes = try #require(Data(base64Encoded: sealer.seal("secret", owner: "AKIA")))
        for bit in 0..<bytes.count * 8 {
            var changed = bytes
            changed[bit / 8] ^= 1 << (bit % 8)
            #expect(sealer.open(changed.base64EncodedString(), owner: "AKIA") == nil, "bit \(bit)")
        }
        for length in 0..<bytes.count { #expect(sealer.open(bytes.prefix(length).base64EncodedString(), owner: "AKIA") == nil) }
        #expect(sealer.open("not base64!", owner: "AKIA") == nil)
    }

    @Test func `keys for different purposes differ`() throws {
        let key = try #require(MasterKey(Array(repeating: 1, count: 32)))
        #expect(key.derived(for: "a") == key.derived(for: "a"))
        #expect(key.derived(for: "a") != key.derived(for: "b"))
    }
}

@Suite struct AccessKeysTests {
    private static func masterKey(_ byte: UInt8) throws -> MasterKey { try #require(MasterKey(Array(repeating: byte, count: 32))) }

    @Test func `a key that was made signs calls until it is disabled`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            let keys = AccessKeys(store: store, masterKey: try Self.masterKey(1))
            let made = try await keys.create(account: "111122223333", description: "for a test")
            #expect(made.account == "111122223333")
            #expect(made.id.wholeMatch(of: /AKIA[A-Z2-7]{16}/) != nil)
            #expect(made.secret.wholeMatch(of: /[A-Za-z0-9]{40}/) != nil)
            let active = try #require(try await keys.active(made.id))
            #expect(active.principal.keyID == made.id && active.secret == made.secret && active.principal.account == "111122223333")
            if case .account = active.principal.reach {} else { Issue.record("a key of no user may do everything") }
            #expect(try await keys.active("AKIAUNKNOWN") == nil)
            let listed = try await keys.list()
            #expect(listed.map(\.id) == [made.id])
            #expect(listed.map(\.description) == ["for a test"])
            #expect(listed.allSatisfy { !$0.secretSealed.contains(made.secret) })
            #expect(try await AccessKeys(store: store, masterKey: Self.masterKey(2)).active(made.id) == nil)
            // A sealed secret is of no use under another id.
            try database.execute(
                "INSERT INTO access_key (id, account, secret_sealed, status, description, created_at) SELECT 'AKIACOPY', account, secret_sealed, status, description, 0 FROM access_key"
            )
            #expect(try await keys.active("AKIACOPY") == nil)
            #expect(try await keys.disable(made.id))
            #expect(try await keys.active(made.id) == nil)
            #expect(try await !keys.disable("AKIAUNKNOWN"))
        }
    }

    @Test(arguments: Engine.allCases) func `the first key is added once, whoever starts at once`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let keys = AccessKeys(store: Store(database.database), masterKey: try Self.masterKey(1))
            #expect(try await !keys.hasFirst())
            let added = try await withThrowingTaskGroup(of: String?.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        let made = AccessKey.random(account: "111122223333")
                        return try await keys.addFirst(made) ? made.id : nil
                    }
                }
                return try await group.reduce(into: [String]()) { added, id in if let id { added.append(id) } }
            }
            #expect(added.count == 1)
            #expect(try await keys.list().map(\.id) == added)
            #expect(try await keys.hasFirst())
            _ = try await keys.create(account: "111122223333", description: "")
            #expect(try await keys.list().count == 2)
        }
    }

    @Test(arguments: Engine.allCases) func `a deployment keeps its master key`(_ engine: Engine) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let keys = AccessKeys(store: store, masterKey: try Self.masterKey(1))
            try await keys.checkMasterKey()
            try await keys.checkMasterKey()
            let other = AccessKeys(store: store, masterKey: try Self.masterKey(2))
            let failure = await #expect(throws: AccessKeys.Failure.self) { try await other.checkMasterKey() }
            #expect(failure?.description.hasPrefix("The master key is not the one") == true)
            try await keys.checkMasterKey()
        }
    }

    @Test(arguments: Engine.allCases) func `sessions that were made by the time of a revocation are refused, later ones are not`(
        _ engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let keys = AccessKeys(store: store, masterKey: try Self.masterKey(1))
            #expect(
                try await store.addRole(account: "111122223333", name: "r", id: "AROA1", trust: "", longestSession: 3600) == .done)
            func session() async throws -> TemporaryCredentials {
                try keys.credentials(
                    of: try #require(try await store.role(account: "111122223333", name: "r")), SessionTerms(lifetime: 900, name: "ada"))
            }
            func isActive(_ made: TemporaryCredentials) async throws -> Bool {
                let session: Session = try #require(keys.session(made.token, of: made.id))
                return try await keys.active(made.id, session) != nil
            }
            let before = try await session()
            #expect(made(before))
            #expect(try await isActive(before))
            try database.clock.advance(by: 10)
            let same = try await session()
            #expect(same.expiresAt == before.expiresAt + 10)
            #expect(try await store.revokeSessions(account: "111122223333", role: "r") == .done)
            #expect(try await !isActive(before))
            #expect(try await !isActive(same))
            try database.clock.advance(by: 1)
            let after = try await session()
            #expect(try await isActive(after))
            #expect(try AccessKeys(store: store, masterKey: Self.masterKey(2)).session(after.token, of: after.id) == nil)
            #expect(keys.session(after.token, of: before.id) == nil)
            // One that no request could carry is not made.
            let role = try #require(try await store.role(account: "111122223333", name: "r"))
            let error = #expect(throws: OperationError.self) {
                _ = try keys.credentials(
                    of: role,
                    SessionTerms(
                        lifetime: 900, name: "ada", policy: String(repeating: "x", count: 2048),
                        tags: (0..<50).map { TagRecord(key: "key \($0)", value: String(repeating: "v", count: 256)) }))
            }
            #expect(error?.code == .validation)
        }
    }

    private func made(_ credentials: TemporaryCredentials) -> Bool {
        credentials.id.wholeMatch(of: /ASIA[A-Z2-7]{16}/) != nil && credentials.secret.wholeMatch(of: /[A-Za-z0-9]{40}/) != nil
            && credentials.token.utf8.count < 1000
    }

    @Test func `a failing database is no unknown key`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let faults = FaultInjectingDatabase(database.database)
            let keys = AccessKeys(store: Store(faults), masterKey: try Self.masterKey(1))
            faults.inject(.failBefore(.unavailable))
            let error = await #expect(throws: OperationError.self) { _ = try await keys.active("AKIA") }
            #expect(error?.code == .serviceUnavailable)
        }
    }
}

@Suite struct MasterKeyRotationTests {
    private static let (old, new) = (Array(repeating: UInt8(1), count: 32), Array(repeating: UInt8(2), count: 32))
    private static func masterKey(_ bytes: [UInt8]) throws -> MasterKey { try #require(MasterKey(bytes)) }

    @Test func `two keys are one that seals and one that opens, and not the same twice`() throws {
        #expect(MasterKey(Self.old + Self.old) == nil)
        #expect(MasterKey(Self.old + Self.new + Self.new) == nil)
        let both = try Self.masterKey(Self.new + Self.old)
        let before = SealedTokens(try Self.masterKey(Self.old), for: "test")
        let tokens = SealedTokens(both, for: "test")
        #expect(tokens.content(of: try before.token(of: "x")) == "x")
        #expect(before.content(of: try tokens.token(of: "x")) == nil)
        #expect(both.replace(by: Self.new))
        #expect(tokens.content(of: try before.token(of: "x")) == nil)
        #expect(!both.replace(by: [1, 2, 3]))
        #expect(tokens.content(of: try tokens.token(of: "x")) == "x")
    }

    @Test(arguments: [Engine.sqlite, .postgres]) func `everything is sealed anew, once, and opens under the new key alone`(
        engine: Engine
    ) async throws {
        try await TestDatabase.with(engine) { database in
            let store = Store(database.database)
            let before = try Self.masterKey(Self.old)
            let keys = AccessKeys(store: store, masterKey: before)
            try await keys.checkMasterKey()
            var made: [AccessKey] = []
            for _ in 0..<450 { made.append(try await keys.create(account: "111122223333", description: "test")) }
            let webhooks = WebhookKeys(store: store, masterKey: before)
            try await webhooks.rotate("hook")
            let headers = try webhooks.seal(headers: ["X-Token: t"], of: "hook")
            try database.execute(
                """
                INSERT INTO destination (id, origin, kind, target, status, created_at, failures, retry_at, headers_sealed)
                VALUES ('hook', 'SUBSCRIPTION', 'WEBHOOK', 'https://a', 'ACTIVE', 0, 0, 0, '\(headers)')
                """)
            let secrets = (try await webhooks.active("hook", account: nil), try await webhooks.active("other", account: nil))
            let audit = try await AuditSecret.provide(in: store, masterKey: before)
            let both = try Self.masterKey(Self.new + Self.old)
            try await AccessKeys(store: store, masterKey: both).checkMasterKey()
            let rotation = MasterKeyRotation(store: store, masterKey: both)
            // The keys, a rotated secret, headers, the secret of the audit log and the proof; and what webhooks' secrets are derived from, which it adds.
            #expect(try await rotation.left() == 454)
            #expect(try await rotation.run() == 455)
            #expect(try await rotation.left() == 0)
            #expect(try await rotation.run() == 0)
            // An instance that still runs with both, the new one first, and one that starts with the new one alone.
            for bytes in [Self.new + Self.old, Self.new] {
                let masterKey = try Self.masterKey(bytes)
                let keys = AccessKeys(store: store, masterKey: masterKey)
                try await keys.checkMasterKey()
                for key in [made[0], made[449]] { #expect(try await keys.active(key.id)?.secret == key.secret) }
                let webhooks = WebhookKeys(store: store, masterKey: masterKey)
                #expect(try await webhooks.active("hook", account: nil) == secrets.0)
                // Receivers have what was derived from the first key there was.
                #expect(try await webhooks.active("other", account: nil) == secrets.1)
                let destination = try #require(try await store.destinations(counting: 0).first)
                #expect(try webhooks.headers(of: destination) == ["X-Token: t"])
                #expect(try await AuditSecret.provide(in: store, masterKey: masterKey) == audit)
            }
            await #expect(throws: (any Error).self) { try await AccessKeys(store: store, masterKey: before).checkMasterKey() }
        }
    }

    @Test func `what another changes meanwhile is not overwritten, and what neither key has sealed stops it`() async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            let keys = AccessKeys(store: store, masterKey: try Self.masterKey(Self.old))
            try await keys.checkMasterKey()
            let key = try await keys.create(account: "111122223333", description: "test")
            let read = try #require(
                try await store.sealedSecrets(.accessKey, after: SealedSecret(owner: "", createdAt: 0, sealed: ""), limit: 10).first)
            #expect(read.owner == key.id)
            try database.execute("UPDATE access_key SET secret_sealed = 'changed'")
            #expect(try await store.reseal(.accessKey, [(read, "new")]) == 0)
            let rotation = MasterKeyRotation(store: store, masterKey: try Self.masterKey(Self.new + Self.old))
            await #expect(throws: AccessKeys.Failure.self) { try await rotation.run() }
            // The proof comes last: instances with the old key alone still start.
            try await keys.checkMasterKey()
        }
    }
}
