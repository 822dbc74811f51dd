public import Contract
public import SQL
public import Store

/// An access key, as whoever signs with it has it.
public struct AccessKey: Sendable {
    public let id: String
    public let account: String
    public let secret: String

    /// A key with an id and a secret that were made before.
    public init(id: String, account: String, secret: String) {
        self.id = id
        self.account = account
        self.secret = secret
    }

    /// A new key with an id and a secret of the forms that AWS gives: 20 and 40 characters.
    public static func random(account: String) -> AccessKey { AccessKey(id: newID("AKIA"), account: account, secret: newSecret()) }

    /// An id of the form that AWS gives: four letters that tell its kind, and 16 that are random.
    static func newID(_ kind: String) -> String { kind + characters(16, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") }

    static func newSecret() -> String { characters(40, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") }

    private static func characters(_ count: Int, of alphabet: String) -> String {
        let alphabet = Array(alphabet)
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}

/// For whom a key is.
public enum KeyHolder: Sendable {
    /// Whoever may do everything in the account.
    case account
    /// The user of this name.
    case user(String)
    /// The agent of the thing with this ARN.
    case thing(String)
}

/// An access key that may sign calls now, and who calls with it.
public struct ActiveKey: Sendable {
    public let principal: Principal
    public let secret: String
    /// When the session ends, in milliseconds since the epoch; nil where the key is not one of a session.
    public var expiresAt: Int64?
}

/// The access keys of the deployment: in the database, the secrets encrypted under the master key.
///
/// Threads: any task may use it at any time; copies share what they know.
public struct AccessKeys: Sendable {
    private let store: Store
    private let masterKey: MasterKey
    private let sealer: Sealer
    let tokens: SessionTokens
    private let policies = ReadPolicies()

    /// The access keys of a store, under its deployment's master key.
    public init(store: Store, masterKey: MasterKey) {
        self.store = store
        self.masterKey = masterKey
        sealer = Sealer(masterKey)
        tokens = SessionTokens(masterKey)
    }

    /// Why the access keys cannot be used. The text is for operators.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// Whether the deployment was set up with a master key already.
    public static func haveMasterKey(in store: Store) async throws(DatabaseError) -> Bool {
        try await store.fact(masterKeyFact) != nil
    }

    /// Sees to it that the deployment uses this master key: writes down a sealed proof the first time, opens it ever after. Throws where the
    /// deployment was set up with another one.
    public func checkMasterKey() async throws {
        let fact = Self.masterKeyFact
        let proof = "weir"
        _ = try await store.addFact(fact, sealer.seal(proof, owner: fact))
        guard let sealed = try await store.fact(fact), sealer.open(sealed, owner: fact) == proof else {
            throw Failure(
                description:
                    "The master key is not the one that this database was set up with. Every instance needs the same: copy the file master.key "
                    + "from the data directory of the first, or name it with --master-key-file.")
        }
        try await MasterKeyRotation.readRoot(masterKey, store)
    }

    /// Makes a key of an account, for `lifetime` milliseconds or for good. Its secret cannot be read again later.
    public func create(
        account: String, for holder: KeyHolder = .account, description: String, lifetime: Int64? = nil
    ) async throws -> AccessKey {
        let key = AccessKey.random(account: account)
        guard try await add(key, for: holder, description: description, lifetime: lifetime) else {
            guard case .user(let name) = holder else { throw Failure(description: "The access key could not be added. Try again.") }
            throw Failure(description: "There is no user \(name) in the account \(account).")
        }
        return key
    }

    /// Makes a key for whom another one is, which ends `overlap` milliseconds later; nil where that one cannot sign any more, or is none.
    public func rotate(_ id: String, overlap: Int64) async throws -> AccessKey? {
        guard let account = try await store.accessKey(id)?.account else { return nil }
        let key = AccessKey.random(account: account)
        let sealed = try sealer.seal(key.secret, owner: key.id)
        return try await store.addSuccessor(id: key.id, secretSealed: sealed, of: id, overlap: overlap) ? key : nil
    }

    /// Has a key sign nothing more in so many milliseconds, unless it ends sooner. Returns whether there is one of this id.
    public func expire(_ id: String, in milliseconds: Int64) async throws(DatabaseError) -> Bool {
        try await store.expireAccessKey(id, in: milliseconds)
    }

    /// Adds the deployment's first key unless it ever had one; returns whether it was added.
    public func addFirst(_ key: AccessKey) async throws -> Bool {
        try await add(key, for: .account, description: "made by the first start", unlessFact: Self.firstKeyFact)
    }

    /// Whether a first key was ever added.
    public func hasFirst() async throws -> Bool {
        try await store.fact(Self.firstKeyFact) != nil
    }

    /// Every key, the oldest first, without the secrets.
    public func list() async throws(DatabaseError) -> [AccessKeyRecord] {
        try await store.accessKeys()
    }

    /// Keeps a key from signing anything more; returns whether there is one of this id.
    public func disable(_ id: String) async throws(DatabaseError) -> Bool {
        try await store.disableAccessKey(id)
    }

    /// The key, if it may sign calls now, and who calls with it. `session` is what its token says, where it has one: a session goes on as long as
    /// what it depends on; when it ends by itself is for the caller to look at.
    public func active(_ id: String, _ session: Session? = nil) async throws(OperationError) -> ActiveKey? {
        do throws(DatabaseError) {
            switch session?.origin {
            case nil:
                guard let key = try await store.accessKey(id), key.isActive, let secret = sealer.open(key.secretSealed, owner: id) else {
                    return nil
                }
                return ActiveKey(
                    principal: Principal(account: key.account, keyID: id, reach: try await reach(of: key)), secret: secret)
            case .key(let source):
                guard let session, let key = try await store.accessKey(source), key.isActive, key.account == session.account else {
                    return nil
                }
                let principal = Principal(account: key.account, keyID: id, reach: try await reach(of: key), isSession: true)
                return ActiveKey(principal: principal, secret: session.secret, expiresAt: session.expiresAt)
            case .role(let taken):
                guard let session else { return nil }
                // What a device got for its certificate ends with it.
                if let certificate = taken.context[DeviceCredentials.certificateKey] {
                    guard try await store.thingCertificate(certificate)?.isActive == true else { return nil }
                }
                // The role is looked at after what is attached to it, so that this is not another's that has its name by now.
                let grants = try await store.grants(of: .role(taken.name), account: session.account)
                guard let role = try await store.role(account: session.account, name: taken.name), role.id == taken.id,
                    role.revokedAt.map({ $0 < session.issuedAt }) ?? true
                else { return nil }
                let reach = Principal.Reach.role(policies.session(taken, grants))
                let principal = Principal(account: session.account, keyID: id, reach: reach, isSession: true)
                return ActiveKey(principal: principal, secret: session.secret, expiresAt: session.expiresAt)
            }
        } catch {
            throw OperationError(error)
        }
    }

    private func reach(of key: AccessKeyRecord) async throws(DatabaseError) -> Principal.Reach {
        guard let name = key.user else { return key.thingARN.map { .thing($0) } ?? .account }
        return .user(policies.user(name, try await store.grants(of: .user(name), account: key.account)))
    }

    /// An id for a new role.
    public static func newRoleID() -> String { AccessKey.newID("AROA") }

    /// Decides what those who sign with these keys may do.
    public var authorizer: Authorizer { Authorizer(store: store) }

    static let masterKeyFact = "master-key-proof"
    private static let firstKeyFact = "first-access-key"

    private func add(
        _ key: AccessKey, for holder: KeyHolder, description: String, lifetime: Int64? = nil, unlessFact fact: String? = nil
    ) async throws -> Bool {
        let sealed = try sealer.seal(key.secret, owner: key.id)
        let (user, thingARN): (String?, String?) =
            switch holder {
            case .account: (nil, nil)
            case .user(let name): (name, nil)
            case .thing(let arn): (nil, arn)
            }
        return try await store.addAccessKey(
            id: key.id, account: key.account, thingARN: thingARN, user: user, secretSealed: sealed, description: description,
            lifetime: lifetime, unlessFact: fact)
    }
}
