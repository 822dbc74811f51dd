import Locking
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle

/// Tells whoever asks by UDP from which address and port it is seen: a STUN server for Binding requests (RFC 8489), and nothing more.
///
/// It answers nobody with more than twice the bytes that it was sent, and each address 50 times a second at most, so that there is nothing in sending it
/// requests with the address of somebody else.
public struct STUNResponder: Service {
    private let host: String
    private let port: @Sendable () async -> Int?
    private let logger: Logger
    private let isListening: @Sendable (_ port: Int) -> Void

    /// A deployment whose UDP port is taken works without. `port` is called once; nil ends the service. `isListening` is called with the port, where it
    /// could be had.
    public init(
        host: String, port: @escaping @Sendable () async -> Int?, logger: Logger,
        isListening: @escaping @Sendable (_ port: Int) -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.logger = logger
        self.isListening = isListening
    }

    /// Answers until the process is asked to stop.
    public func run() async throws {
        guard let port = await port() else { return }
        let channel: any Channel
        do {
            channel = try await DatagramBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelOption(.socketOption(.so_reuseaddr), value: 1)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(STUNHandler()) }
                }
                .bind(host: host, port: port).get()
        } catch {
            logger.warning(
                "no STUN: the UDP port cannot be had", metadata: ["host": "\(host)", "port": "\(port)", "error": "\(error)"])
            try? await gracefulShutdown()
            return
        }
        isListening(channel.localAddress?.port ?? port)
        try? await gracefulShutdown()
        try? await channel.close().get()
    }
}

/// Threads: on its channel's event loop only.
private final class STUNHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    private var second: Int64 = 0
    private var answered: [String: Int] = [:]
    private static let perAddress = 50
    /// Addresses that are kept account of in one second; beyond them nobody new is answered.
    private static let addresses = 10_000

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let datagram = unwrapInboundIn(data)
        guard let address = datagram.remoteAddress.ipAddress, let answer = STUN.answer(to: datagram.data, from: datagram.remoteAddress),
            admits(address)
        else { return }
        context.writeAndFlush(wrapOutboundOut(AddressedEnvelope(remoteAddress: datagram.remoteAddress, data: answer)), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Somebody could not be reached; the next one may be.
    }

    private func admits(_ address: String) -> Bool {
        let now = Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000_000)
        if now != second {
            second = now
            answered.removeAll(keepingCapacity: true)
        }
        let count = answered[address] ?? 0
        guard count < Self.perAddress, count > 0 || answered.count < Self.addresses else { return false }
        answered[address] = count + 1
        return true
    }
}

/// The messages of RFC 8489, as far as a responder, and who asks whether a server is there, need them.
enum STUN {
    private static let cookie: UInt32 = 0x2112_A442
    private static let bindingRequest: UInt16 = 0x0001
    private static let bindingSuccess: UInt16 = 0x0101
    private static let bindingError: UInt16 = 0x0111
    private static let xorMappedAddress: UInt16 = 0x0020
    private static let errorCode: UInt16 = 0x0009
    private static let unknownAttributes: UInt16 = 0x000A
    /// USERNAME, MESSAGE-INTEGRITY, REALM, NONCE, MESSAGE-INTEGRITY-SHA256, PASSWORD-ALGORITHM and USERHASH, which say who asks, and PRIORITY and
    /// USE-CANDIDATE of ICE: nothing depends on them here.
    private static let understood: Set<UInt16> = [0x0006, 0x0008, 0x0014, 0x0015, 0x001C, 0x001D, 0x001E, 0x0024, 0x0025]

    /// A Binding request.
    static func request(_ transaction: [UInt8]) -> ByteBuffer {
        var request = ByteBuffer()
        request.writeMultipleIntegers(bindingRequest, 0 as UInt16, cookie)
        request.writeBytes(transaction)
        return request
    }

