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

    /// The keys, besides those of tags, that calls have.
    public enum Global: String, Sendable, CaseIterable {
        case currentTime = "aws:currenttime"
        case epochTime = "aws:epochtime"
        case principalAccount = "aws:principalaccount"
        case principalARN = "aws:principalarn"
        case requestedRegion = "aws:requestedregion"
        case secureTransport = "aws:securetransport"
        case sourceIP = "aws:sourceip"
        case tagKeys = "aws:tagkeys"
        case userID = "aws:userid"
        case username = "aws:username"
    }

    /// In lower case: keys are compared without regard to case, those of tags too.
    public let name: String
    public let family: Family
    /// What follows the slash, in lower case; empty for a key of the family `plain`.
    public let tag: String
    /// Which of the keys that calls have; nil where it is about tags, or none of them.
    public let global: Global?

    public init(_ text: String) {
        let name = text.lowercased()
        self.name = name
        family = Family.allCases.first { name.hasPrefix($0.prefix) } ?? .plain
        global = Global(rawValue: name)
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
