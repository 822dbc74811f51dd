import Locking
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOWebSocket

/// A bare WebSocket server for ops/bench, of NIO's own handlers and nothing else: takes any upgrade and sends each text back; of those opened at `/sender` it goes
/// to the newest of those opened at `/receiver`.
///
///     SocketReference PORT
@main
struct SocketReference {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 0
        let receiver = Receiver()
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: 64 << 10,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, request in
                channel.eventLoop.makeCompletedFuture {
                    if request.uri == "/receiver" { receiver.channel.withLock { $0 = channel } }
                    try channel.pipeline.syncOperations.addHandler(
                        request.uri == "/sender" ? SocketEnd(sendsTo: receiver) : SocketEnd(sendsTo: nil))
                }
            })
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(
                        withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        try await channel.closeFuture.get()
    }
}

private final class Receiver: Sendable {
    let channel = Lock<(any Channel)?>(nil)
}

/// Threads: on its channel's event loop only.
private final class SocketEnd: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = WebSocketFrame

    /// Where texts go; nil for back.
    private let receiver: Receiver?

    init(sendsTo receiver: Receiver?) {
        self.receiver = receiver
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.opcode {
        case .text:
            let text = WebSocketFrame(fin: true, opcode: .text, data: frame.unmaskedData)
            if let receiver {
                receiver.channel.withLock { $0 }?.writeAndFlush(text, promise: nil)
            } else {
                context.write(wrapOutboundOut(text), promise: nil)
            }
        case .ping: context.write(wrapOutboundOut(WebSocketFrame(fin: true, opcode: .pong, data: frame.unmaskedData)), promise: nil)
        case .connectionClose: context.close(promise: nil)
        default: return
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
    }
}
