import Locking
import NIOCore
import NIOHTTP1
import NIOPosix

/// An S3 server on loopback that keeps objects in memory, and fails as the test tells it to.
///
/// Threads: any task may use it at any time.
final class FaultyStore: Sendable {
    /// What happens to one request.
    enum Fault: Sendable {
        /// An answer of this status and code, and nothing is done.
        case refusal(Int, String)
        /// It is done, and the connection ends without an answer.
        case lostAnswer
        /// It is done, and of the answer's body the second half is missing.
        case truncated
        /// Nothing is answered.
        case silence
        /// The body comes one byte after the other, for ever.
        case trickle
        /// The range that was asked for is left out of account.
        case wholeObject
    }

    struct Seen: Sendable {
        let method: String
        let uri: String
        let headers: HTTPHeaders
        let body: ByteBuffer
    }

    private struct State {
        var objects: [String: ByteBuffer] = [:]
        var faults: [Fault] = []
        var seen: [Seen] = []
    }

    private let state = Lock(State())
    let port: Int
    private let server: NIOAsyncChannel<NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>, Never>

    var seen: [Seen] { state.withLock { $0.seen } }
    var objects: [String: ByteBuffer] { state.withLock { $0.objects } }

    /// The next requests meet these, one each.
    func fail(_ faults: [Fault]) { state.withLock { $0.faults = faults } }

    static func with(_ body: (FaultyStore) async throws -> Void) async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .bind(host: "127.0.0.1", port: 0) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    return try NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>(wrappingChannelSynchronously: channel)
                }
            }
        let store = FaultyStore(server)
        try await withThrowingTaskGroup { group in
            group.addTask { try await store.run() }
            defer { group.cancelAll() }
            try await body(store)
        }
    }

    private init(_ server: NIOAsyncChannel<NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>, Never>) {
        self.server = server
        port = server.channel.localAddress?.port ?? 0
    }

    private func run() async throws {
        try await withThrowingDiscardingTaskGroup { group in
            try await server.executeThenClose { connections in
                for try await connection in connections {
                    // How a connection ends is the test's business.
                    group.addTask { try? await connection.executeThenClose { try await self.serve($0, $1) } }
                }
            }
        }
    }

    private func serve(
        _ input: NIOAsyncChannelInboundStream<HTTPServerRequestPart>, _ output: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
    ) async throws {
        var head: HTTPRequestHead?
        var body = ByteBuffer()
        for try await part in input {
            switch part {
            case .head(let next): (head, body) = (next, ByteBuffer())
            case .body(let piece): body.writeImmutableBuffer(piece)
            case .end:
                guard let head else { continue }
                let seen = Seen(method: head.method.rawValue, uri: head.uri, headers: head.headers, body: body)
                let fault: Fault? = state.withLock { state in
                    state.seen.append(seen)
                    return state.faults.isEmpty ? nil : state.faults.removeFirst()
                }
                if case .refusal(let status, let code) = fault {
                    try await answer(output, status, ByteBuffer(string: "<Error><Code>\(code)</Code></Error>"))
                    continue
                }
                if case .silence = fault { try await Task.sleep(for: .seconds(600)) }
                var ignoresRange = false
                if case .wholeObject = fault { ignoresRange = true }
                let (status, content) = perform(seen, ignoresRange: ignoresRange)
                switch fault {
                case .lostAnswer: return
                case .truncated:
                    try await answer(output, status, content, sent: content.readableBytes / 2)
                    return
                case .trickle:
                    try await output.write(.head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: status))))
                    while true {
                        try await output.write(.body(.byteBuffer(ByteBuffer(string: "x"))))
                        try await Task.sleep(for: .milliseconds(5))
                    }
                case .refusal, .silence, .wholeObject, nil:
                    try await answer(output, status, content, length: seen.method == "HEAD" ? size(seen.uri) : nil)
                }
            }
        }
    }

    private func size(_ uri: String) -> Int? { state.withLock { $0.objects[uri]?.readableBytes } }

    private func answer(
        _ output: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>, _ status: Int, _ body: ByteBuffer, sent: Int? = nil,
        length: Int? = nil
    ) async throws {
        let headers: HTTPHeaders = ["Content-Length": "\(length ?? body.readableBytes)"]
        try await output.write(.head(HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)))
        if let part = body.getSlice(at: body.readerIndex, length: sent ?? body.readableBytes) {
            try await output.write(.body(.byteBuffer(part)))
        }
        if sent == nil { try await output.write(.end(nil)) }
    }

    private func perform(_ request: Seen, ignoresRange: Bool) -> (Int, ByteBuffer) {
        state.withLock { state in
            switch request.method {
            case "PUT":
                state.objects[request.uri] = request.body
                return (200, ByteBuffer())
            case "DELETE":
                return (state.objects.removeValue(forKey: request.uri) == nil ? 404 : 204, ByteBuffer())
            default:
                guard let object = state.objects[request.uri] else { return (404, ByteBuffer()) }
                guard request.method == "GET" else { return (200, ByteBuffer()) }
                guard !ignoresRange, let range = request.headers.first(name: "Range") else { return (200, object) }
                let bounds = range.dropFirst("bytes=".count).split(separator: "-").compactMap { Int($0) }
                guard bounds.count == 2, bounds[0] < object.readableBytes else { return (416, ByteBuffer()) }
                let end = min(bounds[1] + 1, object.readableBytes)
                return (206, object.getSlice(at: object.readerIndex + bounds[0], length: end - bounds[0]) ?? ByteBuffer())
            }
        }
    }
}
