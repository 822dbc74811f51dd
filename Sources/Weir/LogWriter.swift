import Dispatch
import Files
import Glibc
import Locking
import Synchronization

/// Writes lines to standard error on a queue of its own, so that nobody waits for whoever reads them: what finds no room is dropped and counted.
///
/// Threads: any thread may write at any time.
final class LogWriter: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        /// Whether the queue is at work, and will look again.
        var isAtWork = false
        /// Lines that were dropped since that was last told.
        var untold = 0
    }

    /// Bytes of lines that wait.
    private static let room = 1 << 20

    private let state = Lock(State())
    private let dropped = Atomic(0)
    private let queue = DispatchQueue(label: "weir.log")
    private let tellOfDropped: @Sendable (_ lines: Int) -> Void

    /// `tellOfDropped` is called once there is room again; it may write.
    init(tellOfDropped: @escaping @Sendable (_ lines: Int) -> Void) {
        self.tellOfDropped = tellOfDropped
    }

    /// Lines that there was no room for, since the start.
    var droppedLines: Int { dropped.load(ordering: .relaxed) }

    /// Has whole lines written after those that wait; returns at once.
    func write(_ lines: some Collection<UInt8>) {
        let begins = state.withLock { state in
            guard state.waiting.count + lines.count <= Self.room else {
                let count = lines.count { $0 == UInt8(ascii: "\n") }
                state.untold += count
                dropped.add(count, ordering: .relaxed)
                return false
            }
            state.waiting.append(contentsOf: lines)
            defer { state.isAtWork = true }
            return !state.isAtWork
        }
        if begins { queue.async { self.writeWhatWaits() } }
    }

    /// Returns when what waits is written, or after a second: nobody may read it.
    func flush() {
        let written = DispatchSemaphore(value: 0)
        queue.async { written.signal() }
        _ = written.wait(timeout: .now() + 1)
    }

    private func writeWhatWaits() {
        while true {
            let (lines, untold) = state.withLock { state in
                defer { (state.waiting, state.untold) = ([], 0) }
                state.isAtWork = !state.waiting.isEmpty || state.untold > 0
                return (state.waiting, state.untold)
            }
            guard !lines.isEmpty || untold > 0 else { return }
            // Lines that cannot be written are lost: there is no other place to report them.
            _ = writeWhole(lines, to: STDERR_FILENO)
            if untold > 0 { tellOfDropped(untold) }
        }
    }
}
