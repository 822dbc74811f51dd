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

/// What decides what a user may do.
public struct UserGrants: Sendable, Hashable {
    public let policies: [PolicyRecord]
    public let tags: [TagRecord]
}

/// A policy of an account.
public struct PolicyRecord: Sendable, Hashable {
    public let name: String
    /// In IAM's JSON language, as it was put.
    public let document: String
}

/// A policy in the list of those there are.
public struct PolicySummary: Sendable, Hashable {
    public let account: String
    public let name: String
    /// How many users it is attached to.
    public let users: Int64
    /// Milliseconds since the epoch.
    public let changedAt: Int64
}

/// What there is of an account.
public struct AccountSummary: Sendable, Hashable {
    public let account: String
    public let users: Int64
    /// Keys that are not disabled and have not expired.
    public let activeKeys: Int64
    public let policies: Int64
}
