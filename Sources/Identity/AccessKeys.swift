public import Contract
public import SQL
public import Store

/// An access key that may sign calls now.
public struct AccessKey: Sendable {
    public let id: String
    public let account: String
    /// The one thing that it speaks for; nil where it may do anything in the account.
    public let thingARN: String?
    public let secret: String

    /// A key with an id and a secret that were made before.
    public init(id: String, account: String, thingARN: String? = nil, secret: String) {
        self.id = id
        self.account = account
        self.thingARN = thingARN
        self.secret = secret
    }

    /// A new key with an id and a secret of the forms that AWS gives: 20 and 40 characters.
    public static func random(account: String, thingARN: String? = nil) -> AccessKey {
        AccessKey(
            id: "AKIA" + characters(16, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"), account: account,
            thingARN: thingARN,
            secret: characters(40, of: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"))
    }

    private static func characters(_ count: Int, of alphabet: String) -> String {
        let alphabet = Array(alphabet)
        var generator = SystemRandomNumberGenerator()
        return String((0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })
    }
}

/// The access keys of the deployment: in the database, the secrets encrypted under the master key.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct AccessKeys: Sendable {
    private let store: Store
    private let sealer: Sealer

    /// The access keys of a store, under its deployment's master key.
    public init(store: Store, masterKey: MasterKey) {
        self.store = store
        sealer = Sealer(masterKey)
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
    }

    /// Makes a key for an account, or for one thing of it, and returns it: the secret cannot be read again later.
    public func create(account: String, thingARN: String? = nil, description: String) async throws -> AccessKey {
        let key = AccessKey.random(account: account, thingARN: thingARN)
        guard try await add(key, description: description, unlessFact: nil) else {
            throw Failure(description: "The access key could not be added. Try again.")
        }
        return key
    }

    /// Adds the deployment's first key unless it ever had one; returns whether it was added.
    public func addFirst(_ key: AccessKey) async throws -> Bool {
        try await add(key, description: "made by the first start", unlessFact: Self.firstKeyFact)
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

    /// The key, if it may sign calls now.
    public func active(_ id: String) async throws(OperationError) -> AccessKey? {
        do throws(DatabaseError) {
            guard let record = try await store.accessKey(id), record.isActive, let secret = sealer.open(record.secretSealed, owner: id)
            else { return nil }
            return AccessKey(id: id, account: record.account, thingARN: record.thingARN, secret: secret)
        } catch {
            throw OperationError(error)
        }
    }

    private static let masterKeyFact = "master-key-proof"
    private static let firstKeyFact = "first-access-key"

    private func add(_ key: AccessKey, description: String, unlessFact fact: String?) async throws -> Bool {
        let sealed = try sealer.seal(key.secret, owner: key.id)
        return try await store.addAccessKey(
            id: key.id, account: key.account, thingARN: key.thingARN, secretSealed: sealed, description: description, unlessFact: fact)
    }
}
