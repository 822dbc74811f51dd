import Locking

/// A value that may be replaced while others use it, who keep what they took.
///
/// Threads: any may read and set it at any time.
final class Current<Value: Sendable>: Sendable {
    private let state: Lock<Value>

    init(_ value: Value) { state = Lock(value) }

    var value: Value { state.withLock { $0 } }

    func set(_ value: Value) { state.withLock { $0 = value } }
}
