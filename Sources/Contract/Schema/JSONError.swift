/// Why a text is not the JSON that `JSONParser` takes, and where.
///
/// It never holds a part of the text, so it may be shown to a client and written to a log.
public struct JSONError: Error, Sendable, Equatable {
    /// What is wrong.
    public enum Kind: Sendable, Equatable, CaseIterable {
        /// The text ends inside a value, or holds none.
        case unexpectedEnd
        /// A byte that cannot stand here, such as a trailing comma, a comment or anything after the value.
        case unexpectedCharacter
        /// The text starts with a byte order mark (RFC 8259 section 8.1).
        case byteOrderMark
        /// Bytes that are not UTF-8: overlong, cut off, a surrogate, or above U+10FFFF.
        case invalidUTF8
        /// A character below U+0020 in a string that is not escaped.
        case controlCharacter
        /// A backslash followed by something that is no escape.
        case invalidEscape
        /// An escaped surrogate without its other half.
        case loneSurrogate
        /// A number too large for a double.
        case numberOutOfRange
        /// A member name for the second time in one object. The offset is that of the second.
        case duplicateMember
        /// An array or object inside more of them than allowed.
        case tooDeep
        /// More arrays and objects in all than allowed, empty ones not counted.
        case tooManyContainers
    }

    /// What is wrong.
    public let kind: Kind
    /// Where, in bytes from the start of the text.
    public let offset: Int

    /// An error of this kind at `offset` bytes from the start of the text.
    public init(_ kind: Kind, offset: Int) {
        self.kind = kind
        self.offset = offset
    }

    /// One short sentence for a client, for instance `Unexpected character at offset 17`.
    public var message: String {
        let what =
            switch kind {
            case .unexpectedEnd: "Unexpected end"
            case .unexpectedCharacter: "Unexpected character"
            case .byteOrderMark: "Byte order mark"
            case .invalidUTF8: "Invalid UTF-8"
            case .controlCharacter: "Unescaped control character"
            case .invalidEscape: "Invalid escape"
            case .loneSurrogate: "Lone surrogate"
            case .numberOutOfRange: "Number out of range"
            case .duplicateMember: "Duplicate member"
            case .tooDeep: "Too deeply nested"
            case .tooManyContainers: "Too many arrays and objects"
            }
        return "\(what) at offset \(offset)"
    }
}
