import FoundationEssentials
import SQL
public import Store

/// Puts everything that a master key has sealed in the database under the one that takes its place, beside instances that know both.
///
/// Each secret is opened and sealed again, and written only where nobody has changed it meanwhile. What the new key has sealed already is left alone, so
/// that it may be stopped at any time and run again. The proof of the master key comes last.
public struct MasterKeyRotation: Sendable {
    private let store: Store
    private let masterKey: MasterKey

    /// `masterKey` is the new key and the old one.
    public init(store: Store, masterKey: MasterKey) {
        self.store = store
        self.masterKey = masterKey
    }

    private static let rootFact = "webhook-root"
    private static let rootPurpose = "root of the secrets of webhooks"
    private static let page: Int64 = 200

    /// What a fact is sealed for.
    private static let facts = [
        AuditSecret.fact: AuditSecret.purpose, rootFact: rootPurpose, AccessKeys.masterKeyFact: "secrets of access keys",
    ]

    private static func purpose(of kind: SealedKind) -> String {
        switch kind {
        case .accessKey: "secrets of access keys"
        case .webhookSecret: "secrets of webhooks"
        case .webhookHeaders: "headers of webhooks"
        case .deviceAuthority: "keys of device authorities"
        }
    }

    /// Has a master key know what the secrets of webhooks are derived from: the first master key that the deployment had.
    static func readRoot(_ masterKey: MasterKey, _ store: Store) async throws {
        if let sealed = try await store.fact(rootFact) {
            guard let text = Sealer(masterKey, for: rootPurpose).open(sealed, owner: rootFact), let bytes = Data(base64Encoded: text) else {
                throw AccessKeys.Failure(
                    description: "What the secrets of webhooks are derived from was encrypted under another master key.")
            }
            masterKey.setRoot(Array(bytes))
        } else if let proof = try await store.fact(AccessKeys.masterKeyFact),
            let inForce = masterKey.each.first(where: { Sealer($0).open(proof, owner: AccessKeys.masterKeyFact) != nil })
        {
            masterKey.setRoot(inForce.firstBytes)
        }
    }

    /// Seals everything anew that the first key has not sealed. Returns how many secrets. Throws where one cannot be opened by either key.
    public func run() async throws -> Int {
        try await keepRoot()
        var count = 0
        for kind in SealedKind.allCases { count += try await rewrap(kind) }
        for fact in Self.facts.keys.sorted() where fact != AccessKeys.masterKeyFact { count += try await rewrap(fact: fact) }
        return count + (try await rewrap(fact: AccessKeys.masterKeyFact))
    }

    /// How many secrets the first key alone cannot open.
    public func left() async throws -> Int {
        var count = 0
        for kind in SealedKind.allCases {
            let sealer = Sealer(masterKey.first, for: Self.purpose(of: kind))
            try await forEachPage(of: kind) { secrets in count += secrets.count { sealer.open($0.sealed, owner: $0.owner) == nil } }
        }
        for (fact, purpose) in Self.facts {
            if let sealed = try await store.fact(fact), Sealer(masterKey.first, for: purpose).open(sealed, owner: fact) == nil {
                count += 1
            }
        }
        return count
    }

    /// The secrets of webhooks are derived from the key that goes: it stays in the database, sealed.
    private func keepRoot() async throws {
        guard try await store.fact(Self.rootFact) == nil, let proof = try await store.fact(AccessKeys.masterKeyFact),
            let inForce = masterKey.each.first(where: { Sealer($0).open(proof, owner: AccessKeys.masterKeyFact) != nil })
        else { return }
        // Under the key that goes, as the facts are until the end: instances that know that one alone still start.
        let sealed = try Sealer(inForce, for: Self.rootPurpose).seal(Data(inForce.firstBytes).base64EncodedString(), owner: Self.rootFact)
        _ = try await store.addFact(Self.rootFact, sealed)
    }

    private func rewrap(_ kind: SealedKind) async throws -> Int {
        var count = 0
        try await forEachPage(of: kind) { secrets in
            let changes = try secrets.compactMap { secret in
                try rewrapped(secret.sealed, owner: secret.owner, purpose: Self.purpose(of: kind)).map { (secret, $0) }
            }
            if !changes.isEmpty { count += try await store.reseal(kind, changes) }
        }
        return count
    }

    private func rewrap(fact: String) async throws -> Int {
        guard let sealed = try await store.fact(fact),
            let new = try rewrapped(sealed, owner: fact, purpose: Self.facts[fact] ?? fact)
        else { return 0 }
        return try await store.resealFact(fact, from: sealed, to: new) ? 1 : 0
    }

    /// A secret under the first key; nil where it is so already.
    private func rewrapped(_ sealed: String, owner: String, purpose: String) throws -> String? {
        guard Sealer(masterKey.first, for: purpose).open(sealed, owner: owner) == nil else { return nil }
        guard let secret = Sealer(masterKey, for: purpose).open(sealed, owner: owner) else {
            throw AccessKeys.Failure(description: "The secret of \(owner) was encrypted under another master key than the two there are.")
        }
        return try Sealer(masterKey, for: purpose).seal(secret, owner: owner)
    }

    private func forEachPage(of kind: SealedKind, _ body: ([SealedSecret]) async throws -> Void) async throws {
        var last = SealedSecret(owner: "", createdAt: 0, sealed: "")
        while true {
            let secrets = try await store.sealedSecrets(kind, after: last, limit: Self.page)
            guard let end = secrets.last else { return }
            try await body(secrets)
            last = end
        }
    }
}
