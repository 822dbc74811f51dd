import Contract
public import SQL
public import Store
import Synchronization

/// What waits for its destinations, as far as it concerns who makes changes: while too much waits, changes are refused, since nothing that was
/// accepted is ever dropped.
///
/// Threads: any task may use it at any time.
public final class Outbox: Sendable {
    private let limit: Int64
    private let isFull = Atomic(false)
    private let eventsWait: @Sendable () -> Void

    /// An outbox in which `limit` events may wait. `eventsWait` is called after each change; it must return at once.
    public init(limit: Int64, eventsWait: @escaping @Sendable () -> Void = {}) {
        self.limit = limit
        self.eventsWait = eventsWait
    }

    /// Counts what waits, no further than to the limit. Between two counts changes are admitted, or refused, as the last one says.
    public func count(in store: Store) async throws(DatabaseError) {
        let isFull = try await store.pendingDeliveries(limit: limit) >= limit
        self.isFull.store(isFull, ordering: .relaxed)
    }

    /// Whether changes are refused.
    public var refusesChanges: Bool { isFull.load(ordering: .relaxed) }

    /// Refuses a change while the outbox is full.
    func admitChange() throws(OperationError) {
        guard refusesChanges else { return }
        throw OperationError(
            .serviceUnavailable,
            "Changes are refused: \(limit) events wait for their destinations, as many as may. Reading works. The operator sees with "
                + "'weir subscriptions list' what is behind, and can mend, resume or remove it, or raise outbox-limit.")
    }

    /// A change was made.
    func changed() { eventsWait() }
}
