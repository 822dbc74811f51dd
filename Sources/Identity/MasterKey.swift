public import Crypto
import FoundationEssentials

/// The one secret that a deployment is given from outside: 32 random bytes in a file that only its owner can read, the same on every instance.
/// Everything else that must stay secret is encrypted or authenticated under keys derived from it.
public struct MasterKey: Sendable {
    private let key: SymmetricKey

    /// A key of exactly 32 bytes; nil for any other number.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        key = SymmetricKey(data: bytes)
    }

    /// 32 bytes from the system's random numbers.
    public static func randomBytes() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// A key for one purpose. Keys for different purposes tell nothing about each other.
    public func derived(for purpose: String) -> SymmetricKey {
        HKDF<SHA256>.deriveKey(inputKeyMaterial: key, info: Data("weir \(purpose)".utf8), outputByteCount: 32)
    }
}

/// Encrypts secrets for the database, AES-GCM with a fresh nonce each, bound to what they belong to.
package struct Sealer: Sendable {
    private let key: SymmetricKey

    package init(_ masterKey: MasterKey, for purpose: String = "secrets of access keys") {
        key = masterKey.derived(for: purpose)
    }

    /// Base64 of nonce, ciphertext and tag. `owner` must be given again to open it.
    package func seal(_ secret: String, owner: String) throws -> String {
        let box = try AES.GCM.seal(Data(secret.utf8), using: key, authenticating: Data(owner.utf8))
        return (box.nonce.withUnsafeBytes { Data($0) } + box.ciphertext + box.tag).base64EncodedString()
    }

    /// The secret; nil where it was sealed under another master key, belongs to another owner or was tampered with.
    package func open(_ sealed: String, owner: String) -> String? {
        guard let combined = Data(base64Encoded: sealed), let box = try? AES.GCM.SealedBox(combined: combined),
            let secret = try? AES.GCM.open(box, using: key, authenticating: Data(owner.utf8))
        else { return nil }
        return String(decoding: secret, as: UTF8.self)
    }
}
