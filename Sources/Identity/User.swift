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

/// The policies that were read lately, so that those who have the same one share it.
///
/// Threads: any task may use it at any time. Memory is bounded by `capacity` policies.
final class ReadPolicies: Sendable {
    private static let capacity = 1000
    /// By the bytes of name and document: strings that are canonically equivalent are equal, and policies are not.
    private let policies = Lock<[[UInt8]: Policy]>([:])

    /// A user with what is attached. Where a policy cannot be read, the user may do nothing: what it forbids is not known.
    func user(_ name: String, _ grants: Grants) -> User {
        let policies = grants.policies.compactMap(policy)
        let isWhole = policies.count == grants.policies.count
        return User(name: name, tags: grants.tags, policies: PolicySet(isWhole ? policies : []))
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
        let operations = OperationID.allCases.map { "kinesisvideo:\($0.rawValue)" }
        let actions = actions(among: operations).filter { !$0.isKnown && $0.pattern.lowercased().hasPrefix("kinesisvideo:") }
            .map { "the action \($0.pattern) is none of this program's" }
        let keys = keys.filter { $0.family == .plain && PlainKey(rawValue: $0.name) == nil }.map(\.name).sorted()
            .map { "no call has the key \($0)" }
        return actions + keys
    }
}
