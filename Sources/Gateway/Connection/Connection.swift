import Contract
import NIOCore
import Planes

/// A connection as the call that it carries sees it.
///
/// Threads: any task may use it. What happens on the connection's event loop already happens at once, without a hop.
struct Connection: Sendable {
    private let handler: NIOLoopBound<ConnectionHandler>
    private let loop: any EventLoop

    /// Called on the event loop.
    init(_ handler: ConnectionHandler, _ loop: any EventLoop) {
        self.handler = NIOLoopBound(handler, eventLoop: loop)
        self.loop = loop
    }

    /// Waits for the whole body, of `limit` bytes at most.
    func wholeBody(limit: Int) async -> (ConnectionMachine.WholeBody, ByteBuffer) {
        if loop.inEventLoop, let body = handler.value.presentBody(limit: limit) { return (.arrived, body) }
        return await withCheckedContinuation { continuation in
            onLoop { $0.awaitBody(limit: limit, continuation) }
        }
    }

    /// Sends an answer of bytes, the last thing that a call does.
    func send(_ reply: Reply, _ exchange: Exchange) {
        // Almost every answer goes this way: it is not put into a closure.
        guard !loop.inEventLoop else { return handler.value.send(reply, exchange) }
        onLoop { $0.send(reply, exchange) }
    }

    /// The request's body as a stream. From here on the client is told to send it, where it waits for that and if `continues`.
    func stream(silence: TimeAmount, continues: Bool) async -> RequestBody {
        await withCheckedContinuation { continuation in
            onLoop { continuation.resume(returning: $0.openStream(silence: silence, continues: continues)) }
        }
    }

    /// The call only waits for something to happen: it ends when the client ends its side of the connection.
    func waits() {
        onLoop { $0.waits() }
    }

    /// Ends a streamed answer, the last thing that a call does. `isWhole` is false where the client must not take it for the whole.
    func endStream(isWhole: Bool, _ exchange: Exchange) {
        onLoop { $0.endStream(isWhole: isWhole, exchange) }
    }

    /// Makes the connection a WebSocket, the last thing that a call does.
    func upgrade(_ admitted: AdmittedSocket, _ exchange: Exchange) {
        onLoop { $0.upgrade(admitted, exchange) }
    }

    /// The way back for a streamed answer.
    func writer() -> StreamWriter { StreamWriter(connection: self) }

    /// Whether the head of a streamed answer is out.
    func hasStarted() async -> Bool {
        await withCheckedContinuation { continuation in
            onLoop { continuation.resume(returning: $0.hasStarted) }
        }
    }

    fileprivate func onLoop(_ work: @escaping @Sendable (ConnectionHandler) -> Void) {
        if loop.inEventLoop {
            work(handler.value)
        } else {
            loop.execute { work(handler.value) }
        }
    }
}

/// Writes a streamed answer to its connection.
struct StreamWriter: ResponseWriter {
    fileprivate let connection: Connection

    func start(contentType: String, length: Int?, headers: [(name: String, value: String)]) async throws(ClientLeft) {
        try await submit { $0.startStream(contentType: contentType, length: length, headers: headers, $1) }
    }

    func write(_ bytes: ByteBuffer) async throws(ClientLeft) {
        try await submit { $0.write(bytes, $1) }
    }

    func whenDraining(bodyGoesOn: Bool, _ handler: @escaping @Sendable () -> Void) {
        connection.onLoop { $0.whenDraining(bodyGoesOn: bodyGoesOn, handler) }
    }

    /// Has the connection do something, and waits until it can take more.
    private func submit(
        _ work: @escaping @Sendable (ConnectionHandler, CheckedContinuation<Bool, Never>) -> Void
    ) async throws(ClientLeft) {
        let isThere = await withCheckedContinuation { continuation in
            connection.onLoop { work($0, continuation) }
        }
        if !isThere { throw ClientLeft() }
    }
}
