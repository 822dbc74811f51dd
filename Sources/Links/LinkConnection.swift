import DequeModule
import Locking
import NIOCore

/// One side of a connection between two instances: the frames that leave, and the streams that are open on it.
///
/// Threads: any task may send at any time; frames leave in the order in which they came here. What comes in comes on the event loop.
final class LinkConnection: Sendable {
    private let channel: any Channel
    private let state = Lock(State())

    private struct State {
        var waiting = Deque<LinkFrame>()
        var isAsked = false
        var isOver = false
        var streams: [UInt32: LinkStream] = [:]
        var lastStream: UInt32 = 0
    }

    init(_ channel: any Channel) {
        self.channel = channel
    }

    func send(_ frame: LinkFrame) {
        let asks = state.withLock { state in
            guard !state.isOver else { return false }
            state.waiting.append(frame)
            defer { state.isAsked = true }
            return !state.isAsked
        }
        // Never at once, even on this event loop: whoever sends may hold a lock, and what others sent before waits for the loop too.
        if asks { channel.eventLoop.execute { self.flush() } }
    }

    private func flush() {
        let frames = state.withLock { state in
            state.isAsked = false
            defer { state.waiting.removeAll(keepingCapacity: true) }
            return state.waiting
        }
        guard !frames.isEmpty else { return }
        var buffer = channel.allocator.buffer(capacity: 256)
        for frame in frames { frame.write(to: &buffer) }
        channel.writeAndFlush(buffer, promise: nil)
    }

    func close() { channel.close(promise: nil) }

    /// The connection is gone, and its streams with it.
    func end() {
        let streams = state.withLock { state in
            state.isOver = true
            state.waiting = []
            defer { state.streams = [:] }
            return state.streams.values
        }
        for stream in streams { stream.fail() }
    }

    // MARK: Streams

    /// A stream that this side opens; nil where the connection is gone.
    func open(_ kind: LinkKind, _ request: ByteBuffer) -> LinkStream? {
        let stream = state.withLock { state -> LinkStream? in
            guard !state.isOver else { return nil }
            state.lastStream &+= 1
            let stream = LinkStream(state.lastStream, request, self)
            state.streams[stream.number] = stream
            return stream
        }
        if let stream { send(.open(stream.number, kind.rawValue, request: request)) }
        return stream
    }

    /// A stream that the other side opened; nil where it has too many, or this one already.
    func opened(_ number: UInt32, _ request: ByteBuffer) -> LinkStream? {
        state.withLock { state in
            guard !state.isOver, state.streams.count < LinkStream.most, state.streams[number] == nil else { return nil }
            let stream = LinkStream(number, request, self)
            state.streams[number] = stream
            return stream
        }
    }

    func stream(_ number: UInt32) -> LinkStream? { state.withLock { $0.streams[number] } }
    func forget(_ stream: LinkStream) { state.withLock { _ = $0.streams.removeValue(forKey: stream.number) } }
}

/// Gives the frames of a connection to whoever it belongs to, and tells of its end, once.
///
/// Threads: on the channel's event loop only.
final class LinkHandler: ChannelInboundHandler {
    typealias InboundIn = LinkFrame

    private let connection: LinkConnection
    /// Gets a frame; where it makes no sense the connection ends.
    private let take: (LinkFrame) -> Bool
    private var ended: (() -> Void)?

    init(_ connection: LinkConnection, take: @escaping (LinkFrame) -> Bool, ended: @escaping () -> Void) {
        self.connection = connection
        self.take = take
        self.ended = ended
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let isSound =
            switch unwrapInboundIn(data) {
            case .data(let number, let bytes): connection.stream(number)?.came(bytes) ?? true
            case .credit(let number, let count): connection.stream(number)?.credited(count) ?? true
            case .end(let number, let isWhole): connection.stream(number)?.cameToEnd(isWhole: isWhole) ?? true
            case let frame: take(frame)
            }
        if !isSound { context.close(promise: nil) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        connection.end()
        ended?()
        ended = nil
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
