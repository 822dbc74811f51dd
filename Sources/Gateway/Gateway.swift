public import Audit
import Contract
import CoreMetrics
public import Identity
import Locking
public import Logging
import NIOCore
import NIOHTTP1
public import Planes
import Synchronization

/// Turns HTTP requests into calls and their outcome into HTTP answers. `respond` is the way of a request; `answer` is that of a call, in its order.
///
/// Threads: any number of requests pass through it at once; each begins on the event loop of its connection, and stays there while it need
/// not wait.
public final class Gateway: Sendable {
    let configuration: GatewayConfiguration
    let routes: Routes<RoutedOperation>
    let keyRing: KeyRing
    let authorizer: Authorizer
    let devices: DeviceCredentials?
    let verifier = SignatureVerifier()
    let tokenVerifier = SignatureVerifier(service: "sts")
    /// What signatures by keys that nobody has are compared with.
    let nobodysSecret = AccessKey.random(account: "").secret
    let failedSignatures: FailedSignatures
    let throttle: Throttle
    let metrics: Metrics
    let accessLog: AccessLog
    /// Nil where nothing is written down.
    let audit: AuditLog?
    let readiness: Readiness
    /// Tells of signatures that failed, at the level debug; nil to nobody.
    let logger: Logger?
    /// Shared by the addresses of clients, since nobody knows yet who sends.
    let bodyBudget: Budget
    /// Shared by accounts.
    let replyBudget: Budget
    /// Shared by accounts.
    let callBudget: Budget
    let longAnswers: LongAnswers
    let clock: GatewayClock
    /// Of each event loop.
    let turns = Lock<[ObjectIdentifier: NIOLoopBound<Turns>]>([:])
    let openSockets = Atomic(0)
    let pulses = Lock<[ObjectIdentifier: NIOLoopBound<SocketPulse>]>([:])

    /// A gateway to what the planes offer, for callers who sign with one of `keys`.
    public init(
        operations: [RoutedOperation], keys: AccessKeys, throttle: Throttle, metrics: Metrics, accessLog: AccessLog, readiness: Readiness,
        configuration: GatewayConfiguration, devices: DeviceCredentials? = nil, audit: AuditLog? = nil, logger: Logger? = nil,
        clock: GatewayClock = GatewayClock()
    ) {
        routes = Routes(operations.map { ($0.route, $0) })
        keyRing = KeyRing(keys)
        authorizer = keys.authorizer
        self.devices = devices
        self.configuration = configuration
        failedSignatures = FailedSignatures(limit: configuration.failedSignatures)
        bodyBudget = Budget(configuration.largeBodies)
        replyBudget = Budget(configuration.largeReplies)
        callBudget = Budget(configuration.callsAtOnce)
        longAnswers = LongAnswers(limit: configuration.longAnswers)
        self.throttle = throttle
        self.metrics = metrics
        self.accessLog = accessLog
        self.audit = audit
        self.logger = logger
        self.readiness = readiness
        self.clock = clock
        metrics.show(held: "requests", allowed: bodyBudget.limit) { [bodyBudget] in bodyBudget.held }
        metrics.show(held: "answers", allowed: replyBudget.limit) { [replyBudget] in replyBudget.held }
    }

    /// What a request leads to.
    private enum Answer {
        case reply(Reply)
        case stream(RoutedOperation, RoutedCall.Answer)
        case socket(AdmittedSocket)
    }

    /// The way of a request. Clients can observe the order, and a test pins it.
    private func answer(_ exchange: inout Exchange, _ connection: Connection) async throws(OperationError) -> Answer {
        try refuseByHead(exchange)
        let body = try await document(of: exchange, connection)
        if let preflight = preflight(exchange) { return .reply(preflight) }
        let caller = try await authenticate(&exchange, body)
        let operation = try operation(of: exchange)
        // Who waits for something to happen keeps nobody from being served.
        let takesPlace = !operation.waits
        guard !takesPlace || callBudget.take(1, for: caller.account) else { throw tooManyCalls }
        defer { if takesPlace { callBudget.giveBack(1, for: caller.account) } }
        if operation.changes { keepParameters(of: operation, body, in: &exchange) }
        let requested = if let bearer = exchange.bearer { bearer.call } else { try body.prepare(operation, exchange.head, caller) }
        exchange.access = requested.access
        if let audited = requested.auditedInput { exchange.parameters = audited }
        do throws(OperationError) {
            try await authorizer.authorize(caller, requested.access)
        } catch {
            keepParameters(of: operation, body, in: &exchange)
            throw error
        }
        let call = try requested.checked()
        exchange.resourceName = call.resourceName
        let now = clock.monotonicSeconds()
        try throttle.admit(operation.id, caller, resourceName: call.resourceName, now: now)
        if let bearer = exchange.bearer { try throttle.admit(bearer, to: operation.name, caller, now: now) }
        if operation.changes, let obstacle = audit?.obstacle { throw obstacle }
        if operation.waits || call.isLong { connection.waits() }
        switch call.answer {
        case .bytes(let perform) where call.isLong: return .reply(try await longReply(exchange, caller, perform))
        case .bytes(let perform): return .reply(Reply(status: 200, contentType: operation.service.contentType, body: try await perform()))
        case .grant(let perform):
            let grant = try await perform()
            exchange.granted = grant.audited
            return .reply(Reply(status: 200, contentType: operation.service.contentType, body: grant.document))
        case .stream, .exchange: return .stream(operation, call.answer)
        case .socket(let open): return .socket(try await open())
        }
    }

