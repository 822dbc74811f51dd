import NIOCore
import NIOPosix
import NIOSSL

@testable import Gateway

/// A connection over which a test sends and reads bytes as it pleases.
struct RawConnection {
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    private var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let channel: any Channel
    private var read = ByteBuffer()

    /// An answer as it came.
    struct Answer {
        let head: String
        let body: [UInt8]

        var status: Int { Int(head.split(separator: " ").dropFirst().first ?? "") ?? 0 }
        var text: String { String(decoding: body, as: UTF8.self) }
        func header(_ name: String) -> String? {
            for line in head.split(separator: "\r\n") where line.lowercased().hasPrefix(name.lowercased() + ": ") {
                return String(line.dropFirst(name.count + 2))
            }
            return nil
        }
    }

    struct Ended: Error {}

    static func with<Value>(
        _ port: Int, isTLS: Bool = false, _ body: (inout RawConnection) async throws -> Value
    ) async throws -> Value {
        let tls = isTLS ? try LoopbackGateway.clientTLS() : nil
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.allowRemoteHalfClosure, value: true)
            // Left to itself Linux keeps up to 32 MiB for a reader that is slower than its sender.
            .channelOption(.socketOption(.so_rcvbuf), value: 1 << 20)
            .connect(host: "127.0.0.1", port: port) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: tls, serverHostname: nil)) }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                        wrappingChannelSynchronously: channel,
                        configuration: .init(
                            backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1), isOutboundHalfClosureEnabled: true))
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var connection = RawConnection(outbound: outbound, inbound: inbound.makeAsyncIterator(), channel: channel.channel)
            return try await body(&connection)
        }
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    func send(_ bytes: ByteBuffer) async throws { try await outbound.write(bytes) }

    /// Ends this side of the connection.
    func endOutput() { outbound.finish() }

    /// A writer of its own, for a task that sends while another reads.
    var sender: NIOAsyncChannelOutboundWriter<ByteBuffer> { outbound }

    /// The next bytes that come; nil at the end.
    mutating func next() async throws -> ByteBuffer? {
        if read.readableBytes > 0 {
            defer { read = ByteBuffer() }
            return read
        }
        return try await inbound.next(isolation: #isolation)
    }

    /// Whether the server ended the connection with nothing more to say.
    mutating func isEnded() async -> Bool {
        do { return try await next() == nil } catch { return true }
    }

    /// The text up to a mark, which is taken too.
    mutating func text(upTo mark: String) async throws -> String {
        let mark = Array(mark.utf8)
        while true {
            let bytes = read.readableBytesView
            if let found = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) {
                let text = read.readString(length: found - bytes.startIndex) ?? ""
                read.moveReaderIndex(forwardBy: mark.count)
                return text
            }
            guard var more = try await inbound.next(isolation: #isolation) else { throw Ended() }
            var whole = ByteBuffer(bytes: read.readableBytesView)
            whole.writeBuffer(&more)
            read = whole
        }
    }

    mutating func bytes(_ count: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            guard var more = try await next() else { throw Ended() }
            bytes += more.readBytes(length: min(more.readableBytes, count - bytes.count)) ?? []
            read = more
        }
        return bytes
    }

    /// Reads so many bytes and keeps none of them.
    mutating func skip(_ count: Int) async throws -> Int {
        var left = count
        while left > 0 {
            guard var more = try await next() else { throw Ended() }
            let taken = min(left, more.readableBytes)
            more.moveReaderIndex(forwardBy: taken)
            left -= taken
            read = more
        }
        return count
    }

    /// The next answer, with a length or in chunks.
    mutating func answer(isHead: Bool = false) async throws -> Answer {
        let head = try await text(upTo: "\r\n\r\n")
        let bare = Answer(head: head, body: [])
        if isHead { return bare }
        guard bare.header("transfer-encoding") == "chunked" else {
            return Answer(head: head, body: try await bytes(Int(bare.header("content-length") ?? "") ?? 0))
        }
        var body: [UInt8] = []
        while true {
            let size = Int(try await text(upTo: "\r\n"), radix: 16) ?? 0
            body += try await bytes(size)
            _ = try await bytes(2)
            if size == 0 { return Answer(head: head, body: body) }
        }
    }
}
