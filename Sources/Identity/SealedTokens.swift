public import Contract
import Crypto
import FoundationEssentials

/// Makes tokens that tell their holder nothing and that nobody else can make: AES-GCM with a fresh nonce under a key of their own, as letters,
/// digits, `-` and `_`. They need no state in the server; whatever they hold, an end among it, is for whoever opens them to look at.
public struct SealedTokens: Sendable {
    private let masterKey: MasterKey
    private let purpose: String

    /// Instances that share clients share the key. Tokens for different purposes do not open each other.
    public init(_ masterKey: MasterKey, for purpose: String) {
        self.masterKey = masterKey
        self.purpose = purpose
    }

    public func token(of content: String) throws(OperationError) -> String {
        do {
            let box = try AES.GCM.seal(Data(content.utf8), using: masterKey.derived(for: purpose))
            return (box.nonce.withUnsafeBytes { Data($0) } + box.ciphertext + box.tag).base64EncodedString()
                .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        } catch {
            throw .internalFailure("\(error)")
        }
    }

    /// What a token holds; nil where it was made under another master key or for another purpose, or was tampered with.
    public func content(of token: String) -> String? {
        guard token.utf8.count <= 1024 else { return nil }
        var text = token.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        text += repeatElement(UInt8(ascii: "="), count: (4 - text.count & 3) & 3)
        guard let combined = Data(base64Encoded: Data(text)),
            let box = try? AES.GCM.SealedBox(combined: combined)
        else { return nil }
        return masterKey.everyDerived(for: purpose).lazy.compactMap { try? AES.GCM.open(box, using: $0) }
            .first.map { String(decoding: $0, as: UTF8.self) }
    }
}
