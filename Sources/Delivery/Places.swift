import Locking

/// So many may be in flight at once; whoever comes when there is no place waits for one.
///
/// Threads: any task may use it at any time.
final class Places: Sendable {
    private struct State {
        var limit: Int
        var taken = 0
        var isClosed = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Lock<State>

    init(_ limit: Int) {
        state = Lock(State(limit: limit))
    }

    /// How many there may be from now on; those that are taken stay so.
    func setLimit(_ limit: Int) {
        wake { $0.limit = limit }
    }

    /// Takes as many places as are free now, at most `most`.
    func takeFree(upTo most: Int) -> Int {
        state.withLock { state in
            let free = state.isClosed ? 0 : max(0, min(most, state.limit - state.taken))
            state.taken += free
            return free
        }
    }

    /// Takes at least one place and at most `most`; none only once the places are closed.
    func take(upTo most: Int) async -> Int {
        while true {
            let count: Int? = state.withLock { state in
                if state.isClosed { return 0 }
                let free = min(most, state.limit - state.taken)
                guard free > 0 else { return nil }
                state.taken += free
                return free
            }
            if let count { return count }
            await wait()
        }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.isClosed || state.taken < state.limit { return true }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Takes a place though there may be none: for what has to be done even so.
    func takeAnyway() {
        state.withLock { $0.taken += 1 }
    }

    func giveBack(_ count: Int) {
        guard count > 0 else { return }
        wake { $0.taken -= count }
    }

    /// Lets nobody in any more.
    func close() {
        wake { $0.isClosed = true }
    }

    /// How many are in flight.
    var taken: Int { state.withLock { $0.taken } }

    private func wake(_ change: (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            guard state.isClosed || state.taken < state.limit else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
