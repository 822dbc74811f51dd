import Locking
public import Store

/// The secrets and headers of a webhook.
public struct WebhookCredentials: Sendable {
    /// The active secrets, the newest first.
    public let secrets: [WebhookSecret]
    /// The headers that an operator adds.
    public let headers: [WebhookHeader]

    public init(secrets: [WebhookSecret], headers: [WebhookHeader] = []) {
        self.secrets = secrets
        self.headers = headers
    }
}

/// The credentials of a destination as they are now.
public typealias SecretSource = @Sendable (DestinationRecord) async throws -> WebhookCredentials

/// Signers with the active secrets of each destination, remembered for a few seconds: a rotated secret signs from then on, on every instance.
///
/// Threads: any task may use it at any time. Memory is bounded: what is too old is forgotten.
final class SecretCache: Sendable {
    private struct Entry {
        let signer: WebhookSigner
        let goodUntil: ContinuousClock.Instant
    }

    private let source: SecretSource
    private let entries = Lock<[String: Entry]>([:])
    private static let lifetime = Duration.seconds(5)
    private static let mostEntries = 10_000

    init(_ source: @escaping SecretSource) {
        self.source = source
    }

    func signer(for destination: DestinationRecord) async throws(DeliveryFault) -> WebhookSigner {
        let now = ContinuousClock.now
        if let entry = entries.withLock({ $0[destination.id] }), entry.goodUntil > now {
            return entry.signer
        }
        let credentials: WebhookCredentials
        do { credentials = try await source(destination) } catch {
            throw DeliveryFault(
                "the webhook secret of \(destination.id) cannot be read: \(error)", isOwn: true)
        }
        let signer = WebhookSigner(credentials)
        entries.withLock { entries in
            if entries.count >= Self.mostEntries { entries = entries.filter { $0.value.goodUntil > now } }
            entries[destination.id] = Entry(signer: signer, goodUntil: now + Self.lifetime)
        }
        return signer
    }
}
