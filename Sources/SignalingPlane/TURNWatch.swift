import CoreMetrics
import Locking
public import Logging
import NIOCore
import NIOPosix
public import Prometheus
public import ServiceLifecycle

extension Family {
    fileprivate static let reachable = gauge(
        "weir_turn_reachable", "1 where a TURN server, by its place in turn-servers, answers; 0 where it does not.", labels: ["server"])
}

/// Asks each TURN server about every ten seconds whether it is there, so that peers are not told of one that is not.
///
/// A server is asked by a Binding request over UDP (RFC 8489), which TURN servers answer too; one that has no URI with UDP is not asked, and taken to be there.
///
/// Threads: any task may use it at any time.
public final class TURNWatch: Service {
    private let servers: [(server: ICEServers.TURN, host: String, port: Int, meter: Meter)]
    private let misses = Lock<[ICEServers.TURN: Int]>([:])
    private let logger: Logger

    /// Questions in a row without an answer, after which a server is taken for gone.
    private static let mostMisses = 2
    private static let patience = TimeAmount.seconds(3)

    public init(_ servers: [ICEServers.TURN], registry: Registry, logger: Logger) {
        self.servers = servers.enumerated().compactMap { number, server in
            server.datagramAddress.map { (server, $0.host, $0.port, Meter(.reachable, ["\(number + 1)"], in: registry)) }
        }
        self.logger = logger
    }

    /// Whether a server answered lately, or has not been asked yet.
    public func isThere(_ server: ICEServers.TURN) -> Bool { misses.withLock { $0[server, default: 0] } < Self.mostMisses }

    /// Asks until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while true {
                await self.askAll()
                do { try await Task.sleep(for: .milliseconds(.random(in: 9000...11_000))) } catch { return }
            }
        }
    }

    func askAll() async {
        for (server, host, port, meter) in servers {
            let answers = await Self.answers(host: host, port: port)
            let (before, now) = misses.withLock { misses in
                let before = misses[server, default: 0]
                misses[server] = answers ? 0 : min(before + 1, Self.mostMisses)
                return (before, misses[server, default: 0])
            }
            meter.set(answers ? 1 : 0)
            switch (before < Self.mostMisses, now < Self.mostMisses) {
            case (true, false): logger.warning("a TURN server does not answer", metadata: ["server": "\(host):\(port)"])
            case (false, true): logger.notice("a TURN server answers again", metadata: ["server": "\(host):\(port)"])
            case (true, true), (false, false): break
            }
        }
    }

    /// Whether a server answers a Binding request.
    static func answers(host: String, port: Int) async -> Bool {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let answered = loop.makePromise(of: Void.self)
        let transaction = (0..<12).map { _ in UInt8.random(in: .min ... .max) }
        do {
            let channel = try await DatagramBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(AnswerHandler(transaction, answered))
                    }
                }
                .connect(host: host, port: port).get()
            let late = loop.scheduleTask(in: patience) { answered.fail(ChannelError.connectTimeout(patience)) }
            defer {
                late.cancel()
                channel.close(promise: nil)
            }
            try await channel.writeAndFlush(STUN.request(transaction)).get()
            try await answered.futureResult.get()
            return true
        } catch {
            answered.fail(error)
            return false
        }
    }
}

/// Threads: on its channel's event loop only.
private final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let transaction: [UInt8]
    private let answered: EventLoopPromise<Void>

    init(_ transaction: [UInt8], _ answered: EventLoopPromise<Void>) {
        self.transaction = transaction
        self.answered = answered
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if STUN.isAnswer(unwrapInboundIn(data).data, to: transaction) { answered.succeed() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { answered.fail(error) }
}

extension ICEServers.TURN {
    /// Where the server is asked by UDP; nil where none of its URIs says so. RFC 7065: `turn:HOST[:PORT][?transport=udp]`, 3478 where there is no port.
    fileprivate var datagramAddress: (host: String, port: Int)? {
        for uri in uris where uri.hasPrefix("turn:") && !uri.hasSuffix("transport=tcp") {
            let place = uri.dropFirst("turn:".count).prefix { $0 != "?" }
            let end = place.lastIndex(of: "]") ?? place.startIndex
            guard let colon = place[end...].lastIndex(of: ":") else { return (Self.bare(place), 3478) }
            return Int(place[place.index(after: colon)...]).map { (Self.bare(place[..<colon]), $0) }
        }
        return nil
    }

    private static func bare(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}
