import Synchronization

/// How many tasks this process holds under a lease.
///
/// Threads: any task may use it at any time.
public final class LeaseGauge: Sendable {
    private let leased = Atomic(0)

    /// Nothing held.
    public init() {}

    /// How many it holds now.
    public var count: Int { leased.load(ordering: .relaxed) }

    func set(_ count: Int) { leased.store(count, ordering: .relaxed) }
}
