import Contract
import Locking
public import Policies
public import Store

/// A user of an account, with what decides what it may do.
public struct User: Sendable {
    public let name: String
    public let tags: [TagRecord]
    public let policies: PolicySet

    public init(name: String, tags: [TagRecord] = [], policies: PolicySet) {
        self.name = name
        self.tags = tags
        self.policies = policies
    }
}

/// Who has taken a role on, with what decides what they may do.
public struct RoleSession: Sendable {
    public let role: String
    /// Of the role; never another's.
    public let roleID: String
    public let name: String
    public let tags: [TagRecord]
    public let policies: PolicySet
    /// What must allow a call too; nil where the session was made without a policy of its own.
    public let limit: PolicySet?
    /// What else policies read of who calls, by keys in lower case.
    public let context: [String: String]

    public init(
        role: String, roleID: String, name: String, tags: [TagRecord] = [], policies: PolicySet, limit: PolicySet? = nil,
        context: [String: String] = [:]
    ) {
        self.role = role
        self.roleID = roleID
        self.name = name
        self.tags = tags
        self.policies = policies
        self.limit = limit
        self.context = context
    }
}

/// The policies that were read lately, so that those who have the same one share it.
///
/// Threads: any task may use it at any time. Memory is bounded by `capacity` policies.
final class ReadPolicies: Sendable {
    private static let capacity = 1000
    /// By the bytes of name and document: strings that are canonically equivalent are equal, and policies are not.
    private let policies = Lock<[[UInt8]: Policy]>([:])

    /// A user with what is attached.
    func user(_ name: String, _ grants: Grants) -> User { User(name: name, tags: grants.tags, policies: set(grants.policies)) }

    /// A session of a role with what is attached to the role.
    func session(_ taken: Session.Role, _ grants: Grants) -> RoleSession {
        let own = taken.tags.map { TagRecord(key: $0.key, value: $0.value) }
        let inherited = grants.tags.filter { tag in !own.contains { $0.key.lowercased() == tag.key.lowercased() } }
        return RoleSession(
            role: taken.name, roleID: taken.id, name: taken.session, tags: inherited + own, policies: set(grants.policies),
            limit: taken.policy.map { set([PolicyRecord(name: "session policy", document: $0)]) }, context: taken.context)
    }

    /// Where a policy cannot be read, nothing is allowed: what it forbids is not known.
    private func set(_ records: [PolicyRecord]) -> PolicySet {
        let policies = records.compactMap(policy)
        return PolicySet(policies.count == records.count ? policies : [])
    }

    private func policy(_ record: PolicyRecord) -> Policy? {
        let key = Array("\(record.name)\0\(record.document)".utf8)
        if let policy = policies.withLock({ $0[key] }) { return policy }
        guard let policy = try? Policy(record.name, record.document) else { return nil }
        policies.withLock { policies in
            if policies.count >= Self.capacity { policies.removeAll(keepingCapacity: true) }
            policies[key] = policy
        }
        return policy
    }
}

extension Policy {
    /// What of a policy has no effect on any call, for whoever wrote it: one line each.
    public var remarks: [String] {
        // WebSockets are opened by no operation, but by these actions.
        let operations = (OperationID.allCases.map(\.rawValue) + ChannelRole.allCases.map(\.connectAction)).map { "kinesisvideo:\($0)" }
        let actions = actions(among: operations).filter { !$0.isKnown && $0.pattern.lowercased().hasPrefix("kinesisvideo:") }
            .map { "the action \($0.pattern) is none of this program's" }
        let keys = keys.filter { $0.family == .plain && $0.global == nil && !$0.name.hasPrefix("credentials-iot:") }.map(
            \.name
        ).sorted()
            .map { "no call has the key \($0)" }
        return actions + keys
    }
}
