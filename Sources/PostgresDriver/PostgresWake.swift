internal import Glibc
internal import SQL

/// Wakes one thread that waits in `poll`, also beside a socket.
///
/// Threads: any thread may signal; one thread waits. A signal before the wait is not lost.
final class PostgresWake: Sendable {
    /// Readable once signalled.
    let descriptor: Int32
    private let signalDescriptor: Int32

    /// Fails as `unavailable` where the process has no file descriptors left.
    init() throws(DatabaseError) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { throw DatabaseError(.unavailable, "no file descriptor left (errno \(errno))") }
        descriptor = ends[0]
        signalDescriptor = ends[1]
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
    }

    deinit {
        close(descriptor)
        close(signalDescriptor)
    }

    /// Wakes the waiting thread, or the next wait. A full pipe has woken it already.
    func signal() {
        var byte: UInt8 = 0
        _ = write(signalDescriptor, &byte, 1)
    }

    /// Waits for a signal, for no longer than `limit`; nil for ever.
    func wait(upTo limit: Duration?) {
        var poller = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let milliseconds = limit.map { max(0, $0.milliseconds) + 1 } ?? -1
        if poll(&poller, 1, Int32(clamping: milliseconds)) > 0 { clear() }
    }

    /// Forgets the signals so far.
    func clear() {
        withUnsafeTemporaryAllocation(byteCount: 64, alignment: 1) { buffer in
            while read(descriptor, buffer.baseAddress, buffer.count) == buffer.count {}
        }
    }
}
