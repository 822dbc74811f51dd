import Locking

/// How much of large bodies, of requests or of answers, is held in memory at one time, over all connections: what a single body may be is
/// bounded, but not how many clients send one or are slow to read one.
///
/// A holder, an account or an address, gets no more than it leaves free to all others: alone it can hold half, beside one that holds half a
/// quarter. Whatever some hold, a holder that has nothing yet finds room.
///
/// Threads: any task may use it at any time.
final class BodyBudget: Sendable {
    private struct State {
        var held = 0
        /// Holders that hold nothing are not among them.
        var heldBy: [String: Int] = [:]
    }

    let limit: Int
    private let state = Lock(State())

    init(bytes: Int) {
        limit = bytes
    }

    /// Bytes held, by everybody.
    var held: Int { state.withLock { $0.held } }

    /// Takes `bytes` out of the budget, unless that is more than `holder` may have. nil is everybody whose share is not known: for them only
    /// the whole budget counts.
    func take(_ bytes: Int, for holder: String?) -> Bool {
        state.withLock { state in
            let left = limit - state.held - bytes
            guard left >= 0 else { return false }
            if let holder {
                let own = state.heldBy[holder, default: 0] + bytes
                guard own <= left else { return false }
                state.heldBy[holder] = own
            }
            state.held += bytes
            return true
        }
    }

    /// Gives back what `take` took for the same holder.
    func giveBack(_ bytes: Int, for holder: String?) {
        state.withLock { state in
            state.held -= bytes
            guard let holder, let own = state.heldBy[holder] else { return }
            state.heldBy[holder] = own > bytes ? own - bytes : nil
        }
    }
}
