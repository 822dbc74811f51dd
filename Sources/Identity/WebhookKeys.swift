import Crypto
import FoundationEssentials
import SQL
public import Store

/// What webhooks are signed with, and the headers that operators add to them.
///
/// Each destination has a secret of its own, derived from the deployment's first master key and its id, so that no receiver can forge events for another. Secrets made
/// by a rotation stand in the database, encrypted under the master key, as headers do.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct WebhookKeys: Sendable {
    private let store: Store
    private let masterKey: MasterKey
    private let secrets: Sealer
    private let headers: Sealer

    /// The secrets of a store, under its deployment's master key.
    public init(store: Store, masterKey: MasterKey) {
        self.store = store
        self.masterKey = masterKey
        secrets = Sealer(masterKey, for: "secrets of webhooks")
        headers = Sealer(masterKey, for: "headers of webhooks")
    }

    /// 32 bytes in the form in which Standard Webhooks hands them out.
    private static func text(_ bytes: some Sequence<UInt8>) -> String {
        "whsec_" + Data(bytes).base64EncodedString()
    }

    private func derived(_ id: String) -> String {
        masterKey.rootDerived(for: "secret of the webhook \(id)").withUnsafeBytes { Self.text($0) }
    }

    /// Why secrets cannot be used. The text is for operators.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// The secrets that a destination is signed with, the newest first: its own, one or two, and those that its account had before each destination
    /// had its own, until they are retired.
    public func active(_ id: String, account: String?) async throws -> [String] {
        let own = try await store.webhookSecrets(owner: id)
        let needsDerived = own.count < 2 && !own.contains(where: \.isFirst)
        let shared = if let account { try await retirable(account) } else { [String]() }
        return try open(own, of: id) + (needsDerived ? [derived(id)] : []) + shared
    }

    /// The secrets that all destinations of an account's streams shared before each had its own.
    public func retirable(_ account: String) async throws -> [String] { try open(await store.webhookSecrets(owner: account), of: account) }

    private func open(_ records: [WebhookSecretRecord], of owner: String) throws -> [String] {
        let opened = records.compactMap { secrets.open($0.secretSealed, owner: owner) }
        guard opened.count == records.count else {
            throw Failure(description: "a webhook secret of \(owner) was encrypted under another master key")
        }
        return opened
    }

    /// Adds a secret to a destination, which signs from now on beside the one before; the one before that is forgotten.
    public func rotate(_ id: String) async throws {
        let sealed = try secrets.seal(Self.text(MasterKey.randomBytes()), owner: id)
        guard try await store.addWebhookSecret(owner: id, secretSealed: sealed) else {
            throw Failure(description: "the secret of \(id) was rotated at this very moment by another: look, and try again")
        }
    }

    /// Headers, one on each line, in the form in which they are stored with the destination.
    public func seal(headers lines: [String], of id: String) throws -> String { try headers.seal(lines.joined(separator: "\n"), owner: id) }

    /// The headers of a destination, each as `NAME: VALUE`.
    public func headers(of destination: DestinationRecord) throws -> [String] {
        guard let sealed = destination.headersSealed else { return [] }
        guard let text = headers.open(sealed, owner: destination.id) else {
            throw Failure(description: "the headers of \(destination.id) were encrypted under another master key")
        }
        return text.split(separator: "\n").map(String.init)
    }
}
