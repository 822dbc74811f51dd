import Dispatch
import Locking

/// Runs work that may block a thread of `queue`. Returns a failure as soon as the limit is over or the caller was cancelled; the work goes on
/// then, and what it returns is dropped.
///
/// - Parameter late: What is thrown where the work takes longer than `limit`.
func runBlocking<Value: Sendable>(
    on queue: DispatchQueue, within limit: Duration, late: DeliveryFault, _ work: @escaping @Sendable () -> Result<Value, DeliveryFault>
) async throws(DeliveryFault) -> Value {
    let result = await withTaskGroup(of: Result<Value, DeliveryFault>?.self) { group in
        group.addTask {
            let answer = FirstAnswer<Result<Value, DeliveryFault>>()
            return await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    answer.wait(continuation)
                    queue.async { answer.give(work()) }
                }
            } onCancel: {
                answer.give(.failure(DeliveryFault("the attempt was cancelled")))
            }
        }
        group.addTask {
            // Cancelled by the caller, the work's task says so.
            (try? await Task.sleep(for: limit)).map { .failure(late) }
        }
        defer { group.cancelAll() }
        for await result in group { if let result { return result } }
        return .failure(late)
    }
    return try result.get()
}

/// Passes the first of several results on to the one task that waits.
///
/// Threads: any may use it at any time.
private final class FirstAnswer<Value: Sendable>: Sendable {
    private enum State {
        case open
        case waiting(CheckedContinuation<Value, Never>)
        case given(Value)
        case done
    }

    private let state = Lock(State.open)

    /// Called once. Resumes the continuation with the first result, at once where it is there.
    func wait(_ continuation: CheckedContinuation<Value, Never>) {
        let given: Value? = state.withLock { state in
            if case .given(let value) = state {
                state = .done
                return value
            }
            state = .waiting(continuation)
            return nil
        }
        if let given { continuation.resume(returning: given) }
    }

    func give(_ value: Value) {
        let waiting: CheckedContinuation<Value, Never>? = state.withLock { state in
            switch state {
            case .open:
                state = .given(value)
                return nil
            case .waiting(let continuation):
                state = .done
                return continuation
            case .given, .done: return nil
            }
        }
        waiting?.resume(returning: value)
    }
}
