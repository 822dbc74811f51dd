/// An element of a document of the Query API.
package indirect enum XML: Sendable {
    case text(String, String)
    case element(String, [XML])

    /// The document whose root it is, in the namespace of the Security Token Service.
    package var document: [UInt8] {
        var text = ""
        write(to: &text, attributes: " xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"")
        return Array(text.utf8)
    }

    private func write(to text: inout String, attributes: String = "") {
        switch self {
        case .text(let name, let value): text += "<\(name)\(attributes)>\(Self.escaped(value))</\(name)>"
        case .element(let name, let children):
            text += "<\(name)\(attributes)>"
            for child in children { child.write(to: &text) }
            text += "</\(name)>"
        }
    }

    /// What XML cannot hold, control characters, becomes the character for what is no character.
    private static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\t", "\n", "\r": escaped += "&#\(scalar.value);"
            case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}
