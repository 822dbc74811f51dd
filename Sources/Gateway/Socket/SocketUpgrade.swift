import Contract
import Crypto
import FoundationEssentials
import Identity
import Locking
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket
import Planes

// How a request becomes a WebSocket: RFC 6455, section 4.2.
extension Gateway {
    /// Refuses what is no request for a WebSocket, before anybody is asked who they are.
    func requireUpgrade(_ head: HTTPRequestHead) throws(OperationError) {
        guard head.headers[canonicalForm: "upgrade"].contains(where: { $0.lowercased() == "websocket" }),
            head.headers[canonicalForm: "connection"].contains(where: { $0.lowercased() == "upgrade" })
        else {
            throw OperationError(
                .unknownOperation, "\(String(head.path).shortened) is where WebSockets are opened: there is no other operation.")
        }
        guard head.version.minor > 0, head.headers["sec-websocket-version"] == ["13"],
            let key = head.headers.first(name: "sec-websocket-key"), Data(base64Encoded: key)?.count == 16
        else {
            throw OperationError(
                .malformedHTTPRequest,
                "A WebSocket is opened with Sec-WebSocket-Version: 13 and a Sec-WebSocket-Key of 16 bytes in base64, over HTTP/1.1.")
        }
        guard (head.announcedLength ?? 0) == 0, !head.headers.contains(name: "transfer-encoding") else {
            throw OperationError(.malformedHTTPRequest, "The request for a WebSocket has a body, which it must not have.")
        }
        guard !readiness.isDraining else {
            throw OperationError(.serviceUnavailable, "This instance is about to stop and opens no WebSocket: connect again.")
        }
    }

    /// Replaces HTTP by a WebSocket on the connection of `context`, the handler of HTTP. Called on the event loop, once `101` is written.
    func makeSocket(of context: ChannelHandlerContext, _ admitted: AdmittedSocket, _ exchange: Exchange, isDraining: Bool) {
        let pipeline = context.pipeline.syncOperations
        let handler = SocketHandler(
            admitted, SocketRecord(exchange), gateway: self, pulse: pulse(on: context.eventLoop), loop: context.eventLoop,
            isDraining: isDraining)
        do {
            try pipeline.addHandlers([
                ByteToMessageHandler(WebSocketFrameDecoder(maxFrameSize: admitted.rules.messageLimit)), handler,
            ])
            let decoder = try pipeline.context(handlerType: ByteToMessageHandler<HTTPRequestDecoder>.self)
            // Little at a time, so that whoever sends without end, however small its frames are, keeps the event loop from others for a moment only.
            _ = context.channel.setOption(
                .recvAllocator, value: AdaptiveRecvByteBufferAllocator(minimum: 512, initial: 1024, maximum: 8192))
            _ = context.channel.setOption(.tcpOption(Self.userTimeout), value: 30_000)
            pipeline.removeHandler(context: context, promise: nil)
            // What the client sent behind its request goes to the socket once the decoder is gone.
            pipeline.removeHandler(context: decoder).assumeIsolated().whenComplete { _ in handler.answerPing() }
            handler.begin()
        } catch {
            context.close(promise: nil)
            admitted.session.ended()
        }
    }

    /// TCP_USER_TIMEOUT: how long what was sent may stay unacknowledged, in milliseconds.
    private static let userTimeout = NIOBSDSocket.Option(rawValue: 18)

    private func pulse(on loop: any EventLoop) -> SocketPulse {
        pulses.withLock { pulses in
            if let known = pulses[ObjectIdentifier(loop)] { return known }
            let new = NIOLoopBound(SocketPulse(loop), eventLoop: loop)
            pulses[ObjectIdentifier(loop)] = new
            return new
        }.value
    }
}

extension HTTPRequestHead {
    /// The head of the answer to a request that is a right one for a WebSocket. No sub-protocol and no extension is ever agreed to.
    func switchingProtocols(_ headers: [(name: String, value: String)], date: String) -> ByteBuffer {
        let key = self.headers.first(name: "sec-websocket-key") ?? ""
        let accept = Data(Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))).base64EncodedString()
        var text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: \(accept)"
        for header in headers { text += "\r\n\(header.name): \(header.value)" }
        return ByteBuffer(string: "\(text)\r\nDate: \(date)\r\n\r\n")
    }
}

/// What the log tells of a socket when it has ended.
struct SocketRecord {
    let requestID: String
    let operation: String
    let account: String
    let region: String
    let keyID: String
    let resource: String?
    /// Seconds of the gateway's clock, when it was asked for.
    let start: Double
    /// How it ended; nil where the client vanished.
    var closure: SocketClosure?
    var seconds = 0.0
    var received = Traffic()
    var sent = Traffic()

    /// What went one way.
    struct Traffic {
        var messages = 0
        var bytes = 0

        mutating func count(_ message: ByteBuffer) {
            messages += 1
            bytes += message.readableBytes
        }
    }

    init(_ exchange: Exchange) {
        requestID = exchange.requestID
        operation = exchange.operation?.name ?? ""
        account = exchange.caller?.account ?? ""
        region = exchange.caller?.region ?? ""
        keyID = exchange.caller?.keyID ?? ""
        resource = exchange.resourceName
        start = exchange.start
    }
}
