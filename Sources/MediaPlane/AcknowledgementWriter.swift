import DequeModule
import Locking
import NIOCore
import Planes

/// Writes acknowledgements, each as a piece of its own: the tasks of a connection take turns.
///
/// Threads: any task may use it at any time.
final class AcknowledgementWriter: Sendable {
    private struct State {
        var isWriting = false
        var waiting: Deque<CheckedContinuation<Void, Never>> = []
    }

    private let writer: any ResponseWriter
    private let metrics: MediaMetrics
    private let state = Lock(State())

    init(_ writer: any ResponseWriter, _ metrics: MediaMetrics) {
        self.writer = writer
        self.metrics = metrics
    }

    /// Returns when the client's connection has room for more.
    func write(_ acknowledgement: Acknowledgement) async throws(ClientLeft) {
        metrics.told(acknowledgement)
        await enter()
        defer { leave() }
        try await writer.write(ByteBuffer(bytes: acknowledgement.line))
    }

    private func enter() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.isWriting else {
                    state.isWriting = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.isWriting = false }
            return next
        }
        next?.resume()
    }
}
