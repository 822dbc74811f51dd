import Contract
public import ControlPlane
import HTTPTypes
public import HummingbirdCore
public import NIOCore
import Store

/// Turns HTTP requests into calls and their outcome into HTTP answers. `answer(_:)` below is the whole way of a request, in its order.
///
/// Threads: a value; any number of requests pass through it at once.
public struct Gateway: Sendable {
    let controlPlane: ControlPlane
    let configuration: GatewayConfiguration
    let keyRing: KeyRing
    let verifier = SignatureVerifier()
    let throttle: Throttle
    let metrics: Metrics
    let accessLog: AccessLog
    let readiness: Readiness
    let bodyBudget = BodyBudget(bytes: 64 << 20)
    private let replyBudget = BodyBudget(bytes: 64 << 20)
    let clock = GatewayClock()

    /// A gateway to the rules of `controlPlane`, for callers who sign with one of `keys`.
    public init(
        controlPlane: ControlPlane, keys: AccessKeys, throttle: Throttle, metrics: Metrics, accessLog: AccessLog, readiness: Readiness,
        configuration: GatewayConfiguration
    ) {
        self.controlPlane = controlPlane
        self.configuration = configuration
        keyRing = KeyRing(keys)
        self.throttle = throttle
        self.metrics = metrics
        self.accessLog = accessLog
        self.readiness = readiness
    }

    /// Answers one request on its connection.
    @Sendable public func respond(_ request: Request, _ writer: consuming ResponseWriter, _ channel: any Channel) async throws {
        let start = clock.monotonicSeconds()
        let isHead = request.head.method == .head
        if isHead || request.head.method == .get, let page = await operatorPage(request.head.path ?? "/") {
            return try await writer.write(response: page.head(clock.httpDate()), body: page.responseBody(isHead: isHead))
        }
        if request.head.headerFields[.expect] == "100-continue", !isTooLarge(request.head) {
            try await writer.writeInformationalHead(HTTPResponse(status: .continue))
        }
        var exchange = Exchange(request: request, requestID: RequestID.next(), start: start)
        var reply: Reply
        do throws(OperationError) {
            reply = try await answer(&exchange)
            guard !reply.isLarge || replyBudget.take(reply.body.count) else {
                throw OperationError(
                    .serviceUnavailable, "Too many large answers are being read at once. Try again, or ask for smaller pages.")
            }
        } catch {
            reply = Reply(status: error.code.status, body: error.body(in: exchange.operation?.api))
            reply.add(.errorType, error.code.rawValue)
            if error.code == .methodNotAllowed, case .otherMethod(let allowed, _) = exchange.route {
                reply.add(.allow, allowed.map(\.rawValue).joined(separator: ", "))
            }
            exchange.error = error
        }
        defer { if exchange.error == nil, reply.isLarge { replyBudget.giveBack(reply.body.count) } }
        if exchange.heldBytes > 0 { bodyBudget.giveBack(exchange.heldBytes) }
        reply.add(.requestID, exchange.requestID)
        addCORSHeaders(to: &reply, origin: request.head.headerFields[.origin])
        if exchange.mustClose { reply.add(.connection, "close") }
        try await writer.write(response: reply.head(clock.httpDate()), body: reply.responseBody(isHead: isHead))
        note(exchange, reply)
        // What is left of the body is not read: the connection cannot be used again.
        if exchange.mustClose { throw ConnectionIsSpent() }
    }

    /// The way of a request. Clients can observe the order, and a test pins it.
    private func answer(_ exchange: inout Exchange) async throws(OperationError) -> Reply {
        guard configuration.servesAPI else {
            exchange.mustClose = true
            throw OperationError(
                .serviceUnavailable, "This instance works in the background and takes no calls: call one that has the role api.")
        }
        let body = try await read(&exchange)
        if let preflight = preflight(exchange.request.head) { return preflight }
        let caller = try await authenticate(&exchange, body)
        let operation = try route(exchange)
        let call = try body.withBytes { bytes throws(OperationError) in try controlPlane.prepare(operation, bytes, caller) }
        exchange.resourceName = call.resourceName
        try throttle.admit(operation, caller, resourceName: call.resourceName, now: clock.monotonicSeconds())
        return Reply(status: 200, body: try await call.perform())
    }

