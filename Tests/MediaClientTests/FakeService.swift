import Contract
import Locking
import Matroska
import NIOCore
import NIOHTTP1
import NIOPosix

/// A service on a loopback port that takes fragments and acknowledges them, and breaks sessions as it is told to.
final class FakeService: Sendable {
    /// What one session does with its fragments.
    enum Session {
        /// Stores and acknowledges them all.
        case sound
        /// Stores so many and acknowledges all but the last of them as stored, then cuts the connection.
        case breaks(after: Int)
        /// Answers so instead.
        case answers(HTTPResponseStatus, String)
        /// Refuses its first fragment with this error.
        case refuses(id: Int)
    }

    struct State {
        var script: [Session]
        /// The bytes of clusters and tags, each time one was stored, by timecode.
        var stored: [Int: [[UInt8]]] = [:]
        var headers: [[UInt8]] = []
        var heads: [HTTPRequestHead] = []
        var retention = 24
        var listings = 0
    }

    /// What the connections share.
    final class Shared: Sendable {
        private let state: Lock<State>

        init(_ state: State) { self.state = Lock(state) }

        func withLock<Result: Sendable>(_ body: @Sendable (inout State) -> Result) -> Result { state.withLock { body(&$0) } }
    }

    let state: Shared
    let port: Int
    private let group: MultiThreadedEventLoopGroup

    var url: String { "http://127.0.0.1:\(port)" }
    var stored: [Int: [[UInt8]]] { state.withLock { $0.stored } }

    /// Serves for as long as `body` takes. Sessions that the script does not name are sound.
    static func serve(
        _ script: [Session] = [], retention: Int = 24, _ body: (FakeService) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let state = Shared(State(script: script, retention: retention))
        let channel = try await ServerBootstrap(group: group)
            .childChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
                    try channel.pipeline.syncOperations.addHandler(Handler(state))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let service = FakeService(state, channel.localAddress?.port ?? 0, group)
        let result: Result<Void, any Error>
        do { result = .success(try await body(service)) } catch { result = .failure(error) }
        try await channel.close()
        try await group.shutdownGracefully()
        try result.get()
    }

    private init(_ state: Shared, _ port: Int, _ group: MultiThreadedEventLoopGroup) {
        self.state = state
        self.port = port
        self.group = group
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = HTTPServerRequestPart
        typealias OutboundOut = HTTPServerResponsePart

        private let state: Shared
        private var head: HTTPRequestHead?
        private var body: [UInt8] = []
        private var session: Session?
        private var parser = Parser(.service)
        private var open: (timecode: Int, bytes: [UInt8])?
        private var count = 0
        private var isOver = false

        init(_ state: Shared) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            switch unwrapInboundIn(data) {
            case .head(let head):
                self.head = head
                body = []
                state.withLock { $0.heads.append(head) }
                if head.uri == "/putMedia" { beginSession(context) }
            case .body(let bytes):
                if session != nil { take(bytes, context) } else { body += bytes.readableBytesView }
            case .end:
                if session != nil {
                    if !isOver { context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil) }
                    session = nil
                } else {
                    answer(context)
                }
            }
        }

        private func answer(_ context: ChannelHandlerContext) {
            let json: String
            switch head?.uri {
            case "/describeStream":
                json = #"{"StreamInfo":{"DataRetentionInHours":\#(state.withLock { $0.retention }),"Status":"ACTIVE"}}"#
            case "/getDataEndpoint": json = #"{"DataEndpoint":"http://127.0.0.1:\#(context.localAddress?.port ?? 0)"}"#
            case "/listFragments":
                let times = state.withLock { state in
                    state.listings += 1
                    return state.stored.keys.map { #"{"ProducerTimestamp":\#(Double($0) / 1000)}"# }
                }
                json = #"{"Fragments":[\#(times.joined(separator: ","))]}"#
            case .some, nil: json = ""
            }
            send(context, json.isEmpty ? .notFound : .ok, json)
        }

        private func send(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ json: String) {
            let headers: HTTPHeaders = ["content-length": "\(json.utf8.count)", "x-amzn-ErrorType": "Scripted"]
            context.write(wrapOutboundOut(.head(.init(version: .http1_1, status: status, headers: headers))), promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: json)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }

        private func beginSession(_ context: ChannelHandlerContext) {
            let session = state.withLock { $0.script.isEmpty ? .sound : $0.script.removeFirst() }
            self.session = session
            // A connection may carry one session after the other.
            parser = Parser(.service)
            open = nil
            count = 0
            isOver = false
            if case .answers(let status, let message) = session {
                isOver = true
                send(context, status, #"{"Message":"\#(message)"}"#)
                return
            }
            let headers: HTTPHeaders = ["transfer-encoding": "chunked", "content-type": "application/json"]
            context.writeAndFlush(wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
        }

        private func take(_ bytes: ByteBuffer, _ context: ChannelHandlerContext) {
            while !isOver, let event = parser.next(in: bytes.readableBytesUInt8Span) {
                switch event {
                case .header(let trackSet): state.withLock { $0.headers.append(trackSet.document) }
                case .fragmentStart(let start):
                    open = (start.timecode, start.head)
                    tell(context, "BUFFERING", start.timecode)
                case .bytes(let held, let range): open?.bytes += Array(held) + Array(bytes.readableBytesView)[range]
                case .fragmentEnd: finish(context)
                case .violation: tell(context, "ERROR", nil, #","ErrorCode":"INVALID_MKV_DATA","ErrorId":4006"#)
                case .block, .tags, .end: continue
                }
            }
        }

        private func finish(_ context: ChannelHandlerContext) {
            guard let (timecode, bytes) = open else { return }
            count += 1
            if case .refuses(let id) = session {
                isOver = true
                tell(context, "ERROR", timecode, #","ErrorCode":"SCRIPTED","ErrorId":\#(id)"#)
                context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
                return
            }
            state.withLock { $0.stored[timecode, default: []].append(bytes) }
            tell(context, "RECEIVED", timecode)
            if case .breaks(let after) = session, count == after {
                isOver = true
                context.close(promise: nil)
                return
            }
            if state.withLock({ $0.retention > 0 }) { tell(context, "PERSISTED", timecode) }
        }

        private func tell(_ context: ChannelHandlerContext, _ type: String, _ timecode: Int?, _ more: String = "") {
            let fragment = timecode.map { #","FragmentTimecode":\#($0),"FragmentNumber":"1""# } ?? ""
            let line = ByteBuffer(string: #"{"EventType":"\#(type)"\#(fragment)\#(more)}"# + "\n")
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(line))), promise: nil)
        }
    }
}
