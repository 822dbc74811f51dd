import Dispatch
import Glibc
import Locking

/// A file or pipe that is read in pieces, on a thread of its own.
///
/// Threads: one task reads; any may stop it.
final class SourceFile: Sendable {
    private static let piece = 64 << 10

    private let descriptor: Int32
    private let queue = DispatchQueue(label: "weir media source")
    private let end = Lock<ContinuousClock.Instant?>(nil)

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// Lets the source end soon: whoever writes to a pipe was perhaps interrupted as well, and has a moment to end it well.
    func stop() { end.withLock { $0 = $0 ?? .now + .seconds(2) } }

    var isStopped: Bool { end.withLock { $0 != nil } }

    /// Returns the next bytes as soon as there are some; none at the end, which cancellation is.
    ///
    /// - Throws: Where it cannot be read.
    func next() async throws(SourceFault) -> [UInt8] {
        let result: Result<[UInt8], SourceFault> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in queue.async { continuation.resume(returning: self.read()) } }
        } onCancel: {
            end.withLock { $0 = .now }
        }
        return try result.get()
    }

    private func read() -> Result<[UInt8], SourceFault> {
        while end.withLock({ $0.map { .now < $0 } ?? true }) {
            // A fifth of a second, so that stopping takes no longer.
            var ready = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 200) > 0 else { continue }
            var error: Int32 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: Self.piece) { buffer, count in
                let read = Glibc.read(descriptor, buffer.baseAddress, Self.piece)
                error = read < 0 ? errno : 0
                count = max(read, 0)
            }
            if error == 0 { return .success(bytes) }
            if error != EINTR, error != EAGAIN {
                return .failure(SourceFault(description: "the source cannot be read: \(String(cString: strerror(error)))"))
            }
        }
        return .success([])
    }
}
