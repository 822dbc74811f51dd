/// As much of XML as S3's answers need: elements by their names, without attributes, and the five entities.
struct XMLText {
    private let text: Substring

    init(_ text: String) { self.text = text[...] }
    private init(_ text: Substring) { self.text = text }

    /// The contents of the elements of this name, in order. An element of the same name within one is not looked for.
    func elements(_ name: String) -> [XMLText] {
        var found: [XMLText] = []
        var rest = text
        while let open = rest.firstRange(of: "<\(name)>"), let close = rest[open.upperBound...].firstRange(of: "</\(name)>") {
            found.append(XMLText(rest[open.upperBound..<close.lowerBound]))
            rest = rest[close.upperBound...]
        }
        return found
    }

    /// The text of the first element of this name; nil where there is none.
    func element(_ name: String) -> String? {
        guard let content = elements(name).first?.text else { return nil }
        guard content.contains("&") else { return String(content) }
        var plain = String(content)
        for (entity, character) in [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&#34;", "\"")] {
            plain.replace(entity, with: character)
        }
        plain.replace("&amp;", with: "&")
        return plain
    }
}
