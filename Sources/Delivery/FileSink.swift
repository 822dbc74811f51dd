import Dispatch
import Locking
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Appends lines to a file, or to standard output where the path is `-`. Each line is one write, so that several processes may append to one
/// file. A file that was moved away is made anew with the next line.
///
/// Threads: any task may use it at any time; one line is written after the other, on a thread that may block.
final class FileSink: Sendable {
    private struct State {
        var descriptor: Int32 = -1
        /// Whether the last line was cut off, so that the next must not run into it.
        var isTorn = false
    }

    private let path: String
    private let queue: DispatchQueue
    private let state = Lock(State())
    /// Lines that were handed over and are not written yet.
    private let waiting = Atomic(0)
    private static let mostWaiting = 64

    init(path: String) {
        self.path = path
        queue = DispatchQueue(label: "weir.file-sink")
    }

    deinit {
        state.withLock { if $0.descriptor > STDERR_FILENO { _ = Glibc.close($0.descriptor) } }
    }

    /// Appends a line, to which it adds the line feed.
    func append(_ line: [UInt8], within limit: Duration) async throws(DeliveryFault) {
        guard waiting.wrappingAdd(1, ordering: .relaxed).newValue <= Self.mostWaiting else {
            waiting.wrappingSubtract(1, ordering: .relaxed)
            throw DeliveryFault("\(path) takes no more: the lines before are still being written")
        }
        try await runBlocking(on: queue, within: limit, late: DeliveryFault("\(path) was not written in time")) {
            defer { self.waiting.wrappingSubtract(1, ordering: .relaxed) }
            return self.write(line)
        }
    }

    private func write(_ line: [UInt8]) -> Result<Void, DeliveryFault> {
        state.withLock { state in
            do throws(DeliveryFault) {
                try open(&state)
                try Self.write((state.isTorn ? [UInt8(ascii: "\n")] : []) + line + [UInt8(ascii: "\n")], path, &state)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
    }

    /// Sees to it that the descriptor is the one of the file that is at the path now.
    private func open(_ state: inout State) throws(DeliveryFault) {
        if path == "-" {
            state.descriptor = STDOUT_FILENO
            return
        }
        if state.descriptor >= 0 {
            var (held, named) = (stat(), stat())
            if fstat(state.descriptor, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino, held.st_dev == named.st_dev {
                return
            }
            _ = Glibc.close(state.descriptor)
            state = State()
        }
        // A pipe that nobody reads is a failure, not a wait.
        let descriptor = Glibc.open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o640)
        guard descriptor >= 0 else { throw DeliveryFault("\(path) cannot be opened: \(String(cString: strerror(errno)))") }
        state.descriptor = descriptor
    }

    private static func write(_ bytes: [UInt8], _ path: String, _ state: inout State) throws(DeliveryFault) {
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(state.descriptor, $0.baseAddress, $0.count) }
            if count < 0 {
                if errno == EINTR { continue }
                if written > 0 { state.isTorn = true }
                throw DeliveryFault("\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            written += count
        }
        state.isTorn = false
    }
}
