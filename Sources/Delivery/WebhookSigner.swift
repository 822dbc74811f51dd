import Crypto
import FoundationEssentials
import Signing

/// The secret that a webhook is signed with: 32 random bytes.
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
    private let added: [(name: String, value: String)]

    /// With every active secret: receivers that have not changed over yet find a signature of theirs.
    init(_ credentials: WebhookCredentials) {
        keys = credentials.secrets.map { SymmetricKey(data: $0.bytes) }
        added = credentials.headers.map { ($0.name, $0.value) }
    }

    /// The id of a message: a digest of the event's id, so the same for each attempt. It holds no dot, by which the signed text is taken apart,
    /// and nothing that callers choose.
    static func messageID(of event: String) -> String {
        "evt_" + RequestSigner.hexadecimal(SHA256.hash(data: Array(event.utf8)).prefix(16))
    }

    /// The headers of one attempt. `id` is the same for each attempt, `seconds` since the epoch is now: receivers refuse what is old.
    func headers(id: String, at seconds: Int64, body: [UInt8]) -> [(name: String, value: String)] {
        let signed = Array("\(id).\(seconds).".utf8) + body
        let signatures = keys.map { key in
            HMAC<SHA256>.authenticationCode(for: signed, using: key).withUnsafeBytes { "v1," + Data($0).base64EncodedString() }
        }
        return [
            ("webhook-id", id), ("webhook-timestamp", String(seconds)), ("webhook-signature", signatures.joined(separator: " ")),
        ] + added
    }
}
