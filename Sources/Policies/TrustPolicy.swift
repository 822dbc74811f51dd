/// A policy of who may take a role on, read and checked once. It belongs to the role, so it names principals and no resources.
///
/// IAM user guide, "AWS JSON policy elements: Principal".
public struct TrustPolicy: Sendable {
    private let statements: [Statement]

    /// Characters that a document may have apart from white space. IAM user guide, "IAM and STS quotas".
    public static let maximumCharacters = 4096

    /// The policy that a document spells. Throws the first mistake in it.
    public init(_ document: String) throws(PolicyMistake) {
        statements = try Policy.statements(document, maximumCharacters: Self.maximumCharacters, isTrust: true)
    }

    /// What trust says of who asks, the weaker first.
    public enum Decision: Int, Sendable, Comparable {
        /// A statement denies it, whatever others say.
        case denied
        /// No statement is about who asks.
        case notAllowed
        /// The account of who asks is trusted: it depends on that account's policies who of it may.
        case account
        /// Who asks is trusted by name.
        case caller

        public static func < (left: Decision, right: Decision) -> Bool { left.rawValue < right.rawValue }
    }

    /// What it says of an action, such as `sts:AssumeRole`, of who asks.
    public func decision(_ action: String, by subject: TrustSubject, _ context: some PolicyContext) -> Decision {
        let action = action.lowercased().scalars
        var decision = Decision.notAllowed
        for statement in statements {
            guard statement.isAbout(action: action), let named = statement.principals.name(subject),
                statement.conditions.allSatisfy({ $0.holds(in: context) })
            else { continue }
            switch statement.effect {
            case .deny: return .denied
            case .allow: decision = max(decision, named)
            }
        }
        return decision
    }
}

/// Who asks for a role, by all the names that trust may give.
public enum TrustSubject: Sendable {
    /// Somebody of an account, by ARNs that are theirs: those of a role and of the session.
    case principal(account: String, arns: [String])
    /// A service of this deployment, such as `credentials.iot.amazonaws.com`.
    case service(String)
}

/// Whom a statement of trust names.
struct Principals: Sendable {
    var isAnyone = false
    var accounts: Set<String> = []
    var arns: Set<String> = []
    var services: Set<String> = []

    init() {}

    /// How it names who asks; nil where it does not.
    func name(_ subject: TrustSubject) -> TrustPolicy.Decision? {
        switch subject {
        case .principal(let account, let own):
            if isAnyone || own.contains(where: arns.contains) { return .caller }
            return accounts.contains(account) ? .account : nil
        case .service(let name): return services.contains(name) ? .caller : nil
        }
    }
}
