internal import Glibc
internal import SQL

/// A thread of the operating system: its work blocks, which no thread of Swift's pool may do.
struct PostgresThread: Sendable {
    private let handle: pthread_t

    // Carries the closure through pthread_create's pointer.
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts it; fails as `unavailable` where the system has none left.
    init(_ body: @escaping @Sendable () -> Void) throws(DatabaseError) {
        var handle = pthread_t()
        let context = Unmanaged.passRetained(Body(body))
        let failure = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context.toOpaque())
        guard failure == 0 else {
            context.release()
            throw DatabaseError(.unavailable, "no thread left (errno \(failure))")
        }
        self.handle = handle
    }

    /// Waits for its end; once at most.
    func join() {
        pthread_join(handle, nil)
    }

    /// Lets it end by itself.
    func detach() {
        pthread_detach(handle)
    }
}