    private func route(_ exchange: Exchange) throws(OperationError) -> OperationID {
        let head = exchange.request.head
        switch exchange.route {
        case .found(let operation): return operation
        case .otherMethod(let allowed, let operation):
            let methods = allowed.map(\.rawValue).joined(separator: " or ")
            throw OperationError(
                .methodNotAllowed, "\(operation.rawValue) is called by \(methods), not \(head.method.rawValue.shortened).")
        case .unknown:
            let path = String(head.pathWithoutQuery).shortened
            throw OperationError(.unknownOperation, "There is no operation at \(path): paths are case-sensitive, as in /describeStream.")
        }
    }

    private func note(_ exchange: Exchange, _ reply: Reply) {
        let seconds = clock.monotonicSeconds() - exchange.start
        let isThrottled = exchange.error.map { $0.code == .throttling || $0.code == .clientLimitExceeded } ?? false
        metrics.count(exchange.operation, status: reply.status, seconds: seconds, isThrottled: isThrottled)
        accessLog.note(exchange, status: reply.status, seconds: seconds, clock.now())
    }
}

/// Thrown to have the connection closed after an answer.
private struct ConnectionIsSpent: Error {}

/// A request on its way, and what becomes known of it.
struct Exchange {
    let request: Request
    let requestID: String
    /// Seconds of the monotonic clock.
    let start: Double
    /// What method and path name.
    let route: Routes<OperationID>.Match
    /// What the path names, if anything.
    let operation: OperationID?
    /// Known once the signature is verified.
    var caller: Caller?
    var resourceName: String?
    var error: OperationError?
    /// What of the budget for bodies this request has taken.
    var heldBytes = 0
    /// True where the rest of the body will not be read.
    var mustClose = false

    init(request: Request, requestID: String, start: Double) {
        self.request = request
        self.requestID = requestID
        self.start = start
        route = OperationID.routes.match(method: request.head.method.rawValue, path: request.head.pathWithoutQuery)
        operation =
            switch route {
            case .found(let operation), .otherMethod(_, let operation): operation
            case .unknown: nil
            }
    }
}

/// What is sent back.
struct Reply {
    var status: Int
    private var headers: HTTPFields
    var body: [UInt8]

    init(status: Int, contentType: String = "application/json", body: [UInt8] = []) {
        self.status = status
        self.body = body
        headers = HTTPFields()
        headers.reserveCapacity(8)
        add(.contentType, contentType)
    }

    /// Adds a header that is not there yet.
    mutating func add(_ name: HTTPField.Name, _ value: String) {
        headers.append(HTTPField(name: name, value: value))
    }

    func head(_ date: String) -> HTTPResponse {
        var head = HTTPResponse(status: .init(code: status), headerFields: headers)
        head.headerFields.append(HTTPField(name: .date, value: date))
        head.headerFields.append(HTTPField(name: .contentLength, value: String(body.count)))
        return head
    }

    private static let pieceLength = 65_536

    /// Whether the answer is more than fits a connection's buffers.
    var isLarge: Bool { body.count > Self.pieceLength }

    /// The body, which an answer to HEAD only announces. Small clients need head and body in one write; a large body goes out as fast as the client
    /// reads it, piece by piece.
    func responseBody(isHead: Bool) -> ResponseBody {
        if body.isEmpty || isHead { return ResponseBody() }
        guard isLarge else { return ResponseBody(byteBuffer: ByteBuffer(bytes: body)) }
        return ResponseBody(contentLength: body.count) { [body] writer in
            var sent = 0
            while sent < body.count {
                let piece = body[sent..<min(sent + Self.pieceLength, body.count)]
                try await writer.write(ByteBuffer(bytes: piece))
                sent += piece.count
            }
            try await writer.finish(nil)
        }
    }
}

extension ByteBuffer {
    /// The readable bytes, in place.
    func withBytes<Value>(_ body: (UnsafeRawBufferPointer) throws(OperationError) -> Value) throws(OperationError) -> Value {
        let outcome = withUnsafeReadableBytes { bytes in
            Result { () throws(OperationError) in try body(bytes) }
        }
        return try outcome.get()
    }
}

extension HTTPRequest {
    /// The path as it was sent, up to a question mark.
    var pathWithoutQuery: Substring {
        guard let path else { return "/" }
        return path.utf8.firstIndex(of: UInt8(ascii: "?")).map { path[..<$0] } ?? path[...]
    }

    /// What follows the question mark, as it was sent.
    var query: Substring? {
        guard let path, let mark = path.utf8.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        return path[path.utf8.index(after: mark)...]
    }
}

extension String {
    /// Short enough to be repeated to the client who sent it.
    var shortened: String { utf8.count <= 128 ? self : String(prefix(64)) + "..." }
}
