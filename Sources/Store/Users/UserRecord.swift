/// A user of an account, without what is attached.
public struct UserRecord: Sendable, Hashable {
    public let account: String
    public let name: String
    /// The names of the policies that are attached, in order.
    public let policies: [String]
    /// How many keys it has that are not disabled and have not expired.
    public let activeKeys: Int64
    /// Milliseconds since the epoch.
    public let createdAt: Int64
}

/// A role of an account: who takes it on, with temporary credentials, may do what is attached to it.
public struct RoleRecord: Sendable, Hashable {
    public let account: String
    public let name: String
    /// Never that of another role, not even of one that is made later under the same name.
    public let id: String
    /// A policy of who may take it on, in IAM's JSON language, as it was put.
    public let trust: String
    /// How long credentials made from it may last, in seconds.
    public let longestSession: Int64
    /// Milliseconds since the epoch, as all times here.
    public let createdAt: Int64
    /// Credentials that were made from it by then are refused; nil where none are.
    public let revokedAt: Int64?
    /// The store's time when the record was read, by the same clock as the others.
    public let readAt: Int64
    /// The names of the policies that are attached, in order.
    public internal(set) var policies: [String]
}

/// A name by which devices ask for credentials of a role.
public struct RoleAliasRecord: Sendable, Hashable {
    public let account: String
    public let name: String
    public let role: String
    /// Of the credentials, in seconds.
    public let lifetime: Int64
}

/// What policies and tags are attached to, by its name in its account.
public enum PolicyHolder: Sendable, Hashable {
    case user(String)
    case role(String)

    public var name: String {
        switch self {
        case .user(let name), .role(let name): name
        }
    }
}

/// What decides what a user, or who has taken a role on, may do.
public struct Grants: Sendable, Hashable {
    public let policies: [PolicyRecord]
    public let tags: [TagRecord]
}

/// A policy of an account.
public struct PolicyRecord: Sendable, Hashable {
    public let name: String
    /// In IAM's JSON language, as it was put.
    public let document: String

    public init(name: String, document: String) {
        self.name = name
        self.document = document
    }
}

/// A policy in the list of those there are.
public struct PolicySummary: Sendable, Hashable {
    public let account: String
    public let name: String
    /// How many users, and roles, it is attached to.
    public let users: Int64
    public let roles: Int64
    /// Milliseconds since the epoch.
    public let changedAt: Int64
}

/// What there is of an account.
public struct AccountSummary: Sendable, Hashable {
    public let account: String
    public let users: Int64
    /// Keys that are not disabled and have not expired.
    public let activeKeys: Int64
    public let roles: Int64
    public let policies: Int64
}
