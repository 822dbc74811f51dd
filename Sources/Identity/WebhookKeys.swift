import FoundationEssentials
import SQL
public import Store

/// What webhooks are signed with: in the database, encrypted under the master key.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct WebhookKeys: Sendable {
    private let store: Store
    private let sealer: Sealer

    /// The secrets of a store, under its deployment's master key.
    public init(store: Store, masterKey: MasterKey) {
        self.store = store
        sealer = Sealer(masterKey, for: "secrets of webhooks")
    }

    /// 32 random bytes in the form in which Standard Webhooks hands them out.
    private static func make() -> String {
        "whsec_" + Data(MasterKey.randomBytes()).base64EncodedString()
    }

    /// Why secrets cannot be used. The text is for operators.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The active secrets of an owner, an account or a subscription, at most two, the newest first. The first is made where there is none.
    public func active(_ owner: String) async throws -> [String] {
        var records = try await store.webhookSecrets(owner: owner)
        if records.isEmpty {
            _ = try await store.addWebhookSecret(owner: owner, secretSealed: sealer.seal(Self.make(), owner: owner), onlyFirst: true)
            records = try await store.webhookSecrets(owner: owner)
        }
        let secrets = records.compactMap { sealer.open($0.secretSealed, owner: owner) }
        guard !secrets.isEmpty, secrets.count == records.count else {
            throw Failure(description: "a webhook secret of \(owner) was encrypted under another master key")
        }
        return secrets
    }

    /// Adds a secret, which signs from now on beside the one before; the one before that is forgotten. Answers the active ones.
    public func rotate(_ owner: String) async throws -> [String] {
        _ = try await active(owner)
        guard try await store.addWebhookSecret(owner: owner, secretSealed: sealer.seal(Self.make(), owner: owner), onlyFirst: false) else {
            throw Failure(description: "the secret of \(owner) was rotated at this very moment by another: look, and try again")
        }
        return try await active(owner)
    }
}
