public import Crypto
import FoundationEssentials
import Locking

/// The one secret that a deployment is given from outside: 32 random bytes in a file that only its owner can read, the same on every instance.
/// Everything else that must stay secret is encrypted or authenticated under keys derived from it.
///
/// While it is rotated it is two: everything is sealed by the first, and what the other has sealed is opened too.
///
/// Threads: any task may use it at any time; copies share what `replace` puts in.
public struct MasterKey: Sendable {
    private final class Keys: Sendable {
        let all: Lock<[SymmetricKey]>
        /// What the secrets of webhooks are derived from; nil for the first key.
        let root = Lock<SymmetricKey?>(nil)

        init(_ keys: [SymmetricKey]) { all = Lock(keys) }
    }

    private let keys: Keys

    /// One key of exactly 32 bytes, or two, the one that seals first; nil for any other number of bytes, and for a key twice.
    public init?(_ bytes: [UInt8]) {
        guard let keys = Self.keys(bytes) else { return nil }
        self.keys = Keys(keys)
    }

    private static func keys(_ bytes: [UInt8]) -> [SymmetricKey]? {
        guard bytes.count == 32 || bytes.count == 64 && bytes[..<32] != bytes[32...] else { return nil }
        return stride(from: 0, to: bytes.count, by: 32).map { SymmetricKey(data: bytes[$0..<$0 + 32]) }
    }

    /// The first key by itself, which is all that is left once it has been rotated to.
    var first: MasterKey {
        let first = MasterKey(keys: Keys(Array(keys.all.withLock { $0.prefix(1) })))
        first.keys.root.withLock { [own = keys.root.withLock { $0 }] in $0 = own }
        return first
    }

    /// The keys, each by itself.
    var each: [MasterKey] { keys.all.withLock { $0 }.map { MasterKey(keys: Keys([$0])) } }

    private init(keys: Keys) { self.keys = keys }

    /// Takes the keys of other bytes in place of the ones there are, in every copy; false, and nothing is changed, where they are none.
    public func replace(by bytes: [UInt8]) -> Bool {
        guard let new = Self.keys(bytes) else { return false }
        keys.all.withLock { $0 = new }
        return true
    }

    /// 32 bytes from the system's random numbers.
    public static func randomBytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// A key for one purpose, of the first master key. Keys for different purposes tell nothing about each other.
    public func derived(for purpose: String) -> SymmetricKey { Self.derive(keys.all.withLock { $0[0] }, purpose) }

    /// The keys for one purpose, of every master key there is, the first one first.
    public func everyDerived(for purpose: String) -> [SymmetricKey] { keys.all.withLock { $0 }.map { Self.derive($0, purpose) } }

    /// What the secret of a webhook is derived from stays the same when the master key changes, since receivers have it.
    func rootDerived(for purpose: String) -> SymmetricKey {
        Self.derive(keys.root.withLock { $0 } ?? keys.all.withLock { $0[0] }, purpose)
    }

    func setRoot(_ bytes: [UInt8]) { keys.root.withLock { $0 = SymmetricKey(data: bytes) } }

    /// The bytes of the first key, to be sealed under another.
    var firstBytes: [UInt8] { keys.all.withLock { $0[0] }.withUnsafeBytes { Array($0) } }

    private static func derive(_ key: SymmetricKey, _ purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data("weir \(purpose)".utf8), outputByteCount: 32)
    }
}

/// Encrypts secrets for the database, AES-GCM with a fresh nonce each, bound to what they belong to.
package struct Sealer: Sendable {
    private let masterKey: MasterKey
    private let purpose: String

    package init(_ masterKey: MasterKey, for purpose: String = "secrets of access keys") {
        self.masterKey = masterKey
        self.purpose = purpose
    }

    /// Base64 of nonce, ciphertext and tag. `owner` must be given again to open it.
    package func seal(_ secret: String, owner: String) throws -> String {
        let box = try AES.GCM.seal(Data(secret.utf8), using: masterKey.derived(for: purpose), authenticating: Data(owner.utf8))
        return (box.nonce.withUnsafeBytes { Data($0) } + box.ciphertext + box.tag).base64EncodedString()
    }

    /// The secret; nil where it was sealed under another master key, belongs to another owner or was tampered with.
    package func open(_ sealed: String, owner: String) -> String? {
        guard let combined = Data(base64Encoded: sealed), let box = try? AES.GCM.SealedBox(combined: combined) else { return nil }
        return masterKey.everyDerived(for: purpose).lazy
            .compactMap { try? AES.GCM.open(box, using: $0, authenticating: Data(owner.utf8)) }
            .first.map { String(decoding: $0, as: UTF8.self) }
    }
}
