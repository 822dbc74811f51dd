import Glibc

/// A thread of the operating system, for work that blocks, which no thread of Swift's pool may do.
///
/// Threads: any may use it at any time. It is joined or detached, once.
public struct SystemThread: Sendable {
    private let handle: pthread_t

    /// Why no thread was started: a value of `errno`.
    public struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        public let code: Int32
        public var description: String { "no thread left: \(String(cString: strerror(code)))" }
    }

    /// Starts it with its work.
    public init(_ work: @escaping @Sendable () -> Void) throws(Failure) {
        // Carries the closure through pthread_create's pointer.
        final class Body: Sendable {
            let run: @Sendable () -> Void
            init(_ run: @escaping @Sendable () -> Void) { self.run = run }
        }
        var handle = pthread_t()
        let body = Unmanaged.passRetained(Body(work))
        let code = pthread_create(
            &handle, nil,
            { body in
                if let body { Unmanaged<Body>.fromOpaque(body).takeRetainedValue().run() }
                return nil
            }, body.toOpaque())
        guard code == 0 else {
            body.release()
            throw Failure(code: code)
        }
        self.handle = handle
    }

    /// Returns when its work is done.
    public func join() { pthread_join(handle, nil) }

    /// Lets it end by itself.
    public func detach() { pthread_detach(handle) }
}