    /// Whether a datagram answers a request, whatever the answer is.
    static func isAnswer(_ datagram: ByteBuffer, to transaction: [UInt8]) -> Bool {
        var datagram = datagram
        guard let (type, _, cookie) = datagram.readMultipleIntegers(as: (UInt16, UInt16, UInt32).self) else { return false }
        return type & 0x0100 != 0 && cookie == Self.cookie && datagram.readBytes(length: 12) == transaction
    }

    /// What a Binding request is answered with; nil for anything else, which gets no answer.
    static func answer(to datagram: ByteBuffer, from address: SocketAddress) -> ByteBuffer? {
        var datagram = datagram
        let size = datagram.readableBytes
        guard let type: UInt16 = datagram.readInteger(), let length: UInt16 = datagram.readInteger(),
            let cookie: UInt32 = datagram.readInteger(),
            let transaction = datagram.readBytes(length: 12)
        else { return nil }
        guard type == bindingRequest, cookie == Self.cookie, Int(length) == size - 20, length % 4 == 0,
            let unknown = notUnderstood(datagram)
        else { return nil }
        guard unknown.isEmpty else { return refusal(transaction, unknown) }
        // The port and the address as the network has them, after two bytes of family; an IPv6 address comes after the label of a flow.
        let raw = address.withSockAddr { pointer, size in Array(UnsafeRawBufferPointer(start: pointer, count: size)) }
        let family: UInt8
        let bytes: ArraySlice<UInt8>
        switch address {
        case .v4: (family, bytes) = (1, raw[4..<8])
        case .v6: (family, bytes) = (2, raw[8..<24])
        case .unixDomainSocket: return nil
        }
        var mask = ByteBuffer()
        mask.writeInteger(Self.cookie)
        mask.writeBytes(transaction)
        var value = ByteBuffer()
        value.writeBytes([0, family])
        value.writeBytes(zip(raw[2..<4], mask.readableBytesView).map { $0 ^ $1 })
        value.writeBytes(zip(bytes, mask.readableBytesView).map { $0 ^ $1 })
        var answer = ByteBuffer()
        answer.writeInteger(bindingSuccess)
        answer.writeInteger(UInt16(value.readableBytes + 4))
        answer.writeInteger(Self.cookie)
        answer.writeBytes(transaction)
        answer.writeInteger(xorMappedAddress)
        answer.writeInteger(UInt16(value.readableBytes))
        answer.writeBuffer(&value)
        return answer
    }

    /// The attributes that whoever answers must understand, and that are not understood here; nil where these are no attributes.
    private static func notUnderstood(_ attributes: ByteBuffer) -> [UInt16]? {
        var attributes = attributes
        var found: [UInt16] = []
        while attributes.readableBytes > 0 {
            guard let (type, length) = attributes.readMultipleIntegers(as: (UInt16, UInt16).self),
                attributes.readSlice(length: (Int(length) + 3) / 4 * 4) != nil
            else { return nil }
            if type < 0x8000, !understood.contains(type) { found.append(type) }
        }
        return found
    }

    /// 420, without the words, so that it is at most twice as long as the request. RFC 8489, section 6.3.1.
    private static func refusal(_ transaction: [UInt8], _ unknown: [UInt16]) -> ByteBuffer {
        var attributes = ByteBuffer()
        attributes.writeMultipleIntegers(errorCode, 4 as UInt16, 0 as UInt16, 4 as UInt8, 20 as UInt8)
        attributes.writeMultipleIntegers(unknownAttributes, UInt16(unknown.count * 2))
        for type in unknown { attributes.writeInteger(type) }
        if unknown.count % 2 == 1 { attributes.writeInteger(0 as UInt16) }
        var answer = ByteBuffer()
        answer.writeMultipleIntegers(bindingError, UInt16(attributes.readableBytes), cookie)
        answer.writeBytes(transaction)
        answer.writeBuffer(&attributes)
        return answer
    }
}
