import Locking

/// A continuation that the first of several resumes.
final class Once<Value: Sendable>: Sendable {
    private let continuation: Lock<CheckedContinuation<Value, Never>?>

    init(_ continuation: CheckedContinuation<Value, Never>) {
        self.continuation = Lock(continuation)
    }

    /// Whether it was resumed: then nobody else needs to try.
    var isResumed: Bool { continuation.withLock { $0 == nil } }

    func resume(_ value: Value) {
        let first = continuation.withLock { continuation in
            defer { continuation = nil }
            return continuation
        }
        first?.resume(returning: value)
    }
}
