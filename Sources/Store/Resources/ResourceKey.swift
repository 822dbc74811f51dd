import SQL

/// The kinds of resources: each has a name, an ARN, a version, a status and tags.
public enum ResourceKind: String, Sendable, CaseIterable {
    case stream
    case channel
}

/// Which resource is meant: by name, or by one incarnation of it.
public struct ResourceKey: Sendable, Hashable {
    public let kind: ResourceKind
    public let account: String
    public let region: String
    public let name: String
    /// Milliseconds since the epoch, from an ARN; nil where any incarnation is meant.
    public let creationTime: Int64?

    public init(_ kind: ResourceKind, account: String, region: String, name: String, creationTime: Int64? = nil) {
        self.kind = kind
        self.account = account
        self.region = region
        self.name = name
        self.creationTime = creationTime
    }

    /// The same name, whatever incarnation has it.
    var anyIncarnation: ResourceKey { ResourceKey(kind, account: account, region: region, name: name) }

    /// What every statement on one resource begins with.
    var arguments: [SQLValue] { [.text(account), .text(region), .text(name)] }

    /// The statements for this kind of resource.
    var statements: ResourceStatements { kind.statements }
}

/// Where a stream or channel is in its life.
public enum ResourceStatus: String, Sendable, CaseIterable {
    case creating = "CREATING"
    case active = "ACTIVE"
    case updating = "UPDATING"
    case deleting = "DELETING"
}

/// The part of a resource that decides whether it may be changed.
public struct ResourceState: Sendable, Hashable {
    public let arn: String
    public let status: ResourceStatus
    public let version: String
    /// 0 for a channel.
    public let dataRetentionInHours: Int64
    /// Whether a channel stores its media in the stream, or the channel its media in a stream: then it cannot be deleted.
    public let isMapped: Bool

    /// Milliseconds since the epoch: what the ARN ends in.
    public var creationTime: Int64? { arn.split(separator: "/").last.flatMap { Int64($0) } }
}

/// How many resources an account has in a region.
public struct AccountUsage: Sendable, Hashable {
    public let account: String
    public let region: String
    public let streams: Int64
    public let channels: Int64
}

/// A tag of any resource.
public struct TagRecord: Sendable, Hashable {
    public let key: String
    public let value: String

    public init(key: String, value: String) {
        self.key = key
        self.value = value
    }
}
