/// What the policies of a caller come to: what none allows is refused, and what one denies is refused whatever the others say.
public enum Decision: Sendable, Equatable {
    /// By the first statement that does.
    case allowed(by: StatementName)
    case denied(by: StatementName)
    /// No statement allows it.
    case notAllowed

    /// A statement, by its policy and its place there.
    public struct StatementName: Sendable, Equatable, CustomStringConvertible {
        public let policy: String
        /// Counted from 0, as in `Statement[0]`.
        public let index: Int
        public let sid: String?

        public var description: String { "\(policy) Statement[\(index)]" + (sid.map { " (\($0))" } ?? "") }
    }

    public var isAllowed: Bool {
        switch self {
        case .allowed: true
        case .denied, .notAllowed: false
        }
    }
}

/// The policies that are attached to one caller.
///
/// Threads: a value; any task may use it at any time. Weighing takes time in proportion to the policies and the request.
public struct PolicySet: Sendable {
    private let policies: [Policy]
    private let mayNeed: Needs

    /// What has to be known of a resource, besides what a call says, for a decision.
    public struct Needs: Sendable, Equatable {
        /// A statement asks for tags of the resource.
        public var resourceTags = false
        /// A statement may tell apart resources whose ARNs differ only in the digits at their end, which are the time of creation.
        public var creationTime = false

        public init(resourceTags: Bool = false, creationTime: Bool = false) {
            self.resourceTags = resourceTags
            self.creationTime = creationTime
        }
    }

    public init(_ policies: [Policy]) {
        self.policies = policies
        mayNeed = Needs(policies.flatMap(\.statements))
    }

    /// What a decision about an action takes.
    public func needs(of action: String) -> Needs {
        guard mayNeed != Needs() else { return mayNeed }
        let action = action.lowercased().scalars
        return Needs(policies.flatMap(\.statements).filter { $0.isAbout(action: action) })
    }

    /// What the policies say of an action on a resource: an ARN, or `*` where the action is about no single one.
    public func decision(_ action: String, on resource: String, _ context: some PolicyContext) -> Decision {
        let (action, resource) = (action.lowercased().scalars, resource.scalars)
        var allowing: Decision.StatementName?
        for policy in policies {
            for (index, statement) in policy.statements.enumerated() {
                if statement.effect == .allow, allowing != nil { continue }
                guard statement.obstacle(action: action, resource: resource, context) == nil else { continue }
                let name = Decision.StatementName(policy: policy.name, index: index, sid: statement.sid)
                switch statement.effect {
                case .allow: allowing = name
                case .deny: return .denied(by: name)
                }
            }
        }
        return allowing.map { .allowed(by: $0) } ?? .notAllowed
    }

    /// Of each statement whether it applies, and if not, why: a line each, for people.
    public func reasons(_ action: String, on resource: String, _ context: some PolicyContext) -> [String] {
        policies.flatMap { policy in
            policy.statements.enumerated().map { index, statement in
                let name = Decision.StatementName(policy: policy.name, index: index, sid: statement.sid)
                let effect = statement.effect == .allow ? "allows" : "denies"
                switch statement.obstacle(action: action.lowercased().scalars, resource: resource.scalars, context) {
                case nil: return "\(name) \(effect) it"
                case .action: return "\(name) is about other actions"
                case .resource: return "\(name) is about other resources"
                case .condition(let number):
                    let condition = statement.conditions[number]
                    return "\(name) \(effect) it only where \(condition.operatorName) holds for \(condition.key.name)"
                }
            }
        }
    }
}

extension PolicySet.Needs {
    fileprivate init(_ statements: [Statement]) {
        resourceTags = statements.contains { $0.keys.contains { $0.family == .resourceTag } }
        creationTime = statements.contains { $0.resources.contains(where: \.looksAtLastDigits) }
    }
}
