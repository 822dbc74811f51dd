import Glibc
import NIOCore

/// A weir-frames that runs, until `end`. It ends by itself where the server ends.
///
/// Threads: one at a time uses it, which the pool sees to; each call blocks.
final class FrameProcess: @unchecked Sendable {
    let id: pid_t
    /// The other end is its standard input and output.
    private let socket: Int32
    /// Requests that it has had.
    private(set) var requests = 0
    /// When it had the last of them.
    private(set) var used = ContinuousClock.now

    /// Starts the program, with nothing but a socket. Returns nil where that is not possible.
    init?(_ program: String) {
        var ends: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else { return nil }
        defer { close(ends[1]) }
        guard fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0, let id = Self.start(program, ends[1]) else {
            close(ends[0])
            return nil
        }
        self.id = id
        socket = ends[0]
    }

    /// Whether it waits for a request: not where it has ended, or says something that nobody asked for.
    var isReady: Bool {
        var byte: UInt8 = 0
        return recv(socket, &byte, 1, Int32(MSG_PEEK)) < 0 && errno == EAGAIN
    }

    /// Ends it; once, and nothing is asked of it any more.
    func end() {
        close(socket)
        kill(id, SIGKILL)
        while waitpid(id, nil, 0) < 0, errno == EINTR {}
    }

    private static func start(_ program: String, _ end: Int32) -> pid_t? {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        guard posix_spawn_file_actions_init(&actions) == 0 else { return nil }
        defer { posix_spawn_file_actions_destroy(&actions) }
        guard posix_spawnattr_init(&attributes) == 0 else { return nil }
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        var all = sigset_t()
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        posix_spawn_file_actions_adddup2(&actions, end, STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, end, STDOUT_FILENO)
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        var id = pid_t()
        let failure = program.withCString { path in
            var arguments = [UnsafeMutablePointer(mutating: path), nil]
            var environment: [UnsafeMutablePointer<CChar>?] = [nil]
            return posix_spawn(&id, path, &actions, &attributes, &arguments, &environment)
        }
        return failure == 0 ? id : nil
    }

    /// Returns a picture, or why there is none, for each wanted frame up to the first that it ended over or took longer than `limit` for.
    /// After such a one the process is of no more use.
    func pictures(of request: PictureRequest, limit: Duration) -> [Result<ByteBuffer, PictureFailure>] {
        guard var bytes = request.head else { return request.wanted.map { _ in .failure(.tooLarge) } }
        requests += 1
        used = .now
        var results: [Result<ByteBuffer, PictureFailure>] = []
        do throws(PictureFailure) {
            let deadline = ContinuousClock.now + limit
            for frame in request.frames {
                bytes.writeInteger(frame.time)
                bytes.writeInteger(UInt32(frame.bytes.count))
                bytes.writeBytes(request.bytes[frame.bytes])
                if bytes.readableBytes >= 65_536 { try write(&bytes, by: deadline) }
            }
            try write(&bytes, by: deadline)
            for _ in request.wanted { results.append(try answer(by: .now + limit)) }
        } catch {
            results.append(.failure(error))
        }
        return results
    }

    /// Bytes of a picture that is taken.
    private static let largestAnswer = 128 << 20

    private func answer(by deadline: ContinuousClock.Instant) throws(PictureFailure) -> Result<ByteBuffer, PictureFailure> {
        var head = try read(4, by: deadline)
        guard let size = head.readInteger(as: UInt32.self), size > 0, size <= Self.largestAnswer else { throw .ended }
        var bytes = try read(Int(size), by: deadline)
        guard let status = bytes.readInteger(as: UInt8.self) else { throw .ended }
        if let failure = PictureFailure(status: status) { return .failure(failure) }
        return .success(bytes)
    }

    private func read(_ count: Int, by deadline: ContinuousClock.Instant) throws(PictureFailure) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.reserveCapacity(count)
        while buffer.readableBytes < count {
            let wanted = count - buffer.readableBytes
            var got = 0
            buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { bytes in
                got = recv(socket, bytes.baseAddress, wanted, 0)
                return max(got, 0)
            }
            guard got != 0 else { throw .ended }
            if got < 0 { try wait(for: POLLIN, by: deadline) }
        }
        return buffer
    }

    private func write(_ bytes: inout ByteBuffer, by deadline: ContinuousClock.Instant) throws(PictureFailure) {
        while bytes.readableBytes > 0 {
            var put = 0
            bytes.readWithUnsafeReadableBytes { bytes in
                put = send(socket, bytes.baseAddress, bytes.count, Int32(MSG_NOSIGNAL))
                return max(put, 0)
            }
            if put < 0 { try wait(for: POLLOUT, by: deadline) }
        }
        bytes.clear()
    }

    /// Returns when the socket may be tried again after a call that failed; throws where that is of no use, and at the deadline.
    private func wait(for events: Int32, by deadline: ContinuousClock.Instant) throws(PictureFailure) {
        guard errno == EAGAIN || errno == EINTR else { throw .ended }
        let rest = deadline - .now
        guard rest > .zero else { throw .late }
        var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
        _ = poll(&descriptor, 1, Int32(min(rest / .milliseconds(1), 3_600_000)) + 1)
    }
}
