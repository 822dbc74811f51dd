/// A regular expression of the API reference together with a matcher written for it.
///
/// The expression is what clients are told; the matcher decides. Both mean the same: a match covers the whole string, `\w` and `\d`
/// are ASCII, and the dot takes everything but the line terminators of Java, in which the service is written. A match
/// takes time proportional to the length of the string. A canonically equivalent string is another string.
public struct Pattern: Sendable {
    /// The expression as published.
    public let expression: String
    private let matcher: @Sendable (String) -> Bool

    private init(_ expression: String, matcher: @escaping @Sendable (String) -> Bool) {
        self.expression = expression
        self.matcher = matcher
    }

    /// Whether the whole of `text` is matched.
    public func matches(_ text: String) -> Bool { matcher(text) }
}

extension Pattern {
    /// The name of a stream, a channel or a device.
    public static let resourceName = Pattern("[a-zA-Z0-9_.-]+") { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.name.contains)
    }

    /// One media type or several, with commas between them.
    public static let mediaType = Pattern(#"[\w\-\.\+]+/[\w\-\.\+]+(,[\w\-\.\+]+/[\w\-\.\+]+)*"#) { text in
        var cursor = Cursor(text)
        repeat {
            guard cursor.skip(.media), cursor.skip("/"), cursor.skip(.media) else { return false }
        } while cursor.skip(",")
        return cursor.isAtEnd
    }

    /// At least one character, and no line terminator.
    public static let anyText = Pattern(".+") { text in
        !text.isEmpty && text.unicodeScalars.allSatisfy { !isLineTerminator($0) }
    }

    /// The version of a stream or channel.
    public static let version = Pattern("[a-zA-Z0-9]+") { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.alphanumeric.contains)
    }

    /// The ARN of a stream or channel, whatever partition, region, account and kind it names.
    public static let resourceARN = Pattern(#"arn:[a-z\d-]+:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+"#) { text in
        var cursor = Cursor(text)
        return cursor.skip("arn:") && cursor.skip(.region) && cursor.skip(":kinesisvideo:") && cursor.skip(.region) && cursor.skip(":")
            && cursor.skip(.digits) && cursor.skip(":") && cursor.skip(.lowercase) && cursor.skip("/") && cursor.skip(.name)
            && cursor.skip("/") && cursor.skip(.digits) && cursor.isAtEnd
    }

    /// The ARN of a channel, as the API of signaling takes it.
    public static let signalingChannelARN = Pattern("arn:aws:kinesisvideo:[a-z0-9-]+:[0-9]+:[a-z]+/[a-zA-Z0-9_.-]+/[0-9]+") { text in
        text.utf8.starts(with: "arn:aws:".utf8) && resourceARN.matches(text)
    }

    /// Something in base64.
    public static let base64 = Pattern("[a-zA-Z0-9+/=]+") { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.base64.contains)
    }

    /// The token of a page, which may be empty.
    public static let nextToken = Pattern("[a-zA-Z0-9+/=]*") { text in
        text.utf8.allSatisfy(ASCIISet.base64.contains)
    }

    /// The token of a page of fragments.
    public static let mediaNextToken = Pattern("[a-zA-Z0-9+/]+={0,2}") { text in
        var cursor = Cursor(text)
        guard cursor.skip(.unpadded) else { return false }
        return cursor.skip("=") && cursor.skip("=") && cursor.isAtEnd || cursor.isAtEnd
    }

    /// The number of a fragment.
    public static let fragmentNumber = Pattern("^[0-9]+$") { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.digits.contains)
    }

    /// What a reader goes on with.
    public static let continuationToken = Pattern(#"^[a-zA-Z0-9_\.\-]+$"#) { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.name.contains)
    }

    /// Seconds since the epoch, with nine decimals at most.
    public static let decimalSeconds = Pattern(#"[0-9]+(\.[0-9]{0,9})?"#) { text in
        var cursor = Cursor(text)
        guard cursor.skip(.digits), !cursor.isAtEnd else { return cursor.isAtEnd && !text.isEmpty }
        guard cursor.skip(".") else { return false }
        for _ in 0..<9 where !cursor.skipOne(.digits) { break }
        return cursor.isAtEnd
    }

    /// The key of a tag: letters, separators and numbers of any script, and some punctuation.
    public static let tagKey = Pattern(#"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$"#) { text in
        text.unicodeScalars.allSatisfy(isTagScalar)
    }

    /// The value of a tag: the same scalars as in its key.
    public static let tagValue = Pattern(#"[\p{L}\p{Z}\p{N}_.:/=+\-@]*"#) { text in
        text.unicodeScalars.allSatisfy(isTagScalar)
    }

    /// Where images or notifications go: a scheme, something that is not a slash, and no asterisk after the first slash.
    public static let destinationURI = Pattern("^[a-zA-Z_0-9]+:(//)?([^/]+)/?([^*]*)$") { text in
        var cursor = Cursor(text)
        guard cursor.skip(.word), cursor.skip(":") else { return false }
        _ = cursor.skip("//")
        return cursor.skip(upTo: "/") && cursor.hasNo("*")
    }

    /// The name of a region, as long as its number has one digit.
    public static let region = Pattern("^[a-z]+(-[a-z]+)?-[a-z]+-[0-9]$") { text in
        var cursor = Cursor(text)
        guard cursor.skip(.lowercase), cursor.skip("-"), cursor.skip(.lowercase), cursor.skip("-") else { return false }
        if cursor.skip(.lowercase), !cursor.skip("-") { return false }
        return cursor.skipOne(.digits) && cursor.isAtEnd
    }

    /// The value of a parameter of an image format.
    public static let formatConfigValue = Pattern("^[a-zA-Z_0-9]+") { text in
        !text.isEmpty && text.utf8.allSatisfy(ASCIISet.word.contains)
    }

    /// The ARN of a thing: of the device that an edge agent runs on.
    public static let thingARN = Pattern(#"arn:[a-z\d-]+:iot:[a-z0-9-]+:[0-9]+:thing/[a-zA-Z0-9_.-]+"#) { text in
        var cursor = Cursor(text)
        return cursor.skip("arn:") && cursor.skip(.region) && cursor.skip(":iot:") && cursor.skip(.region) && cursor.skip(":")
            && cursor.skip(.digits) && cursor.skip(":thing/") && cursor.skip(.name) && cursor.isAtEnd
    }

    /// The ARN of a secret.
    public static let secretARN = Pattern(#"arn:[a-z\d-]+:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[a-zA-Z0-9_.-]+"#) { text in
        var cursor = Cursor(text)
        return cursor.skip("arn:") && cursor.skip(.region) && cursor.skip(":secretsmanager:") && cursor.skip(.region) && cursor.skip(":")
            && cursor.skip(.digits) && cursor.skip(":secret:") && cursor.skip(.name) && cursor.isAtEnd
    }

    /// A schedule, as far as an expression can tell: one line of 11 to 100 Unicode scalars.
    public static let scheduleExpression = Pattern(#"[^\n]{11,100}"#) { text in
        (11...100).contains(text.unicodeScalars.count) && !text.utf8.contains(UInt8(ascii: "\n"))
    }
}

