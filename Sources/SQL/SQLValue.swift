/// A value that goes into or comes out of a statement.
///
/// Weir's schema is typed portably, so three kinds are enough: times are integer milliseconds since the epoch,
/// booleans are 0 and 1, and documents are JSON text.
public enum SQLValue: Sendable, Hashable {
    case null
    case integer(Int64)
    case text(String)

    /// The text, or `null` where there is none.
    public static func text(_ value: String?) -> SQLValue {
        if let value { .text(value) } else { .null }
    }

    /// The integer, or `null` where there is none.
    public static func integer(_ value: Int64?) -> SQLValue {
        if let value { .integer(value) } else { .null }
    }
}

extension SQLValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByNilLiteral {
    public init(stringLiteral value: String) { self = .text(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(nilLiteral: ()) { self = .null }
}
