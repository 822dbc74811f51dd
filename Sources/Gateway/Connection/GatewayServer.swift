import NIOCore
import NIOExtras
import NIOHTTP1
public import NIOPosix
public import NIOSSL
public import ServiceLifecycle

/// Listens for connections and has a gateway answer what comes over them: HTTP/1.1, over TLS where there is a context for it.
public struct GatewayServer: Service {
    private let gateway: Gateway
    private let host: String
    private let port: Int
    private let tls: (@Sendable () throws -> NIOSSLContext)?
    private let group: MultiThreadedEventLoopGroup
    private let isListening: @Sendable (_ port: Int) -> Void

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - tls: Called for each connection, so that certificates can be replaced; nil serves without TLS.
    ///   - isListening: Called once connections are taken, with the port.
    public init(
        _ gateway: Gateway, host: String, port: Int, tls: (@Sendable () throws -> NIOSSLContext)?,
        group: MultiThreadedEventLoopGroup = .singleton, isListening: @escaping @Sendable (_ port: Int) -> Void
    ) {
        self.gateway = gateway
        self.host = host
        self.port = port
        self.tls = tls
        self.group = group
        self.isListening = isListening
    }

    /// Serves until the process is asked to stop, then answers what has begun and tells streams to end. Throws where it cannot listen.
    public func run() async throws {
        let quiescing = ServerQuiescingHelper(group: group)
        let channel = try await bootstrap(quiescing).bind(host: host, port: port).get()
        isListening(channel.localAddress?.port ?? port)
        let ended = group.next().makePromise(of: Void.self)
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                try? await ended.futureResult.get()
            } onGracefulShutdown: {
                quiescing.initiateShutdown(promise: ended)
            }
        } onCancel: {
            // Requests in flight have had their time.
            ended.succeed(())
        }
    }

    private func bootstrap(_ quiescing: ServerQuiescingHelper) -> ServerBootstrap {
        ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { [gateway, tls] channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls())) }
                    try gateway.addHandlers(to: channel)
                }
            }
    }
}

extension Gateway {
    /// Makes a channel one of HTTP/1.1, as this gateway answers it. Called on the channel's event loop.
    func addHandlers(to channel: any Channel) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 32 << 10
        limits.maxHeaderListSize = 64 << 10
        limits.maxHeaderFieldCount = 200
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: limits)
        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
        try channel.pipeline.syncOperations.addHandler(ConnectionHandler(self, channel.eventLoop))
    }
}
