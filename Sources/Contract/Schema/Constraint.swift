/// One documented limit on a member, as data: it is checked, printed into error messages and into the OpenAPI document from here.
public enum Constraint: Sendable {
    /// Unicode scalars of a string.
    case minimumLength(Int)
    /// Unicode scalars of a string.
    case maximumLength(Int)
    /// The whole string matches.
    case pattern(Pattern)
    /// The string is one of these, in the order of the reference.
    case oneOf([String])
    case minimum(Int)
    case maximum(Int)
    /// Elements of a list or entries of a map.
    case minimumCount(Int)
    /// Elements of a list or entries of a map.
    case maximumCount(Int)
    /// The member is present and not null.
    case required

    /// The rule in the words in which the service states it.
    public var text: String {
        switch self {
        case .minimumLength(let length): "Member must have length greater than or equal to \(length)"
        case .maximumLength(let length): "Member must have length less than or equal to \(length)"
        case .pattern(let pattern): "Member must satisfy regular expression pattern: \(pattern.expression)"
        case .oneOf(let values): "Member must satisfy enum value set: [\(values.joined(separator: ", "))]"
        case .minimum(let value): "Member must have value greater than or equal to \(value)"
        case .maximum(let value): "Member must have value less than or equal to \(value)"
        case .minimumCount(let count): "Member must have length greater than or equal to \(count)"
        case .maximumCount(let count): "Member must have length less than or equal to \(count)"
        case .required: "Member must not be null"
        }
    }

    /// Whether a string of `length` Unicode scalars satisfies this constraint; those on other types are satisfied.
    func holds(for value: String, length: Int) -> Bool {
        switch self {
        case .minimumLength(let minimum): length >= minimum
        case .maximumLength(let maximum): length <= maximum
        case .pattern(let pattern): pattern.matches(value)
        case .oneOf(let values): values.contains { $0.hasSameScalars(as: value) }
        case .minimum, .maximum, .minimumCount, .maximumCount, .required: true
        }
    }

    /// Whether an integer satisfies this constraint; those on other types are satisfied.
    func holds(for value: Int) -> Bool {
        switch self {
        case .minimum(let minimum): value >= minimum
        case .maximum(let maximum): value <= maximum
        case .minimumLength, .maximumLength, .pattern, .oneOf, .minimumCount, .maximumCount, .required: true
        }
    }

    /// Whether a collection of `count` elements satisfies this constraint; those on other types are satisfied.
    func holds(forCount count: Int) -> Bool {
        switch self {
        case .minimumCount(let minimum): count >= minimum
        case .maximumCount(let maximum): count <= maximum
        case .minimumLength, .maximumLength, .pattern, .oneOf, .minimum, .maximum, .required: true
        }
    }
}
