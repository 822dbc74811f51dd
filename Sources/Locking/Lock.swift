#if THREAD_SANITIZER
    import Glibc
#else
    public import Synchronization
#endif

/// State that only one thread at a time may see.
///
/// In ordinary builds it is `Synchronization.Mutex` and nothing more. On Linux that is a futex, which the Thread Sanitizer does not see: it takes
/// every use of the state for a race. Builds with `-Xswiftc -DTHREAD_SANITIZER`, as in `ops/test tsan`, use a lock of pthread instead.
///
/// Threads: any thread may use it at any time. Waiting blocks the thread, so nothing slow belongs inside, and never the same lock again.
public struct Lock<State: ~Copyable>: ~Copyable, @unchecked Sendable {
    #if THREAD_SANITIZER
        private let mutex: UnsafeMutablePointer<pthread_mutex_t>
        private let state: UnsafeMutablePointer<State>

        /// A lock that nobody holds.
        public init(_ state: consuming sending State) {
            mutex = .allocate(capacity: 1)
            mutex.initialize(to: pthread_mutex_t())
            let failure = pthread_mutex_init(mutex, nil)
            precondition(failure == 0, "pthread_mutex_init: \(failure)")
            self.state = .allocate(capacity: 1)
            self.state.initialize(to: state)
        }

        deinit {
            pthread_mutex_destroy(mutex)
            mutex.deallocate()
            state.deinitialize(count: 1)
            state.deallocate()
        }

        /// Returns what `body` returns. It sees the state alone.
        public borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending State) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            let failure = pthread_mutex_lock(mutex)
            precondition(failure == 0, "pthread_mutex_lock: \(failure)")
            defer { pthread_mutex_unlock(mutex) }
            return try body(&state.pointee)
        }
    #else
        @usableFromInline
        let mutex: Mutex<State>

        /// A lock that nobody holds.
        @inlinable
        public init(_ state: consuming sending State) {
            mutex = Mutex(state)
        }

        /// Returns what `body` returns. It sees the state alone.
        @inlinable
        public borrowing func withLock<Result: ~Copyable, Failure: Error>(
            _ body: (inout sending State) throws(Failure) -> sending Result
        ) throws(Failure) -> sending Result {
            try mutex.withLock(body)
        }
    #endif
}
