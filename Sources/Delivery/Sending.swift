import Locking

/// What is in flight, so that all of it can be cut short without cutting short what is then written down of it.
///
/// Threads: any task may use it at any time.
final class Sending: Sendable {
    private struct State {
        var cancels: [Int: @Sendable () -> Void] = [:]
        var next = 0
        var isCancelled = false
    }

    private let state = Lock(State())

    /// Runs an operation, which is cancelled if `cancel()` is called meanwhile or was before. The caller's own cancellation does not reach it.
    func run<Value: Sendable>(_ operation: @escaping @Sendable () async -> Value) async -> Value {
        let task = Task { await operation() }
        let (id, isCancelled) = state.withLock { state in
            state.next += 1
            state.cancels[state.next] = { task.cancel() }
            return (state.next, state.isCancelled)
        }
        if isCancelled { task.cancel() }
        defer { state.withLock { $0.cancels[id] = nil } }
        return await task.value
    }

    /// Cuts short what runs, and what is to run from now on.
    func cancel() {
        let cancels = state.withLock { state in
            state.isCancelled = true
            return state.cancels.values
        }
        for cancel in cancels { cancel() }
    }
}
