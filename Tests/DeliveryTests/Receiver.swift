import Foundation
import Locking
import NIOCore
import NIOPosix
import NIOSSL

/// A receiver on loopback that answers with bytes that the test chooses, right or wrong.
///
/// Threads: any task may use it at any time.
final class Receiver: Sendable {
    /// What is done with one request.
    enum Answer: Sendable {
        /// These bytes, after which the connection stays.
        case bytes(String)
        /// These bytes, one after the other with so many milliseconds between them, for as long as the connection is there.
        case slowly(String, then: String, milliseconds: Int)
        /// These bytes, and the connection is closed.
        case close(String)
        /// Nothing at all.
        case silence
        /// The head, and then a body without end.
        case flood
    }

    static let ok = Answer.bytes("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    private struct State {
        var requests: [String] = []
        var connections = 0
        var closed = 0
    }

    private let state = Lock(State())
    let port: Int
    private let server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>
    private let answer: @Sendable (_ request: String) -> Answer

    /// Each request that was read whole: head and body.
    var requests: [String] { state.withLock { $0.requests } }
    var connections: Int { state.withLock { $0.connections } }
    /// Connections that are over.
    var closed: Int { state.withLock { $0.closed } }

    /// Runs a receiver while `body` does.
    static func with(
        tls: TLSConfiguration? = nil, _ answer: @escaping @Sendable (_ request: String) -> Answer, _ body: (Receiver) async throws -> Void
    ) async throws {
        let context = try tls.map { try NIOSSLContext(configuration: $0) }
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let context { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context)) }
                    return try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                }
            }
        let receiver = Receiver(server, answer)
        try await withThrowingTaskGroup { group in
            group.addTask { try await receiver.run() }
            defer { group.cancelAll() }
            try await body(receiver)
        }
    }

    private init(
        _ server: NIOAsyncChannel<NIOAsyncChannel<ByteBuffer, ByteBuffer>, Never>, _ answer: @escaping @Sendable (String) -> Answer
    ) {
        self.server = server
        self.answer = answer
        port = server.channel.localAddress?.port ?? 0
    }

    private func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { connections in
                for try await connection in connections {
                    self.state.withLock { $0.connections += 1 }
                    group.addTask {
                        // How a connection ends is the test's business, not the receiver's.
                        try? await connection.executeThenClose { try await self.serve($0, $1) }
                        self.state.withLock { $0.closed += 1 }
                    }
                }
            }
        }
    }

    private func serve(_ input: NIOAsyncChannelInboundStream<ByteBuffer>, _ output: NIOAsyncChannelOutboundWriter<ByteBuffer>) async throws
    {
        var read = ""
        for try await piece in input {
            read += String(buffer: piece)
            while let request = Self.takeRequest(&read) {
                state.withLock { $0.requests.append(request) }
                switch answer(request) {
                case .bytes(let text): try await output.write(ByteBuffer(string: text))
                case .close(let text):
                    if !text.isEmpty { try await output.write(ByteBuffer(string: text)) }
                    return
                case .silence: try await Task.sleep(for: .seconds(600))
                case .slowly(let first, let then, let milliseconds):
                    try await output.write(ByteBuffer(string: first))
                    while true {
                        try await Task.sleep(for: .milliseconds(milliseconds))
                        try await output.write(ByteBuffer(string: then))
                    }
                case .flood:
                    try await output.write(ByteBuffer(string: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
                    while true { try await output.write(ByteBuffer(string: "10000\r\n\(String(repeating: "x", count: 65_536))\r\n")) }
                }
            }
        }
    }

    private static func takeRequest(_ read: inout String) -> String? {
        guard let head = read.range(of: "\r\n\r\n") else { return nil }
        let length =
            read[..<head.lowerBound].split(separator: "\r\n").compactMap { line -> Int? in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[0].lowercased() == "content-length" else { return nil }
                return Int(parts[1].trimmingCharacters(in: .whitespaces))
            }.first ?? 0
        guard read[head.upperBound...].utf8.count >= length else { return nil }
        let end = read.utf8.index(head.upperBound, offsetBy: length)
        defer { read = String(read[end...]) }
        return String(read[..<end])
    }
}
