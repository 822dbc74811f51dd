import Locking

/// How much of something there is at one time, over all connections: of the bytes of large bodies that are held in memory, or of calls that are being
/// answered. What one of them takes is bounded, but not how many clients send one.
///
/// A holder, an account or an address, gets no more than it leaves free to all others: alone it can hold half, beside one that holds half a
/// quarter. Whatever some hold, a holder that has nothing yet finds room.
///
/// Threads: any task may use it at any time.
final class Budget: Sendable {
    private struct State {
        var held = 0
        /// Holders that hold nothing are not among them.
        var heldBy: [String: Int] = [:]
    }

    let limit: Int
    private let state = Lock(State())

    init(_ limit: Int) { self.limit = limit }

    /// What is held, by everybody.
    var held: Int { state.withLock { $0.held } }

    /// Takes so much out of the budget, unless that is more than `holder` may have. nil is everybody whose share is not known: for them only
    /// the whole budget counts.
    func take(_ amount: Int, for holder: String?) -> Bool {
        state.withLock { state in
            let left = limit - state.held - amount
            guard left >= 0 else { return false }
            if let holder {
                let own = state.heldBy[holder, default: 0] + amount
                guard own <= left else { return false }
                state.heldBy[holder] = own
            }
            state.held += amount
            return true
        }
    }

    /// Gives back what `take` took for the same holder.
    func giveBack(_ amount: Int, for holder: String?) {
        state.withLock { state in
            state.held -= amount
            guard let holder, let own = state.heldBy[holder] else { return }
            state.heldBy[holder] = own > amount ? own - amount : nil
        }
    }
}
