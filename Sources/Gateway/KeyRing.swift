import Contract
import Identity
import Locking

/// The access keys that sign the requests at hand, so that not every request reads its key from the database.
///
/// A key that was disabled is refused by every instance within `maximumAge`, and policies that were changed hold. Unknown ids are remembered too, for as long, so that guessing costs
/// the database one read an id.
///
/// Threads: any task may use it at any time. Memory is bounded by `capacity` entries.
final class KeyRing: Sendable {
    private struct Entry {
        let key: ActiveKey?
        /// The session token that the key goes with; nil where it is not one of a session.
        let token: String?
        let readAt: Double
    }

    /// Seconds.
    static let maximumAge = 5.0
    private static let capacity = 10_000

    private let keys: AccessKeys
    private let entries = Lock<[String: Entry]>([:])

    init(_ keys: AccessKeys) {
        self.keys = keys
    }

    /// Whether a key was found under this id when it was last looked for.
    func hasSigned(_ id: String) -> Bool { entries.withLock { $0[id]?.key != nil } }

    /// How many ids are remembered, for tests.
    var count: Int { entries.withLock { $0.count } }

    /// The key, if it may sign now with this session token, or without one. `now` is in seconds of any clock that does not step.
    ///
    /// A key of a session goes with the one token that was made for it, any other key with none. A token that was not made here is refused without a
    /// look at the database, and nothing of it is kept.
    func key(_ id: String, token: String?, now: Double) async throws(OperationError) -> ActiveKey? {
        if let entry = entries.withLock({ $0[id] }), entry.token == token, now - entry.readAt < Self.maximumAge { return entry.key }
        var session: Session?
        if let token {
            session = keys.session(token, of: id)
            guard session != nil else { return nil }
        } else if AccessKeys.isOfSession(id) {
            return nil
        }
        let key = try await keys.active(id, session)
        entries.withLock { entries in
            if entries.count >= Self.capacity {
                // Whoever guesses ids does not push those out that are in use.
                entries = entries.filter { $0.value.key != nil }
                if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
            }
            // `now` was asked before the read. A read that took longer must not hide what a later one found.
            if let present = entries[id], present.readAt > now, present.token == token { return }
            entries[id] = Entry(key: key, token: token, readAt: now)
        }
        return key
    }
}
