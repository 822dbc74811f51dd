/// A JSON document, or a part of one, as RFC 8259 defines it.
///
/// Integers and other numbers are apart, and so are numbers and booleans: `1` is never `1.0` and never `true`.
/// Two values are equal when they are of one case and hold the same; strings are compared scalar by scalar (RFC 8259 section 8.3),
/// never by Unicode equivalence as `String` does: the KELVIN SIGN is not the letter `K`.
public enum JSONValue: Sendable {
    case null
    case bool(Bool)
    /// A number written without fraction and exponent that fits 64 bits. `-0` is zero.
    case integer(Int64)
    /// Any other number, rounded to the nearest double. Finite.
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)
}

/// The members of a JSON object, in the order in which they were written.
public struct JSONObject: Sendable {
    /// The members. The keys are distinct.
    public let members: [(key: String, value: JSONValue)]

    /// An object of these members. The caller sees to it that the keys are distinct.
    public init(_ members: [(key: String, value: JSONValue)] = []) {
        self.members = members
    }

    /// The value of the member of exactly this name, or nil where there is none. Takes time proportional to the number of members.
    public subscript(key: String) -> JSONValue? {
        for member in members where member.key.hasSameScalars(as: key) {
            return member.value
        }
        return nil
    }
}

extension JSONValue: Equatable {
    /// Whether both are of one case and hold the same.
    public static func == (left: JSONValue, right: JSONValue) -> Bool {
        switch (left, right) {
        case (.null, .null): true
        case (.bool(let left), .bool(let right)): left == right
        case (.integer(let left), .integer(let right)): left == right
        case (.number(let left), .number(let right)): left == right
        case (.string(let left), .string(let right)): left.hasSameScalars(as: right)
        case (.array(let left), .array(let right)): left == right
        case (.object(let left), .object(let right)): left == right
        case (.null, _), (.bool, _), (.integer, _), (.number, _), (.string, _), (.array, _), (.object, _): false
        }
    }
}

extension JSONObject: Equatable {
    /// Whether both hold the same members in the same order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.elementsEqual(right.members) { left, right in
            left.key.hasSameScalars(as: right.key) && left.value == right.value
        }
    }
}

extension String {
    /// Whether both are the same sequence of Unicode scalars. `==` would also take canonically equivalent ones for equal.
    func hasSameScalars(as other: String) -> Bool {
        utf8.count == other.utf8.count
            && utf8.withContiguousStorageIfAvailable { own in
                other.utf8.withContiguousStorageIfAvailable { own.elementsEqual($0) } ?? own.elementsEqual(other.utf8)
            } ?? utf8.elementsEqual(other.utf8)
    }
}
