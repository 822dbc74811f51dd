import Locking

/// A value that may be replaced while others use it, who keep what they took.
///
/// Threads: any may read and set it at any time.
package final class Current<Value: Sendable>: Sendable {
    private let state: Lock<Value>

    package init(_ value: Value) { state = Lock(value) }

    package var value: Value { state.withLock { $0 } }

    package func set(_ value: Value) { state.withLock { $0 = value } }
}
