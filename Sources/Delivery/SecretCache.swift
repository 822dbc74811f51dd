import Locking

/// The active secrets of an owner, an account or a subscription, the newest first; the first is made where there is none yet.
public typealias SecretSource = @Sendable (_ owner: String) async throws -> [WebhookSecret]

/// Signers with the active secrets of each owner, remembered for a few seconds: a rotated secret signs from then on, on every instance.
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

    func signer(for owner: String) async throws(DeliveryFault) -> WebhookSigner {
        let now = ContinuousClock.now
        if let entry = entries.withLock({ $0[owner] }), entry.goodUntil > now { return entry.signer }
        let secrets: [WebhookSecret]
        do { secrets = try await source(owner) } catch {
            throw DeliveryFault("the webhook secret of \(owner) cannot be read: \(error)", isOwn: true)
        }
        let signer = WebhookSigner(secrets)
        entries.withLock { entries in
            if entries.count >= Self.mostEntries { entries = entries.filter { $0.value.goodUntil > now } }
            entries[owner] = Entry(signer: signer, goodUntil: now + Self.lifetime)
        }
        return signer
    }
}
