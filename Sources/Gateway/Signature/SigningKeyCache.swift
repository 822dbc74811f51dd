import Crypto
import Locking
import Synchronization

/// The signing keys of the day, derived from secrets, for those who have signed something correctly.
///
/// It never holds more than twice its capacity: when one generation is full it becomes the old one, and the old one goes. An entry
/// is found only with the secret it was derived from, so a rotated secret never meets the key of the one before.
///
/// Threads: every method may be called from any thread at any time; a lock is held for one dictionary access.
final class SigningKeyCache: Sendable {
    /// A signing key, ready to sign: its two padded blocks are hashed already, which is half the work of a short HMAC.
    typealias SigningKey = HMAC<SHA256>

    /// What a signing key belongs to, besides the service and the secret.
    struct Owner: Hashable, Sendable {
        var accessKeyID: String
        /// Days since 1970-01-01.
        var dayNumber: Int
        var region: String
    }

    private struct Entry {
        var secret: String
        var key: SigningKey
    }

    private struct Generations {
        var young: [Owner: Entry] = [:]
        var old: [Owner: Entry] = [:]

        mutating func insert(_ entry: Entry, of owner: Owner, capacity: Int) {
            if young[owner] == nil, young.count >= capacity {
                old = young
                young = [:]
            }
            young[owner] = entry
        }
    }

    private let generations = Lock(Generations())
    private let capacity: Int
    private let codes = Atomic(0)

    /// - Parameter capacity: Entries per generation, at least 1.
    init(capacity: Int) {
        self.capacity = max(1, capacity)
    }

    /// The number of keys held, for tests.
    var count: Int {
        generations.withLock { $0.young.count + $0.old.count }
    }

    /// How many codes of HMAC were computed for signatures, for tests.
    var computed: Int { codes.load(ordering: .relaxed) }

    func note(computed count: Int) { codes.add(count, ordering: .relaxed) }

    /// The key that signs a day's requests to one service in one region. It is not kept.
    /// - Parameter day: `YYYYMMDD`.
    func derived(from secret: String, day: String, region: String, service: String) -> SigningKey {
        var key = SymmetricKey(data: Array("AWS4\(secret)".utf8))
        for part in [day, region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
            note(computed: 1)
        }
        return HMAC<SHA256>(key: key)
    }

    /// The key kept for this owner, if it was derived from this secret.
    func key(of owner: Owner, secret: String) -> SigningKey? {
        generations.withLock { generations -> SigningKey? in
            if let entry = generations.young[owner] { return entry.secret == secret ? entry.key : nil }
            guard let entry = generations.old[owner], entry.secret == secret else { return nil }
            generations.insert(entry, of: owner, capacity: capacity)
            return entry.key
        }
    }

    /// Keeps a key. Only a verified signature earns its key a place, so that nobody without a secret can push others out.
    func keep(_ key: SigningKey, of owner: Owner, secret: String) {
        generations.withLock { $0.insert(Entry(secret: secret, key: key), of: owner, capacity: capacity) }
    }
}
