import Contract
import Foundation
import Locking
import Logging
import NIOCore
import NIOPosix
import Planes
import Prometheus
import TestSupport
import Testing

@testable import SignalingPlane

/// What peers are told of STUN and TURN, and what STUN answers.
@Suite struct ICETests {
    private static let arn = "arn:aws:kinesisvideo:us-east-1:123456789012:channel/door-2/1705489836421"

    @Test func `credentials are made as coturn makes them`() {
        // printf %s 1433895918506:foo | openssl dgst -binary -sha1 -hmac north | openssl base64
        #expect(ICEServers.password(of: "1433895918506:foo", secret: "north") == "gCu5Nen8d3bCI0n6JbX79huvBcg=")
    }

    @Test func `a user name begins with its end and holds the ARN`() throws {
        let name = ICEServers.username(Self.arn, expiry: 1_705_490_136)
        #expect(name.hasPrefix("1705490136:"))
        let data = try #require(Data(base64Encoded: String(name.dropFirst("1705490136:".count))))
        #expect(String(decoding: data, as: UTF8.self) == "v1:" + Self.arn)
    }

    @Test func `the name of a long ARN fits the clients all the same, and is its own`() {
        let long = Self.arn.replacing("door-2", with: String(repeating: "d", count: 256))
        let name = ICEServers.username(long, expiry: 1_705_490_136)
        #expect(name.utf8.count <= 256)
        #expect(name != ICEServers.username(long.replacing("421", with: "422"), expiry: 1_705_490_136))
    }

    @Test func `there is always a server`() {
        let stun = ICEServers(turn: [], secret: { "" }, stunPort: { 7080 }).list(for: Self.arn, host: "kvs.example.com", now: 0)
        #expect(stun.map(\.uris) == [["stun:kvs.example.com:7080"]])
        #expect(stun.first?.username?.isEmpty == false && stun.first?.password?.isEmpty == false && stun.first?.ttl == 300)
        let uris = ["turn:turn.example.com:3478?transport=udp", "turn:turn.example.com:3478?transport=tcp"]
        let turn = ICEServers(turn: [.init(uris: uris)], secret: { "north" }, stunPort: { 7080 })
            .list(for: Self.arn, host: "kvs.example.com", now: 1_705_489_836)
        #expect(turn.map(\.uris) == [uris])
        #expect(turn.first?.username?.hasPrefix("1705490136:") == true)
        #expect(turn.first?.password == ICEServers.password(of: turn.first?.username ?? "", secret: "north"))
    }

    @Test func `a TURN server that does not answer is left out, but never all of them`() async throws {
        // One that answers everything as a STUN server does, and a port that is closed.
        let answering = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Answering()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let closed = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        let good = try #require(answering.localAddress?.port)
        let bad = try #require(closed.localAddress?.port)
        try await closed.close()
        let servers = [bad, good].map { ICEServers.TURN(uris: ["turn:127.0.0.1:\($0)?transport=udp"]) }
        let byTCP = ICEServers.TURN(uris: ["turn:127.0.0.1:\(bad)?transport=tcp"])
        let watch = TURNWatch(servers + [byTCP], registry: Registry(), logger: .quiet)
        func told(_ turn: [ICEServers.TURN]) -> [[String]] {
            ICEServers(turn: turn, secret: { "north" }, stunPort: { 1 }, isThere: { watch.isThere($0) }).list(
                for: Self.arn, host: "h", now: 0
            )
            .compactMap(\.uris)
        }
        #expect(told(servers) == servers.map(\.uris))
        await watch.askAll()
        await watch.askAll()
        #expect(told(servers) == [servers[1].uris])
        #expect(told([servers[0]]) == [servers[0].uris])
        #expect(told([servers[0], byTCP]) == [byTCP.uris])
        try await answering.close()
    }

    @Test func `once a TURN server is gone everybody is told, over ten seconds`() {
        let (one, two) = (ICEServers.TURN(uris: ["turn:one"]), ICEServers.TURN(uris: ["turn:two"]))
        var reconnection = ICEReconnection<Int>()
        #expect(reconnection.look([], { Array(0..<25) }).isEmpty)
        var told = [reconnection.look([one], { Array(0..<25) })]
        for _ in 1..<10 { told.append(reconnection.look([one], { [] })) }
        #expect(told.map(\.count) == [3, 3, 3, 3, 3, 3, 3, 3, 1, 0])
        #expect(told.joined().sorted() == Array(0..<25))
        #expect(reconnection.look([], { [7] }).isEmpty)
        #expect(reconnection.look([two], { [7] }) == [7])
        #expect(reconnection.look([two], { [7] }).isEmpty)
        #expect(ICEServers(turn: [one, two], secret: { "" }, stunPort: { 1 }, isThere: { $0 == one }).gone == [two])
    }

