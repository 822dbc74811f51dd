import Glibc
import Locking
public import Logging
import NIOCore
import NIOExtras
import NIOHTTP1
public import NIOPosix
public import NIOSSL
public import ServiceLifecycle
import Synchronization

/// Something else listens there.
public struct AddressInUse: Error {
    public let host: String
    public let port: Int
}

/// Listens for connections and has a gateway answer what comes over them: HTTP/1.1, over TLS where there is a context for it.
public struct GatewayServer: Service {
    private let gateway: Gateway
    private let host: String
    private let port: Int
    private let tls: (@Sendable () throws -> NIOSSLContext)?
    private let limits: ConnectionLimits
    private let stopTime: Duration?
    private let isForDevices: Bool
    private let logger: Logger
    private let group: MultiThreadedEventLoopGroup
    private let isListening: @Sendable (_ port: Int) -> Void

    /// - Parameters:
    ///   - port: 0 takes a free one.
    ///   - tls: Called for each connection, so that certificates can be replaced; nil serves without TLS.
    ///   - stopTime: How long requests that have begun may take to end once the process is asked to stop; nil for as long as the process lives.
    ///     WebSockets have a time of their own.
    ///   - isForDevices: Whether what is listened for are devices, which are known by their certificates: `tls` asks for those.
    ///   - isListening: Called once connections are taken, with the port.
    public init(
        _ gateway: Gateway, host: String, port: Int, tls: (@Sendable () throws -> NIOSSLContext)?, limits: ConnectionLimits,
        stopTime: Duration? = nil, isForDevices: Bool = false,
        logger: Logger, group: MultiThreadedEventLoopGroup = .singleton, isListening: @escaping @Sendable (_ port: Int) -> Void
    ) {
        self.gateway = gateway
        self.host = host
        self.port = port
        self.tls = tls
        self.limits = limits
        self.stopTime = stopTime
        self.isForDevices = isForDevices
        self.logger = logger
        self.group = group
        self.isListening = isListening
    }

    /// Serves until the process is asked to stop, then answers what has begun and tells streams to end. Throws where it cannot listen.
    public func run() async throws {
        let quiescing = ServerQuiescingHelper(group: group)
        let channel: any Channel
        do {
            channel = try await bootstrap(quiescing).bind(host: host, port: port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE {
            throw AddressInUse(host: host, port: port)
        }
        isListening(channel.localAddress?.port ?? port)
        gateway.metrics.show(connectionsLimit: limits.all)
        let ended = group.next().makePromise(of: Void.self)
        await withTaskGroup { tasks in
            tasks.addTask { await tellOfRefusals() }
            tasks.addTask { await endRequests(ended) }
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
            tasks.cancelAll()
        }
    }

    /// Gives up on requests that go on for too long after the process was asked to stop, unless there are WebSockets to wait for.
    private func endRequests(_ ended: EventLoopPromise<Void>) async {
        guard let stopTime else { return }
        do {
            try await gracefulShutdown()
            try await Task.sleep(for: stopTime)
            while gateway.openSockets.load(ordering: .relaxed) > 0 { try await Task.sleep(for: .milliseconds(50)) }
            ended.succeed(())
        } catch {
            return
        }
    }

    /// Tells once a minute of connections that were refused or had to wait.
    private func tellOfRefusals() async {
        while true {
            do { try await Task.sleep(for: .seconds(60)) } catch { return }
            let (refused, open) = (limits.takeRefused(), limits.open)
            guard refused > 0 || open >= limits.all else { continue }
            logger.warning(
                "too many connections",
                metadata: [
                    "open": "\(open)", "limit": "\(limits.all)", "limit_per_address": "\(limits.perAddress)", "refused": "\(refused)",
                ])
        }
    }

    /// TCP_NOTSENT_LOWAT: how much of an answer the system takes before the client has room for it. Else it keeps megabytes of what nobody reads.
    private static let unsentLimit = NIOBSDSocket.Option(rawValue: 25)

    /// The loop that accepts, for the whole process. It does nothing else: behind the work of connections it would let the system's queue fill, and
    /// a client that finds the queue full tries again after a second.
    static let accepting = MultiThreadedEventLoopGroup(numberOfThreads: 1)

    private func bootstrap(_ quiescing: ServerQuiescingHelper) -> ServerBootstrap {
        ServerBootstrap(group: Self.accepting, childGroup: group)
            .serverChannelOption(.backlog, value: 4096)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .serverChannelInitializer { [gateway, limits] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(AcceptGate(limits, gateway.metrics))
                    try channel.pipeline.syncOperations.addHandler(quiescing.makeServerChannelHandler(channel: channel))
                }
            }
            .childChannelOption(.autoRead, value: false)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.tcpOption(Self.unsentLimit), value: 131_072)
            .childChannelInitializer { [gateway, tls, limits, isForDevices] channel in
                channel.eventLoop.makeCompletedFuture {
                    let address = channel.remoteAddress?.ipAddress ?? ""
                    let peer = Peer(
                        address: address, localPort: channel.localAddress?.port, isProxy: limits.isTrustedProxy(address),
                        isForOperators: limits.isFullForCalls, isDevice: isForDevices)
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls())) }
                    try gateway.addHandlers(to: channel, peer)
                }
            }
    }
}

extension Gateway {
    /// Makes a channel one of HTTP/1.1, as this gateway answers it. Called on the channel's event loop.
    func addHandlers(to channel: any Channel, _ peer: Peer) throws {
        var limits = NIOHTTPDecoderLimitConfiguration()
        limits.maxHeaderFieldSize = 32 << 10
        limits.maxHeaderListSize = 64 << 10
        limits.maxHeaderFieldCount = 200
        let decoder = HTTPRequestDecoder(leftOverBytesStrategy: .forwardBytes, limitConfiguration: limits)
        try channel.pipeline.syncOperations.addHandler(ByteToMessageHandler(decoder))
        try channel.pipeline.syncOperations.addHandler(ConnectionHandler(self, peer, channel.eventLoop, turns(on: channel.eventLoop)))
    }

    private func turns(on loop: any EventLoop) -> Turns {
        turns.withLock { turns in
            if let known = turns[ObjectIdentifier(loop)] { return known }
            let new = NIOLoopBound(Turns(loop), eventLoop: loop)
            turns[ObjectIdentifier(loop)] = new
            return new
        }.value
    }
}
