import Locking

/// What the sessions of a stream on this instance have in common.
///
/// Threads: any task may use it at any time.
final class StreamState: Sendable {
    private struct State {
        /// The newest session that has begun a fragment, as far as is known here.
        var ownerEpoch: Int64 = 0
        var lastServerTime: Int64 = 0
        var sessions: Set<Int64> = []
    }

    private let state = Lock(State())

    /// How many sessions live.
    var sessionCount: Int { state.withLock { $0.sessions.count } }

    func opened(_ epoch: Int64) { state.withLock { _ = $0.sessions.insert(epoch) } }

    /// Returns whether it was the last session.
    func closed(_ epoch: Int64) -> Bool {
        state.withLock { state in
            state.sessions.remove(epoch)
            return state.sessions.isEmpty
        }
    }

    /// The session of this epoch is about to begin its first fragment: older ones begin no more. Returns the time at which it may, which is `now`
    /// unless fragments have begun then or later; nil where a newer one has begun.
    func takeOver(_ epoch: Int64, now: Int64) -> Int64? {
        state.withLock { state in
            guard state.ownerEpoch < epoch else { return nil }
            state.ownerEpoch = epoch
            return max(now, state.lastServerTime + 1)
        }
    }

    /// The time at which the next fragment of a session begins; nil where a newer one has begun.
    func nextServerTime(_ epoch: Int64, now: Int64) -> Int64? {
        state.withLock { state in
            guard state.ownerEpoch <= epoch else { return nil }
            state.lastServerTime = max(now, state.lastServerTime + 1)
            return state.lastServerTime
        }
    }
}

/// Bytes that accounts have stored, as far as a quota needs to know.
///
/// Threads: any task may use it at any time.
final class QuotaGauge: Sendable {
    private let quota: Int64?
    private let stored = Lock<[String: Int64]>([:])

    init(quota: Int64?) { self.quota = quota }

    var isNeeded: Bool { quota != nil }

    func isReached(by account: String) -> Bool {
        guard let quota else { return false }
        return stored.withLock { $0[account, default: 0] } >= quota
    }

    func add(_ bytes: Int64, to account: String) {
        guard isNeeded else { return }
        stored.withLock { $0[account, default: 0] += bytes }
    }

    /// What was counted just now.
    func set(_ counted: [String: Int64]) { stored.withLock { $0 = counted } }
}