    @Test(arguments: [false, true]) func `those that offer a sub-protocol are told nothing of ICE servers`(offersProtocol: Bool) {
        let client = Client()
        let socket = SignalingSocket(.relaxed, offersProtocol: offersProtocol)
        socket.opened(client)
        socket.reconnectICEServers()
        #expect(client.texts == (offersProtocol ? [] : [#"{"messagePayload":"e30=","messageType":"RECONNECT_ICE_SERVER"}"#]))
    }

    private final class Client: Socket {
        private let sent = Lock<[String]>([])
        var texts: [String] { sent.withLock { $0 } }
        func send(_ text: ByteBuffer, isCounted: Bool) { sent.withLock { $0.append(String(buffer: text)) } }
        func close(_ closure: SocketClosure) {}
    }

    /// Threads: on its channel's event loop only.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>
        typealias OutboundOut = AddressedEnvelope<ByteBuffer>

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let asked = unwrapInboundIn(data)
            guard let answer = STUN.answer(to: asked.data, from: asked.remoteAddress) else { return }
            context.writeAndFlush(wrapOutboundOut(AddressedEnvelope(remoteAddress: asked.remoteAddress, data: answer)), promise: nil)
        }
    }

    // MARK: STUN

    private static let transaction: [UInt8] = Array(0..<12)

    private func request(type: UInt16 = 1, length: UInt16 = 0, cookie: UInt32 = 0x2112_A442, attributes: [UInt8] = []) -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(type)
        buffer.writeInteger(length)
        buffer.writeInteger(cookie)
        buffer.writeBytes(Self.transaction)
        buffer.writeBytes(attributes)
        return buffer
    }

    /// RFC 5769 has these two as sample responses, with another transaction: the addresses of section 2.2 and 2.3.
    @Test func `the address is told, masked`() throws {
        let four = try #require(STUN.answer(to: request(), from: SocketAddress(ipAddress: "192.0.2.1", port: 32853)))
        #expect(
            Array(four.readableBytesView) == [0x01, 0x01, 0x00, 0x0C, 0x21, 0x12, 0xA4, 0x42] + Self.transaction
                + [0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xA1, 0x47, 0xE1, 0x12, 0xA6, 0x43])
        let six = try #require(
            STUN.answer(to: request(), from: SocketAddress(ipAddress: "2001:db8:1234:5678:11:2233:4455:6677", port: 32853)))
        let bytes = Array(six.readableBytesView)
        #expect(bytes.count == 44 && bytes[20..<28] == [0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xA1, 0x47])
        let address = bytes[28...]
        let mask = [0x21, 0x12, 0xA4, 0x42] + Self.transaction
        #expect(
            zip(address, mask).map { $0 ^ $1 } == [
                0x20, 0x01, 0x0D, 0xB8, 0x12, 0x34, 0x56, 0x78, 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
            ])
    }

    /// RFC 8489, section 6.3.1: whoever asks for what is not there, as tests of what a NAT does by CHANGE-REQUEST, is not told a wrong answer.
    @Test func `attributes that must be understood and are not are refused`() throws {
        let peer = try SocketAddress(ipAddress: "192.0.2.1", port: 1)
        let change: [UInt8] = [0x00, 0x03, 0, 4, 0, 0, 0, 6]
        let answer = try #require(STUN.answer(to: request(length: 8, attributes: change), from: peer))
        #expect(
            Array(answer.readableBytesView) == [0x01, 0x11, 0x00, 0x10, 0x21, 0x12, 0xA4, 0x42] + Self.transaction
                + [0x00, 0x09, 0, 4, 0, 0, 4, 20, 0x00, 0x0A, 0, 2, 0x00, 0x03, 0, 0])
        // Those that may be ignored are, and those that nothing depends on.
        for type: [UInt8] in [[0x80, 0x22], [0x00, 0x06], [0x00, 0x24]] {
            let known = type + [0, 3, 0x61, 0x62, 0x63, 0]
            let answer = STUN.answer(to: request(length: 8, attributes: known), from: peer)
            #expect(answer.map { Array($0.readableBytesView.prefix(2)) } == [0x01, 0x01])
        }
        #expect(STUN.answer(to: request(length: 8, attributes: [0x80, 0x22, 0, 5, 0, 0, 0, 0]), from: peer) == nil)
    }

    @Test func `anything but a binding request gets no answer`() throws {
        let peer = try SocketAddress(ipAddress: "192.0.2.1", port: 1)
        #expect(STUN.answer(to: request(length: 4, attributes: [0x80, 0x22, 0, 0]), from: peer) != nil)
        for other in [
            request(type: 0x0101), request(type: 0x0003), request(cookie: 1), request(length: 4), request(length: 0, attributes: [1]),
            request(length: 3, attributes: [1, 2, 3]), ByteBuffer(), ByteBuffer(bytes: Array(repeating: 0, count: 19)),
        ] {
            #expect(STUN.answer(to: other, from: peer) == nil)
        }
    }
}
