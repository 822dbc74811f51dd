import Crypto
import FoundationEssentials

/// What a receiver of webhooks knows them by: 32 random bytes.
public struct WebhookSecret: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    let bytes: [UInt8]

    /// Fresh, from the system's random numbers.
    public static func random() -> WebhookSecret {
        var generator = SystemRandomNumberGenerator()
        return WebhookSecret(bytes: (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    /// From the form in which it is handed out; nil where the text has another, or fewer than the 24 bytes that Standard Webhooks asks for.
    public init?(_ text: String) {
        guard text.hasPrefix(Self.prefix), let data = Data(base64Encoded: String(text.dropFirst(Self.prefix.count))),
            (24...64).contains(data.count)
        else { return nil }
        bytes = Array(data)
    }

    private static let prefix = "whsec_"

    /// In the form in which it is handed out: `whsec_` and base64.
    public var text: String { Self.prefix + Data(bytes).base64EncodedString() }

    public var description: String { "a webhook secret" }
    public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// Signs what is posted, as Standard Webhooks 1.0 has it, so that receivers can check it with that standard's libraries.
struct WebhookSigner: Sendable {
    private let keys: [SymmetricKey]

    /// With every active secret: receivers that have not changed over yet find a signature of theirs.
    init(_ secrets: [WebhookSecret]) {
        keys = secrets.map { SymmetricKey(data: $0.bytes) }
    }

    /// The headers of one attempt. `id` is the same for each attempt, `seconds` since the epoch is now: receivers refuse what is old.
    func headers(id: String, at seconds: Int64, body: [UInt8]) -> [(name: String, value: String)] {
        let signed = Array("\(id).\(seconds).".utf8) + body
        let signatures = keys.map { key in
            HMAC<SHA256>.authenticationCode(for: signed, using: key).withUnsafeBytes { "v1," + Data($0).base64EncodedString() }
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", String(seconds)), ("webhook-signature", signatures.joined(separator: " ")),
        ]
    }
}
