/// The tasks of one kind that wait.
public struct TaskBacklog: Sendable, Hashable {
    public let kind: TaskKind
    public let count: Int64
    /// Milliseconds since the oldest was asked for; zero where none waits.
    public let oldestAge: Int64
}

/// The events that wait for destinations of one status.
public struct DeliveryBacklog: Sendable, Hashable {
    /// Nil for destinations that are gone.
    public let status: DestinationStatus?
    public let count: Int64
    /// Milliseconds since the oldest happened; zero where none waits.
    public let oldestAge: Int64

    static let statuses: [DestinationStatus?] = DestinationStatus.allCases + [nil]
}
