public import SQL

/// Whether an instance takes calls.
public enum InstanceStatus: String, Sendable {
    case running = "RUNNING"
    /// It is about to stop.
    case draining = "DRAINING"
    case stopped = "STOPPED"
}

/// A process that serves this deployment, as it tells of itself.
public struct InstanceRecord: Sendable, Hashable {
    /// Random: another with each start.
    public let id: String
    public let host: String
    public let processID: Int64
    /// Of the program.
    public let version: String
    /// Its roles, such as `control,worker`, in alphabetical order. Instances of version 0.2.0 say `api` for `control`.
    public let roles: String
    /// The schema that the program was written for.
    public let schemaVersion: Int64
    /// Milliseconds since the epoch, by the database's clock.
    public let startedAt: Int64
    /// Milliseconds since it was last heard of.
    public let heartbeatAge: Int64
    /// As it said last.
    public let status: InstanceStatus
    /// As of its last heartbeat.
    public let requestsPerSecond: Int64
    /// Tasks that it held as of its last heartbeat.
    public let leasedTasks: Int64
    /// The address at which clients reach this instance alone: scheme, host and port; nil where it has none.
    public let address: String?
    /// Where the other instances reach this one, HOST:PORT; nil where they do not.
    public var linkAddress: String?

    public init(
        id: String, host: String, processID: Int64, version: String, roles: String, schemaVersion: Int64, startedAt: Int64 = 0,
        heartbeatAge: Int64 = 0, status: InstanceStatus, requestsPerSecond: Int64, leasedTasks: Int64, address: String? = nil,
        linkAddress: String? = nil
    ) {
        self.id = id
        self.host = host
        self.processID = processID
        self.version = version
        self.roles = roles
        self.schemaVersion = schemaVersion
        self.startedAt = startedAt
        self.heartbeatAge = heartbeatAge
        self.status = status
        self.requestsPerSecond = requestsPerSecond
        self.leasedTasks = leasedTasks
        self.address = address
        self.linkAddress = linkAddress
    }

    /// Milliseconds without a heartbeat after which an instance counts as dead: three missed ones.
    public static let lifetime: Int64 = 15_000

    /// Whether it runs and was heard of lately.
    public var isAlive: Bool { status != .stopped && heartbeatAge < Self.lifetime }

    /// Whether clients are sent to it with calls of the control plane.
    public var servesControlPlane: Bool { serves("control") }

    /// Whether clients are sent to it with what is for a role. Instances of version 0.2.0 have no other role for clients than `api`.
    public func serves(_ role: String) -> Bool {
        isAlive && status == .running && roles.split(separator: ",").contains { $0 == role || (role == "control" && $0 == "api") }
    }
}

/// What the database's schema is and whom it lets run.
public struct SchemaState: Sendable, Hashable {
    public let version: Int64
    /// The oldest schema version whose programs may run on it.
    public let oldestCompatible: Int64
}

/// The work that waits, in numbers.
public struct TaskCounts: Sendable, Hashable {
    public let waiting: Int64
    /// Tasks that were due, or whose lease ended, at least a lease ago: no worker takes them.
    public let overdue: Int64
}

extension Store {
    /// Records that an instance lives. The database sets its start and its last heartbeat.
    public func beat(_ instance: InstanceRecord) async throws(DatabaseError) {
        var batch = Batch()
        batch.add(
            InstanceStatements.beat,
            [
                .text(instance.id), .text(instance.host), .integer(instance.processID), .text(instance.version), .text(instance.roles),
                .integer(instance.schemaVersion), .text(instance.status.rawValue), .integer(instance.requestsPerSecond),
                .integer(instance.leasedTasks), instance.address.map { .text($0) } ?? .null,
                instance.linkAddress.map { .text($0) } ?? .null,
            ])
        _ = try await write(batch)
    }

    /// Records that an instance has ended, of which it is known otherwise than by its heartbeat; returns whether it had not said so itself.
    public func markStopped(instance id: String) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let marked = batch.add(InstanceStatements.markStopped, [.text(id)])
        return try await !write(batch).rows(marked).isEmpty
    }

    /// Every instance that was heard of lately, the longest running first.
    public func instances() async throws(DatabaseError) -> [InstanceRecord] {
        try await database.read(InstanceStatements.list, [])
    }

    /// Forgets instances that have said nothing for `age` milliseconds; returns how many.
    public func removeInstances(silentFor age: Int64) async throws(DatabaseError) -> Int {
        var batch = Batch()
        let removed = batch.add(InstanceStatements.removeOld, [.integer(age)])
        return try await write(batch).rows(removed).count
    }

    /// The schema of the database; nil where it has none.
    public func schema() async throws(DatabaseError) -> SchemaState? {
        try await database.read(InstanceStatements.schema, []).first
    }

    /// How many tasks wait; at most `limit` are counted.
    public func taskCounts(limit: Int64 = 100_000) async throws(DatabaseError) -> TaskCounts {
        try await database.read(TaskStatements.counts, [.integer(limit)]).first ?? TaskCounts(waiting: 0, overdue: 0)
    }
}
