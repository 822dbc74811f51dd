import Glibc
import Locking

/// What something will turn out to be, for whoever waits for it.
///
/// Threads: any may use it at any time.
final class Outcome<Value: Sendable, Failure: Error>: Sendable {
    private enum State {
        case open([CheckedContinuation<Result<Value, Failure>, Never>])
        case known(Result<Value, Failure>)
    }

    private let state = Lock(State.open([]))

    /// Tells it; what comes after the first is dropped.
    func tell(_ result: Result<Value, Failure>) {
        let waiting: [CheckedContinuation<Result<Value, Failure>, Never>] = state.withLock { state in
            guard case .open(let waiting) = state else { return [] }
            state = .known(result)
            return waiting
        }
        for continuation in waiting { continuation.resume(returning: result) }
    }

    /// Returns once it is known, even where the task was cancelled.
    func value() async throws(Failure) -> Value {
        try await withCheckedContinuation { continuation in
            let known: Result<Value, Failure>? = state.withLock { state in
                switch state {
                case .known(let result): return result
                case .open(let waiting):
                    state = .open(waiting + [continuation])
                    return nil
                }
            }
            if let known { continuation.resume(returning: known) }
        }.get()
    }
}

/// Counts what may go on. Its threads block while nothing may.
///
/// Threads: a POSIX semaphore, made for this; it lives outside the object since its address must not change.
final class Semaphore: @unchecked Sendable {
    private let semaphore = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)

    init(_ count: UInt32) { sem_init(semaphore, 0, count) }

    deinit {
        sem_destroy(semaphore)
        semaphore.deallocate()
    }

    func signal() { sem_post(semaphore) }

    func wait() { while sem_wait(semaphore) != 0 {} }

    /// Returns with one more that may go on, or when so many milliseconds are over.
    func wait(milliseconds: Int64) {
        var end = timespec()
        clock_gettime(CLOCK_REALTIME, &end)
        let nanoseconds = Int64(end.tv_nsec) + milliseconds % 1000 * 1_000_000
        end.tv_sec += Int(milliseconds / 1000 + nanoseconds / 1_000_000_000)
        end.tv_nsec = Int(nanoseconds % 1_000_000_000)
        while sem_timedwait(semaphore, &end) != 0, errno == EINTR {}
    }
}

/// Waits on a thread that may block for what a task does: the task is over when whoever awaits the thread goes on.
func waitForTask<Value: Sendable>(_ work: @escaping @Sendable () async -> Value) -> Value? {
    let done = Semaphore(0)
    let value = Lock<Value?>(nil)
    Task.detached {
        let result = await work()
        value.withLock { $0 = result }
        done.signal()
    }
    done.wait()
    return value.withLock { $0 }
}
