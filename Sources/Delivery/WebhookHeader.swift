/// A header that an operator adds to what is posted to a webhook, such as `Authorization`. Whatever prints it shows its name and nothing else.
public struct WebhookHeader: Sendable, Hashable, CustomStringConvertible, CustomReflectable {
    public let name: String
    let value: String

    /// Why a text is no header that can be added. The text is for operators, and does not hold the value.
    public struct Fault: Error, CustomStringConvertible { public let description: String }

    /// From `NAME: VALUE`.
    public init(_ line: String) throws(Fault) {
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")) else {
            throw Fault(description: "a header has the form 'NAME: VALUE'")
        }
        name = String(line[..<colon])
        value = String(line[line.utf8.index(after: colon)...].drop { $0 == " " || $0 == "\t" }.trimmedEnd)
        guard (1...100).contains(name.utf8.count), name.utf8.allSatisfy(Self.isTokenByte) else {
            throw Fault(description: "the name of a header is made of letters, digits and hyphens")
        }
        guard !Self.reserved.contains(name.lowercased()), !name.lowercased().hasPrefix("webhook-") else {
            throw Fault(description: "the header \(name) is set by Weir itself")
        }
        guard (1...4096).contains(value.utf8.count), value.utf8.allSatisfy({ (0x20...0x7E).contains($0) || $0 == 0x09 }) else {
            throw Fault(description: "the value of the header \(name) is empty, longer than 4096 bytes or not of printable ASCII")
        }
    }

    /// In the form in which it is read.
    public var line: String { "\(name): \(value)" }

    public var description: String { name }
    public var customMirror: Mirror { Mirror(self, children: ["name": name]) }

    private static let reserved: Set = [
        "connection", "content-length", "content-type", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade", "user-agent", "weir-replay",
    ]

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    /// Whether a text can be the type of what is posted: `TYPE/SUBTYPE`, with parameters or without.
    public static func isContentType(_ text: String) -> Bool {
        let type = text.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)[0].split(
            separator: "/", omittingEmptySubsequences: false)
        return text.utf8.count <= 200 && text.utf8.allSatisfy { (0x20...0x7E).contains($0) } && type.count == 2
            && type.allSatisfy { !$0.isEmpty && $0.utf8.allSatisfy { isTokenByte($0) || $0 == UInt8(ascii: "+") } }
    }
}

extension Substring {
    fileprivate var trimmedEnd: Substring {
        var rest = self
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
