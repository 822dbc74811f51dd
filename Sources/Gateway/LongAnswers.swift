import Contract
import DequeModule
import Locking

/// The long answers that are being made: a few at one time, since what each takes of memory is known when it is there, and the budget of large
/// answers is asked then. Who comes later waits: the accounts have their turns one after the other, and the calls of an account theirs in the
/// order in which they came.
///
/// Threads: any task may use it at any time.
final class LongAnswers: Sendable {
    private struct State {
        var underWay = 0
        var count: UInt64 = 0
        /// The calls that wait, of each account that has any.
        var waiting: [String: Deque<(number: UInt64, turn: CheckedContinuation<Bool, Never>)>] = [:]
        /// The same accounts, in the order of their turns.
        var accounts: Deque<String> = []
    }

    /// How many are made at one time.
    let limit: Int
    private let state = Lock(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// How many are being made.
    var underWay: Int { state.withLock { $0.underWay } }

    /// How many wait for their turn.
    var waiting: Int { state.withLock { state in state.waiting.values.reduce(0) { $0 + $1.count } } }

    /// Makes an answer for an account when it is its turn. Throws ServiceUnavailableException where the call is cancelled before.
    func take<Answer: Sendable>(
        turnOf account: String, _ make: () async throws(OperationError) -> Answer
    ) async throws(OperationError) -> Answer {
        guard await begin(account) else {
            throw OperationError(.serviceUnavailable, "The client closed its side of the connection before it was its turn.")
        }
        defer { end() }
        return try await make()
    }

    /// Waits for a turn. False where the call is cancelled first.
    private func begin(_ account: String) async -> Bool {
        let number: UInt64? = state.withLock { state in
            if state.underWay < limit {
                state.underWay += 1
                return nil
            }
            state.count += 1
            return state.count
        }
        guard let number else { return true }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let begins: Bool? = state.withLock { state in
                    // Whoever cancels the call later finds it among those that wait.
                    if Task.isCancelled { return false }
                    if state.underWay < limit {
                        state.underWay += 1
                        return true
                    }
                    if state.waiting[account] == nil { state.accounts.append(account) }
                    state.waiting[account, default: []].append((number, continuation))
                    return nil
                }
                if let begins { continuation.resume(returning: begins) }
            }
        } onCancel: {
            forget(number, of: account)
        }
    }

    /// Has the next begin.
    private func end() {
        let turn: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard let account = state.accounts.popFirst(), let next = state.waiting[account]?.popFirst() else {
                state.underWay -= 1
                return nil
            }
            if state.waiting[account]?.isEmpty == false { state.accounts.append(account) } else { state.waiting[account] = nil }
            return next.turn
        }
        turn?.resume(returning: true)
    }

    private func forget(_ number: UInt64, of account: String) {
        let turn: CheckedContinuation<Bool, Never>? = state.withLock { state in
            guard let place = state.waiting[account]?.firstIndex(where: { $0.number == number }) else { return nil }
            let forgotten = state.waiting[account]?.remove(at: place)
            if state.waiting[account]?.isEmpty == true {
                state.waiting[account] = nil
                state.accounts.removeAll { $0 == account }
            }
            return forgotten?.turn
        }
        turn?.resume(returning: false)
    }
}