/// Whether Java's dot does not match this scalar.
private func isLineTerminator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "\n", "\r", "\u{85}", "\u{2028}", "\u{2029}": true
    default: false
    }
}

/// Whether `[\p{L}\p{Z}\p{N}_.:/=+\-@]` matches this scalar.
private func isTagScalar(_ scalar: Unicode.Scalar) -> Bool {
    if scalar.isASCII { return ASCIISet.tag.contains(UInt8(truncatingIfNeeded: scalar.value)) }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    case .spaceSeparator, .lineSeparator, .paragraphSeparator: return true
    case .decimalNumber, .letterNumber, .otherNumber: return true
    default: return false
    }
}

/// A set of ASCII characters: one bit each.
private struct ASCIISet: Sendable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ characters: StaticString) {
        for index in 0..<characters.utf8CodeUnitCount {
            let byte = characters.utf8Start[index]
            if byte < 64 { low |= 1 << byte } else { high |= 1 << (byte - 64) }
        }
    }

    func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case ..<64: low >> byte & 1 == 1
        case ..<128: high >> (byte - 64) & 1 == 1
        default: false
        }
    }

    static let digits = ASCIISet("0123456789")
    static let lowercase = ASCIISet("abcdefghijklmnopqrstuvwxyz")
    static let alphanumeric = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    static let region = ASCIISet("abcdefghijklmnopqrstuvwxyz0123456789-")
    static let name = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-")
    static let word = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
    static let media = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.+")
    static let unpadded = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    static let base64 = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    static let tag = ASCIISet("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.:/=+-@")
}

/// A place in a string that only moves forward. No part of the expressions above can also match the start of what follows it, so
/// taking as much as possible is never wrong.
private struct Cursor {
    private var rest: Substring.UTF8View

    init(_ text: String) { rest = text[...].utf8 }

    var isAtEnd: Bool { rest.isEmpty }

    /// Skips exactly this text.
    mutating func skip(_ text: StaticString) -> Bool {
        let count = text.utf8CodeUnitCount
        guard rest.starts(with: UnsafeBufferPointer(start: text.utf8Start, count: count)) else { return false }
        rest.removeFirst(count)
        return true
    }

    /// Skips the longest run of these characters, which must be at least one.
    mutating func skip(_ characters: ASCIISet) -> Bool {
        let end = rest.firstIndex { !characters.contains($0) } ?? rest.endIndex
        guard end > rest.startIndex else { return false }
        rest = rest[end...]
        return true
    }

    /// Skips one of these characters.
    mutating func skipOne(_ characters: ASCIISet) -> Bool {
        guard let first = rest.first, characters.contains(first) else { return false }
        rest.removeFirst()
        return true
    }

    /// Skips everything before the first `end`, or all there is: at least one byte.
    mutating func skip(upTo end: Unicode.Scalar) -> Bool {
        let index = rest.firstIndex(of: UInt8(ascii: end)) ?? rest.endIndex
        guard index > rest.startIndex else { return false }
        rest = rest[index...]
        return true
    }

    /// Whether this character does not occur in what is left.
    func hasNo(_ character: Unicode.Scalar) -> Bool { !rest.contains(UInt8(ascii: character)) }
}
