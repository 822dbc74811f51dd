import DequeModule
import Locking
public import NIOCore

/// Bytes in both directions between two instances, of one purpose, with back-pressure: a side may send no more than `window` bytes that the other has
/// not read.
///
/// Each side ends what it sends by `finish()`. Whoever has no use for the stream any more calls `cancel()`; it is also cancelled when `LinkReceiver.serve` returns.
///
/// Threads: one task reads and one writes, at any time; any may cancel.
public final class LinkStream: Sendable {
    /// Bytes that may be on their way in each direction.
    public static let window = 512 << 10
    /// Streams that another instance may have open at once.
    static let most = 10_000
    private static let piece = 64 << 10

    /// What the side that opened the stream asked for.
    public let request: ByteBuffer
    let number: UInt32
    private let connection: LinkConnection
    private let state = Lock(State())

    private struct State {
        var unread = Deque<ByteBuffer>()
        var unreadBytes = 0
        /// Read, and not yet told to the other side.
        var owed = 0
        /// Whether the other side sends no more.
        var isEnded = false
        /// Whether this side sends no more.
        var isFinished = false
        var isOver = false
        var credit = LinkStream.window
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?

        mutating func wake() -> [CheckedContinuation<Void, Never>] {
            defer { (reader, writer) = (nil, nil) }
            return [reader, writer].compactMap(\.self)
        }
    }

    init(_ number: UInt32, _ request: ByteBuffer, _ connection: LinkConnection) {
        self.number = number
        self.request = request
        self.connection = connection
    }

    /// What the other side sent next, in pieces as they come; nil at its end. Throws where the stream was cancelled, on either side, or the connection is gone.
    public func read() async throws(LinkFailure) -> ByteBuffer? {
        enum Next { case bytes(ByteBuffer, owed: UInt32), end, failed, wait }
        while true {
            let next = state.withLock { state -> Next in
                if let bytes = state.unread.popFirst() {
                    state.unreadBytes -= bytes.readableBytes
                    state.owed += bytes.readableBytes
                    guard state.owed >= Self.window / 2, !state.isOver else { return .bytes(bytes, owed: 0) }
                    defer { state.owed = 0 }
                    return .bytes(bytes, owed: UInt32(state.owed))
                }
                return state.isEnded ? .end : state.isOver ? .failed : .wait
            }
            switch next {
            case .bytes(let bytes, let owed):
                if owed > 0 { connection.send(.credit(number, owed)) }
                return bytes
            case .end: return nil
            case .failed: throw .ended
            case .wait:
                await wait { state, continuation in
                    guard state.unread.isEmpty, !state.isEnded, !state.isOver else { return false }
                    state.reader = continuation
                    return true
                }
            }
        }
    }

    /// Sends bytes, and waits for as long as the other side has too many unread. Throws where the stream was cancelled, on either side, or the connection is gone.
    public func write(_ bytes: ByteBuffer) async throws(LinkFailure) {
        var rest = bytes
        while rest.readableBytes > 0 {
            let count = state.withLock { state -> Int? in
                guard !state.isOver, !state.isFinished else { return nil }
                let count = min(rest.readableBytes, state.credit, Self.piece)
                state.credit -= count
                return count
            }
            guard let count else { throw .ended }
            if let piece = rest.readSlice(length: count), count > 0 {
                connection.send(.data(number, piece))
            } else {
                await wait { state, continuation in
                    guard state.credit == 0, !state.isOver else { return false }
                    state.writer = continuation
                    return true
                }
            }
        }
    }

    /// Waits where `keep` keeps the continuation, until something has changed or the task is cancelled, which cancels the stream.
    private func wait(_ keep: (inout State, CheckedContinuation<Void, Never>) -> Bool) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if !state.withLock({ keep(&$0, continuation) }) { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
    }

    /// This side sends no more.
    public func finish() {
        let (tells, isDone) = state.withLock { state in
            defer { state.isFinished = true }
            return (!state.isFinished && !state.isOver, state.isEnded)
        }
        guard tells else { return }
        connection.send(.end(number, isWhole: true))
        if isDone { connection.forget(self) }
    }

    /// The stream is over for both sides.
    public func cancel() {
        let isDone = state.withLock { $0.isFinished && $0.isEnded }
        guard !isDone, fail() else { return }
        connection.send(.end(number, isWhole: false))
        connection.forget(self)
    }

    /// Returns whether it was not over before.
    @discardableResult
    func fail() -> Bool {
        let (isNew, woken) = state.withLock { state in
            defer {
                state.isOver = true
                if !state.isEnded {
                    state.unread = []
                    state.unreadBytes = 0
                }
            }
            return (!state.isOver, state.wake())
        }
        for continuation in woken { continuation.resume() }
        return isNew
    }

    // MARK: What the other side does. Each returns whether it may.

    func came(_ bytes: ByteBuffer) -> Bool {
        let (isSound, reader) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            guard !state.isOver else { return (true, nil) }
            guard !state.isEnded, state.unreadBytes + state.owed + bytes.readableBytes <= Self.window else { return (false, nil) }
            state.unread.append(bytes)
            state.unreadBytes += bytes.readableBytes
            defer { state.reader = nil }
            return (true, state.reader)
        }
        reader?.resume()
        return isSound
    }

    func credited(_ count: UInt32) -> Bool {
        let (isSound, writer) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            state.credit += Int(count)
            defer { state.writer = nil }
            return (state.credit <= Self.window, state.writer)
        }
        writer?.resume()
        return isSound
    }

    func cameToEnd(isWhole: Bool) -> Bool {
        guard isWhole else {
            fail()
            connection.forget(self)
            return true
        }
        let (isDone, woken) = state.withLock { state in
            state.isEnded = true
            return (state.isFinished, state.wake())
        }
        for continuation in woken { continuation.resume() }
        if isDone { connection.forget(self) }
        return true
    }
}

/// Why there is no stream, or no more of it.
public enum LinkFailure: Error, Sendable {
    /// The instance cannot be reached: it is gone, or the network is.
    case unreachable
    /// The stream was cancelled, or the connection that it was on is gone.
    case ended
}
