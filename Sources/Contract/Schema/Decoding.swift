/// What went wrong so far while a request was being decoded, and where in it the decoder stands.
@usableFromInline struct Decoding {
    /// What a request is refused for; more than anybody reads is not looked for, since each takes time.
    static let mostViolations = 200
    @usableFromInline private(set) var violations: [Violation] = []
    /// Whether something was left unread because the request is refused anyway.
    @usableFromInline private(set) var hasStopped = false
    private var path: [String] = []
    /// Whether to let a broken rule pass unnoticed. Only tests have one: they leave out one rule after the other to see that each is
    /// missed. It is asked where a rule is broken and nowhere else.
    private let overlooks: (@Sendable (_ path: [String], _ rule: Constraint) -> Bool)?

    @usableFromInline init(overlooking overlooks: (@Sendable (_ path: [String], _ rule: Constraint) -> Bool)? = nil) {
        self.overlooks = overlooks
    }

    /// Runs `body` one level further down. `name` is an element of the path as error messages give it.
    mutating func at<Value>(
        _ name: @autoclosure () -> String, _ body: (inout Decoding) throws(SerializationError) -> Value
    ) throws(SerializationError) -> Value {
        path.append(name())
        defer { path.removeLast() }
        return try body(&self)
    }

    /// Notes that what stands here breaks a rule. False where that is to be overlooked.
    mutating func report(_ constraint: Constraint, value: String?) -> Bool {
        if let overlooks, overlooks(path, constraint) { return false }
        violations.append(Violation(path: path.joined(separator: "."), value: value, constraint: constraint))
        return true
    }

    /// How many of `count` elements to decode. Of a collection that has too many, no more than could be told of.
    func elements(of count: Int, isAllowed: Bool) -> Int {
        isAllowed ? count : min(count, Self.mostViolations)
    }

    /// Whether to decode no more elements; those that are left are then unknown.
    mutating func stops() -> Bool {
        if violations.count >= Self.mostViolations { hasStopped = true }
        return hasStopped
    }

    /// What to throw when the value here has the wrong JSON type.
    func wrongType(_ expected: String, _ value: JSONValue) -> SerializationError {
        let place = path.isEmpty ? "The request body" : "The value at '\(path.joined(separator: "."))'"
        return SerializationError(message: "\(place) must be \(expected), not \(value.typeName).")
    }
}

/// A member that breaks one of its constraints.
public struct Violation: Sendable {
    /// Members joined by dots, each with a lower-case first letter, list elements numbered from 1: `tagKeyList.1.member`.
    public let path: String
    /// The offending value, or nil where it is absent. Shortened where it is long, a mask where it is sensitive.
    public let value: String?
    public let constraint: Constraint

    /// In the words of the service: `Value 'x y' at 'streamName' failed to satisfy constraint: Member must ...`.
    public var text: String {
        "Value \(value.map { "'\($0)'" } ?? "null") at '\(path)' failed to satisfy constraint: \(constraint.text)"
    }
}

/// The body is not JSON, or a value in it has the wrong JSON type.
@usableFromInline struct SerializationError: Error {
    @usableFromInline let message: String

    init(message: String) { self.message = message }
}

extension JSONValue {
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "a boolean"
        case .integer, .number: "a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}

extension String {
    /// A wire name as it stands in error messages: `StreamARN` is `streamARN`.
    var lowerCasedFirst: String { prefix(1).lowercased() + dropFirst() }

    /// Short enough to be echoed, and marked where something was left out.
    var echoed: String {
        let limit = 256
        guard unicodeScalars.count > limit else { return self }
        return String(String.UnicodeScalarView(unicodeScalars.prefix(limit))) + "..."
    }
}