    /// Makes a long answer when it is its turn, by the threads that Swift keeps for work. It is in the budget before the next is begun, so that
    /// no more memory than of those under way is in none.
    private func longReply(
        _ exchange: Exchange, _ caller: Caller, _ perform: @Sendable () async throws(OperationError) -> [UInt8]
    ) async throws(OperationError) -> Reply {
        try await longAnswers.take(turnOf: caller.account) { () async throws(OperationError) in
            try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(OperationError) in
                try reserve(Reply(status: 200, body: try await perform()), exchange)
            }
        }
    }

    /// Answers one request on its connection.
    func respond(_ given: Exchange, _ connection: Connection) async {
        var exchange = given
        if exchange.peer.isDevice { return connection.send(await deviceReply(&exchange), exchange) }
        if let page = await operatorPage(exchange.head) {
            exchange.isOperatorPage = true
            return connection.send(page, exchange)
        }
        if let page = watchPage(exchange) { return connection.send(page, exchange) }
        do throws(OperationError) {
            switch try await answer(&exchange, connection) {
            case .reply(let reply):
                try await writeDown(&exchange, answer: reply.body)
                connection.send(try reserve(reply, exchange).with(commonHeaders(exchange.requestID, exchange.head)), exchange)
            case .stream(let operation, let call): try await stream(call, of: operation, &exchange, connection)
            case .socket(let admitted):
                do throws(OperationError) {
                    try await writeDown(&exchange)
                } catch {
                    admitted.session.ended()
                    throw error
                }
                connection.upgrade(admitted, exchange)
            }
        } catch {
            exchange.error = error
            await writeDown(exchange, refusal: error)
            connection.send((try? reserve(reply(to: error, exchange), exchange)) ?? reply(to: tooManyLargeReplies, exchange), exchange)
        }
    }

    /// Has a call stream its answer. Throws what the client can still be told; what comes too late for that cuts the connection.
    private func stream(
        _ call: RoutedCall.Answer, of operation: RoutedOperation, _ exchange: inout Exchange, _ connection: Connection
    ) async throws(OperationError) {
        let writer = writingDown(connection.writer(), exchange, operation)
        metrics.streamsOpen.increment()
        defer { metrics.streamsOpen.decrement() }
        do {
            switch call {
            case .bytes, .grant, .socket: return
            case .stream(let perform): try await perform(writer)
            case .exchange(let perform):
                guard case .stream(let silence, let continues) = operation.payload else { return }
                try await perform(await connection.stream(silence: silence, continues: continues), writer)
            }
        } catch let error {
            exchange.error = error as? OperationError
            guard let error = exchange.error, await !connection.hasStarted() else {
                return connection.endStream(isWhole: false, exchange)
            }
            throw error
        }
        connection.endStream(isWhole: true, exchange)
    }

    /// The whole body where the route takes a document, or nothing is known of the path; nothing where it is streamed; of a request for a
    /// WebSocket an empty one.
    private func document(of exchange: Exchange, _ connection: Connection) async throws(OperationError) -> ByteBuffer? {
        switch exchange.operation?.payload {
        case .stream: return nil
        case .socket: return ByteBuffer()
        case .document, nil: break
        }
        let (outcome, body) = await connection.wholeBody(limit: configuration.bodyLimit)
        switch outcome {
        case .arrived: return body
        case .tooLarge: throw tooLarge
        case .timedOut:
            throw OperationError(
                .requestTimeout, "The request did not arrive within \(configuration.limits.arrival.nanoseconds / 1_000_000_000) seconds.")
        case .overloaded: throw OperationError(.serviceUnavailable, "Too many large requests are arriving at once. Try again.")
        case .malformed, .clientLeft: throw OperationError(.malformedHTTPRequest, "The request body cannot be read as HTTP.")
        }
    }

    /// The operation that the request asks for.
    private func operation(of exchange: Exchange) throws(OperationError) -> RoutedOperation {
        switch exchange.match {
        case .found(let operation):
            guard operation.api.map(configuration.serves.contains) ?? true else {
                throw OperationError(.serviceUnavailable, "\(operation.name) is not answered by this instance: call another.")
            }
            return operation
        // Where WebSockets are opened there is nothing else.
        case .otherMethod(let allowed, let operation) where operation.payload != .socket:
            let methods = allowed.map(\.rawValue).joined(separator: " or ")
            throw OperationError(
                .methodNotAllowed, "\(operation.name) is called by \(methods), not \(exchange.head.method.rawValue.shortened).")
        case .otherMethod, .unknown:
            let path = String(exchange.head.path).shortened
            throw OperationError(.unknownOperation, "There is no operation at \(path): paths are case-sensitive, as in /describeStream.")
        }
    }

    /// Takes a large answer out of the budget, for the account that asked for it.
    private func reserve(_ reply: Reply, _ exchange: Exchange) throws(OperationError) -> Reply {
        guard reply.isLarge, !reply.isReserved else { return reply }
        guard replyBudget.take(reply.body.count, for: exchange.caller?.account) else { throw tooManyLargeReplies }
        var reply = reply
        reply.isReserved = true
        return reply
    }

    private var tooManyCalls: OperationError {
        OperationError(.serviceUnavailable, "Too many calls of this account are being answered at once. Try again.")
    }

    private var tooManyLargeReplies: OperationError {
        OperationError(
            .serviceUnavailable,
            "Too many large answers to this account are being read at once. Read those that are there, or ask for smaller pages.")
    }

    /// What a refusal is answered with.
    func reply(to error: OperationError, _ exchange: Exchange) -> Reply {
        let service = exchange.pathOperation?.service ?? .video
        var reply = Reply(
            status: service == .tokens ? error.code.queryStatus : error.code.status, contentType: service.contentType,
            body: service == .tokens ? error.queryBody(exchange.requestID) : error.body(in: exchange.pathOperation?.id?.api))
        reply.add("x-amzn-ErrorType", error.code.rawValue)
        if let api = exchange.pathOperation?.id?.api, api == .media || api == .archivedMedia {
            // So their reference spells both; the service itself sends, and its SDKs read, the other spelling.
            reply.add("x-amz-ErrorType", error.code.rawValue)
            reply.add("x-amz-RequestId", exchange.requestID)
        }
        if error.code == .methodNotAllowed, case .otherMethod(let allowed, _) = exchange.match {
            reply.add("Allow", allowed.map(\.rawValue).joined(separator: ", "))
        }
        if error.code == .malformedHTTPRequest, case .found(let operation) = exchange.match, operation.payload == .socket {
            // Which version there is: RFC 6455, section 4.4.
            reply.add("Sec-WebSocket-Version", "13")
        }
        return reply.with(commonHeaders(exchange.requestID, exchange.head))
    }

    /// The headers of every answer to a call.
    func commonHeaders(_ requestID: String, _ head: HTTPRequestHead) -> [(name: String, value: String)] {
        [("x-amzn-RequestId", requestID)] + corsHeaders(head)
    }

    /// Counts a request and writes its line, once, when its answer is out or cannot be.
    func note(_ record: RequestRecord) {
        metrics.note(record)
        if !record.exchange.isOperatorPage { accessLog.note(record, clock.now()) }
    }
}

/// What became of a request.
struct RequestRecord {
    let exchange: Exchange
    let status: Int
    /// From the head of the request to the last byte of its answer, and to the first.
    let seconds: Double
    let secondsToFirstByte: Double
    /// Of the bodies.
    let bytesIn: Int
    let bytesOut: Int
    /// False where the client left before it had the answer.
    let isWhole: Bool
}

extension ByteBuffer? {
    /// Has the route decode its input.
    fileprivate func prepare(
        _ operation: RoutedOperation, _ head: HTTPRequestHead, _ caller: Caller
    ) throws(OperationError) -> RequestedCall {
        guard let self else {
            return try operation.prepare(CallInput(head: head, body: UnsafeRawBufferPointer(start: nil, count: 0)), caller)
        }
        let outcome = self.withUnsafeReadableBytes { bytes in
            Result { () throws(OperationError) in try operation.prepare(CallInput(head: head, body: bytes), caller) }
        }
        return try outcome.get()
    }
}
