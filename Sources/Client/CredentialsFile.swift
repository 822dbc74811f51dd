/// A shared credentials file in the form of the AWS tools: sections with a name in brackets, `name = value` lines, and comments that begin with
/// `#` or `;`. Spaces around names and values do not count; names are taken in any case, names of sections exactly.
struct CredentialsFile: Sendable {
    /// Settings by lower-case name, by profile.
    private var profiles: [String: [String: String]] = [:]

    /// - Throws: Where a line is none of the above. The text tells the number of the line and not what is in it, which may be secret.
    init(_ text: String) throws(SettingsFault) {
        var profile: String?
        // A carriage return and its line feed are one Character, so lines are told apart by scalars.
        let lines = text.unicodeScalars.split(omittingEmptySubsequences: false) { $0 == "\n" }
        for (number, line) in lines.enumerated() {
            let line = Self.trimmed(Substring(line))
            switch line.first {
            case nil, "#", ";": continue
            case "[":
                guard line.last == "]" else { throw SettingsFault("line \(number + 1) begins a section and does not end it with ]") }
                let name = String(Self.trimmed(line.dropFirst().dropLast()))
                profiles[name, default: [:]] = profiles[name] ?? [:]
                profile = name
            case .some:
                guard let equals = line.firstIndex(of: "="), let profile else {
                    throw SettingsFault("line \(number + 1) is neither a section in brackets nor, in one, of the form name = value")
                }
                let name = Self.trimmed(line[..<equals]).lowercased()
                profiles[profile, default: [:]][name] = String(Self.trimmed(line[line.index(after: equals)...]))
            }
        }
    }

    /// The settings of a profile, by lower-case name; nil where there is no such profile.
    subscript(profile: String) -> [String: String]? { profiles[profile] }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return text
    }
}
