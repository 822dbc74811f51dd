import Contract
import Locking
public import SQL
public import Store

/// What waits for its destinations, as far as it concerns who makes changes: while too many events of an account wait, its changes are refused,
/// since nothing that was accepted is ever dropped. Nobody else's are.
///
/// Threads: any task may use it at any time.
public final class Outbox: Sendable {
    /// Events of one account that may wait.
    public let limit: Int64
    private let full = Lock<Set<String>>([])

    /// An outbox in which `limit` events of each account may wait.
    public init(limit: Int64) {
        self.limit = limit
    }

    /// Counts what waits, no further than to the limit. Between two counts changes are admitted, or refused, as the last one says.
    public func count(in store: Store) async throws(DatabaseError) {
        let full = Set(try await store.waitingEventsOfAccounts(atLeast: limit, countedTo: limit).keys)
        self.full.withLock { $0 = full }
    }

    /// The accounts whose changes are refused.
    public var refusedAccounts: Set<String> { full.withLock { $0 } }

    /// Refuses a change of an account while too many of its events wait.
    func admitChange(of account: String) throws(OperationError) {
        guard full.withLock({ $0.contains(account) }) else { return }
        throw OperationError(
            .serviceUnavailable,
            "Changes are refused: \(limit) events wait for their destinations, as many as may of an account. Reading works, and so do "
                + "DeleteStream, DeleteSignalingChannel and UpdateNotificationConfiguration with a configuration that is DISABLED or left "
                + "out. The operator sees with 'weir subscriptions list' what is behind, and can mend, resume or drop it, or raise "
                + "outbox-limit.")
    }
}
