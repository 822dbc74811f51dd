import Contract
import NIOCore

/// What peers send each other.
enum MessageKind: String, Sendable {
    case offer = "SDP_OFFER"
    case answer = "SDP_ANSWER"
    case candidate = "ICE_CANDIDATE"
}

/// A message on its way to somebody.
struct Letter: Sendable, Hashable {
    let kind: MessageKind
    /// The sender's ClientId; empty for the master.
    let sender: String
    /// Padded standard base64.
    let payload: String

    /// As the recipient gets it, one line of JSON: viewers are not told who sends, since it can only be the master.
    var text: ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(payload.utf8.count + sender.utf8.count + 80)
        text.writeStaticString(#"{"messagePayload":""#)
        text.writeString(payload)
        text.writeStaticString(#"","messageType":""#)
        text.writeString(kind.rawValue)
        if !sender.isEmpty {
            text.writeStaticString(#"","senderClientId":""#)
            text.writeString(sender)
        }
        text.writeStaticString(#""}"#)
        return text
    }
}

/// A message as a client sends it: the members are in the spelling of the JavaScript SDK or of the C SDK, and may be any.
struct ClientMessage: Sendable, Equatable {
    let kind: MessageKind?
    /// Empty where there is none.
    let recipient: String
    let payload: String
    /// Nil where the client does not want to know what becomes of the message, or gives an id that cannot be one.
    let correlationID: String?

    init(kind: MessageKind?, recipient: String, payload: String, correlationID: String? = nil) {
        self.kind = kind
        self.recipient = recipient
        self.payload = payload
        self.correlationID = correlationID
    }

    /// Nil for what is no JSON object.
    init?(_ text: ByteBuffer) {
        guard let object = text.withUnsafeReadableBytes({ Self.object($0) }) else { return nil }
        var action: String?
        var recipient: String?
        var payload: String?
        var correlationID: String?
        for member in object.members {
            guard case .string(let value) = member.value else { continue }
            switch member.key.lowercased() {
            case "action": action = action ?? value
            case "recipientclientid": recipient = recipient ?? value
            case "messagepayload": payload = payload ?? value
            case "correlationid": correlationID = correlationID ?? value
            default: continue
            }
        }
        kind = action.flatMap(MessageKind.init)
        self.recipient = recipient ?? ""
        self.payload = payload ?? ""
        self.correlationID = correlationID.flatMap { $0.isClientID ? $0 : nil }
    }

    private static func object(_ bytes: UnsafeRawBufferPointer) -> JSONObject? {
        do throws(JSONError) {
            guard case .object(let object) = try JSONParser.parse(bytes, maximumContainers: 100) else { return nil }
            return object
        } catch {
            return nil
        }
    }
}

extension String {
    /// Whether it can be a ClientId. Reference, GetIceServerConfig, ClientId.
    var isClientID: Bool { utf8.count <= 256 && Pattern.resourceName.matches(self) }

    /// The same bytes in padded standard base64, and how many they are; nil where it is neither standard nor URL-safe base64, or has nothing in it.
    var standardBase64: (text: String, decodedCount: Int)? {
        var text = self
        guard let (digits, padding, isStandard) = text.withUTF8(Self.base64) else { return nil }
        let missing = (4 - digits % 4) % 4
        guard digits > 0, missing < 3, padding == 0 || padding == missing else { return nil }
        if !isStandard {
            let digits = text.utf8.map { digit in
                switch digit {
                case UInt8(ascii: "-"): UInt8(ascii: "+")
                case UInt8(ascii: "_"): UInt8(ascii: "/")
                default: digit
                }
            }
            text = String(decoding: digits, as: UTF8.self)
        }
        if padding < missing { text += String(repeating: "=", count: missing) }
        return (text, digits * 3 / 4)
    }

    /// How many digits of either kind of base64 there are, and how much padding behind them; nil where there is anything else.
    private static func base64(_ bytes: UnsafeBufferPointer<UInt8>) -> (digits: Int, padding: Int, isStandard: Bool)? {
        var end = bytes.endIndex
        while end > 0, bytes[end - 1] == UInt8(ascii: "=") { end -= 1 }
        var isStandard = true
        for byte in bytes[..<end] {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "+"), UInt8(ascii: "/"):
                continue
            case UInt8(ascii: "-"), UInt8(ascii: "_"): isStandard = false
            default: return nil
            }
        }
        return (end, bytes.count - end, isStandard)
    }
}

/// Why a message went nowhere, as its sender is told.
struct MessageFailure: Sendable, Hashable {
    let code: ErrorCode
    let description: String

    /// A STATUS_RESPONSE. All control messages have a payload, since some clients decode it before they look at the type.
    func text(_ correlationID: String) -> ByteBuffer {
        var writer = JSONWriter(capacity: 320)
        writer.beginObject()
        writer.key("messagePayload")
        writer.string(ControlMessage.payload)
        writer.key("messageType")
        writer.string("STATUS_RESPONSE")
        writer.key("statusResponse")
        writer.beginObject()
        writer.key("correlationId")
        writer.string(correlationID)
        writer.key("description")
        writer.string(description)
        writer.key("errorType")
        writer.string(code.rawValue)
        writer.key("statusCode")
        writer.string(String(code.status))
        writer.key("success")
        writer.bool(false)
        writer.endObject()
        writer.endObject()
        return ByteBuffer(bytes: writer.bytes)
    }
}

/// What the service itself tells a client.
enum ControlMessage {
    /// `{}` in base64.
    static let payload = "e30="

    static let goAway = ByteBuffer(string: #"{"messagePayload":"e30=","messageType":"GO_AWAY"}"#)
    static let reconnectICEServer = ByteBuffer(string: #"{"messagePayload":"e30=","messageType":"RECONNECT_ICE_SERVER"}"#)
}
