public import Contract

extension Schema {
    /// What the audit log tells of a value of this shape: members that are declared, under names with a lower-case first letter, without sensitive
    /// ones. Of a URL only scheme and host are left, since paths and queries hold tokens. A value that is long is cut, and of one that is long as a
    /// whole nothing is left but its length.
    public func audited(_ value: JSONValue) -> JSONValue {
        let audited = told(value)
        var json = JSONWriter()
        json.value(audited)
        guard json.bytes.count > Self.mostBytes else { return audited }
        return .object(JSONObject([("omittedBytes", .integer(Int64(json.bytes.count)))]))
    }

    private static var mostBytes: Int { 16_384 }
    private static var longestText: Int { 1024 }
    /// What peers say to each other, with the passwords of their connection, is not for others, though the model calls it no secret.
    private static var payloads: Set<String> { ["MessagePayload"] }
    private static var hidden: JSONValue { .string("HIDDEN_DUE_TO_SECURITY_REASONS") }

    private func told(_ value: JSONValue) -> JSONValue {
        guard !isSensitive || value == .null else { return Self.hidden }
        switch (kind, value) {
        case (_, .null), (_, .bool), (_, .integer), (_, .number): return value
        case (.string, .string(let text)), (.timestamp, .string(let text)), (.boolean, .string(let text)), (.integer, .string(let text)),
            (.long, .string(let text)):
            return .string(Self.told(text))
        case (.list(let element), .array(let elements)): return .array(elements.map(element.told))
        case (.map(let key, let element), .object(let object)):
            return .object(JSONObject(object.members.map { (key.isSensitive ? "hidden" : $0.key, element.told($0.value)) }))
        case (.structure(_, let members), .object(let object)):
            return .object(
                JSONObject(
                    members.compactMap { member in
                        object[member.name].map {
                            (
                                member.name.prefix(1).lowercased() + member.name.dropFirst(),
                                Self.payloads.contains(member.name) ? Self.hidden : member.schema.told($0)
                            )
                        }
                    }))
        // What has the wrong type is refused: nobody knows what it is.
        case (.list, _), (.map, _), (.structure, _), (.string, _), (.timestamp, _), (.boolean, _), (.integer, _), (.long, _):
            return Self.hidden
        }
    }

    private static func told(_ text: String) -> String {
        if let scheme = text.firstRange(of: "://") {
            let authority = text[scheme.upperBound...].prefix { !"/?#".contains($0) }
            let host = authority.split(separator: "@", omittingEmptySubsequences: false).last ?? ""
            let isWhole = authority.endIndex == text.endIndex && host.count == authority.count
            return String(text[..<scheme.upperBound].prefix(32)) + host.prefix(255) + (isWhole ? "" : "/...")
        }
        guard text.utf8.count > longestText else { return text }
        return String(text.unicodeScalars.prefix(longestText / 4)) + "... (\(text.utf8.count) bytes)"
    }
}
