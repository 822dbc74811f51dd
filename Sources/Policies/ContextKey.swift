/// What a condition or a variable of a policy asks of a request, such as `aws:SourceIp`.
public struct ContextKey: Sendable, Hashable {
    /// Whose tags it is about.
    public enum Family: Sendable, Hashable, CaseIterable {
        /// `aws:RequestTag/KEY`: the tags that the request sets.
        case requestTag
        /// `aws:ResourceTag/KEY`: the tags of what the request names.
        case resourceTag
        /// `aws:PrincipalTag/KEY`: the tags of whoever calls.
        case principalTag
        /// No tags.
        case plain

        fileprivate var prefix: String {
            switch self {
            case .requestTag: "aws:requesttag/"
            case .resourceTag: "aws:resourcetag/"
            case .principalTag: "aws:principaltag/"
            case .plain: ""
            }
        }
    }

    /// In lower case: keys are compared without regard to case, those of tags too.
    public let name: String
    public let family: Family
    /// What follows the slash, in lower case; empty for a key of the family `plain`.
    public let tag: String

    public init(_ text: String) {
        let name = text.lowercased()
        self.name = name
        family = Family.allCases.first { name.hasPrefix($0.prefix) } ?? .plain
        tag = family == .plain ? "" : String(name.dropFirst(family.prefix.count))
    }
}

/// What is known of a request besides action and resource.
public protocol PolicyContext {
    /// The values of a key; nil, or none, where the request has no such key.
    func values(of key: ContextKey) -> [String]?
}

/// A context that is given in full.
public struct GivenContext: PolicyContext {
    private var values: [String: [String]] = [:]

    /// Of two keys that differ in case only, both values hold.
    public init(_ given: some Sequence<(key: String, value: [String])>) {
        for (key, value) in given { values[key.lowercased(), default: []] += value }
    }

    public func values(of key: ContextKey) -> [String]? { values[key.name] }
}
