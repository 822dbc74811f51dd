import Contract
import CoreMetrics
import DequeModule
import Identity
import NIOCore
import NIOExtras
import NIOHTTP1
import NIOSSL
import Planes

/// Carries out what the `ConnectionMachine` of a connection says: reads, begins calls, writes answers, keeps time.
///
/// Threads: like every channel handler, on its channel's event loop only.
final class ConnectionHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let gateway: Gateway
    private let peer: Peer
    private let loop: any EventLoop
    private let turns: Turns
    private var machine = ConnectionMachine()
    private var context: ChannelHandlerContext?
    private var connection: Connection?
    /// Whether the socket was asked for more and has not given it yet.
    private var isReading = false
    /// What the client sent ahead of the answer that it waits for.
    private var ahead = Deque<HTTPServerRequestPart>()
    /// Whether `ahead`, or what else of this read is still to come, is to be taken up again: one request is answered in a turn.
    private var isTakingNext = false
    private var isInRead = false

    // The request at hand.
    private var head: HTTPRequestHead?
    private var requestID = ""
    private var start = 0.0
    private var bytesIn = 0
    private var bytesOut = 0
    private var firstByte: Double?
    /// What is kept of the body, and what of it came last.
    private var kept: ByteBuffer?
    private var latest: ByteBuffer?
    /// What of the gateway's budget for bodies `kept` has taken.
    private var heldBytes = 0
    private var bodyWaiter: CheckedContinuation<(ConnectionMachine.WholeBody, ByteBuffer), Never>?
    private var bodyStream: RequestBody.Producer.Source?
    private var silence = TimeAmount.seconds(30)
    private var call: Task<Void, Never>?
    private var drained: (@Sendable () -> Void)?
    private var isToldDraining = false

    // The answer on its way out.
    private(set) var hasStarted = false
    private var isChunked = false
    /// How many bytes of a streamed answer are still to come, where its length was told.
    private var due: Int?
    /// What of the gateway's budget for large answers this one has taken.
    private var replyBytes = 0
    /// The rest of a large answer, and what is noted when it is out.
    private var rest: (body: ByteBuffer, exchange: Exchange, status: Int)?
    private var writeWaiter: CheckedContinuation<Bool, Never>?

    // Time.
    private enum Waiting: Equatable { case nothing, client(ConnectionMachine.Wait), reader }
    private var waiting = Waiting.nothing
    private var deadline = NIODeadline.distantFuture
    private var timer: Scheduled<Void>?
    private var timerAt = NIODeadline.distantFuture
    /// Whether the client has to take bytes before anything goes on, and how many were left when that was last looked at.
    private var awaitsReader = false
    private var unread = 0

    init(_ gateway: Gateway, _ peer: Peer, _ loop: any EventLoop, _ turns: Turns) {
        self.gateway = gateway
        self.peer = peer
        self.loop = loop
        self.turns = turns
    }

    // MARK: What happens

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        connection = Connection(self, loop)
        if context.channel.isActive { channelActive(context: context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        // It refers to this handler.
        connection = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        read()
        keepTime()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // What was read before the connection was closed is nobody's any more.
        guard context.channel.isActive else { return }
        let part = unwrapInboundIn(data)
        isInRead = true
        guard ahead.isEmpty, !isTakingNext, machine.takesParts else {
            ahead.append(part)
            if ahead.count > Self.partsAhead { context.close(promise: nil) }
            return
        }
        take(part)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        isInRead = false
        if isTakingNext {
            perform(.takeNext)
        } else if ahead.isEmpty {
            perform(machine.readComplete())
            // With nothing sent ahead one read stays pending, so that the socket need not be told of each request's end.
            if machine.isAnswering { read() }
        }
        keepTime()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        guard context.channel.isWritable else { return }
        awaitsReader = false
        if rest != nil { writeRest() }
        if let writeWaiter {
            self.writeWaiter = nil
            writeWaiter.resume(returning: true)
        }
        if isTakingNext { takeNext() }
        keepTime()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: perform(machine.drain())
        case ChannelEvent.inputClosed: perform(machine.inputClosed(ahead: !ahead.isEmpty))
        default: context.fireUserInboundEventTriggered(event)
        }
        keepTime()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if case HTTPParserError.invalidEOFState = error {
            perform(machine.cutShort(ahead: !ahead.isEmpty))
        } else if error is HTTPParserError || error is ByteToMessageDecoderError {
            perform(machine.malformed(ahead: !ahead.isEmpty))
        } else {
            // The network's or TLS's; the end of the connection follows, or is brought about.
            context.close(promise: nil)
        }
        keepTime()
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
        ahead.removeAll()
        if let (_, exchange, status) = rest {
            rest = nil
            note(exchange, status: status, isWhole: false)
        }
        if let writeWaiter {
            self.writeWaiter = nil
            writeWaiter.resume(returning: false)
        }
        perform(machine.inactive())
        releaseBody()
        context.fireChannelInactive()
    }

    /// How many parts of requests may be sent ahead: clients that pipeline send some dozens.
    private static let partsAhead = 1024

    private func take(_ part: HTTPServerRequestPart) {
        switch part {
        case .head(var head):
            head.headers = head.headers.withoutTrailingSpace
            start = gateway.clock.monotonicSeconds()
            self.head = head
            perform(
                machine.head(keepsAlive: head.isKeepAlive && !head.headers.contains(name: "upgrade"), awaitsContinue: head.expectsContinue))
        case .body(let bytes):
            bytesIn += bytes.readableBytes
            latest = bytes
            keepOrPerform(machine.body(bytes.readableBytes))
            latest = nil
        case .end: perform(machine.end())
        }
    }

    private func keepOrPerform(_ actions: [ConnectionMachine.Action]) {
        guard actions.isEmpty, var latest else { return perform(actions) }
        if kept == nil { kept = latest } else { kept?.writeBuffer(&latest) }
        let size = kept?.readableBytes ?? 0
        guard size > Self.smallBody else { return }
        // Bodies that are larger than calls ever need are kept account of, over all connections.
        if gateway.bodyBudget.take(size - heldBytes, for: bodyHolder) { heldBytes = size } else { perform(machine.bodyOverloads()) }
    }

    private static let smallBody = 65_536

    /// Goes on by one request of those that were sent ahead.
    func takeTurn() {
        guard isTakingNext else { return }
        takeNext()
        keepTime()
    }

    /// Whose share of the budget for bodies this connection's come out of. Behind the address of a proxy are many.
    private var bodyHolder: String? { peer.isProxy ? nil : peer.address }

    private func takeNext() {
        guard let context else { return }
        // An answer that nobody reads keeps those after it from being made.
        guard context.channel.isWritable else {
            isTakingNext = true
            awaitsReader = true
            return
        }
        isTakingNext = false
        while !isTakingNext, machine.takesParts, !machine.isClosed, let part = ahead.popFirst() { take(part) }
        if ahead.isEmpty {
            perform(machine.nothingAhead())
            perform(machine.readComplete())
        }
    }

    // MARK: What is done

    private func perform(_ actions: [ConnectionMachine.Action]) {
        for action in actions { perform(action) }
    }

    private func perform(_ action: ConnectionMachine.Action) {
        switch action {
        case .read: read()
        case .startCall: startCall()
        case .sendContinue: writeAndFlush(ByteBuffer(staticString: "HTTP/1.1 100 Continue\r\n\r\n"))
        case .completeBody(let outcome): completeBody(outcome)
        case .passOn: passOn()
        case .endStream(let end): endBodyStream(end)
        case .drop: releaseBody()
        case .cancelCall: call?.cancel()
        case .tellDraining:
            isToldDraining = true
            drained?()
        case .refuse(.malformed): refuse()
        case .takeNext:
            // Others have their turn between two requests of one connection.
            if isInRead {
                isTakingNext = true
            } else if ahead.isEmpty {
                takeNext()
            } else {
                isTakingNext = true
                turns.ask(self)
            }
        case .shutDownOutput:
            flush()
            context?.close(mode: .output, promise: nil)
            read()
        case .close:
            flush()
            context?.close(promise: nil)
        }
    }

    private func read() {
        guard !isReading, let context else { return }
        isReading = true
        context.read()
    }

    private func startCall() {
        guard let head, let connection else { return }
        requestID = RequestID.next()
        let certificate = peer.isDevice ? try? context?.pipeline.syncOperations.nioSSL_peerCertificate()?.toDERBytes() : nil
        let exchange = Exchange(
            head: head, requestID: requestID, start: start, routes: gateway.routes, peer: peer, certificate: certificate)
        gateway.metrics.requestsInFlight.increment()
        let call = Task.immediate(executorPreference: turns.executor) { [gateway] in await gateway.respond(exchange, connection) }
        // A call that did not wait is over already.
        if self.head != nil, machine.isAnswering { self.call = call }
        if machine.waitsForNobody { perform(.cancelCall) }
    }

    private func completeBody(_ outcome: ConnectionMachine.WholeBody) {
        guard let bodyWaiter else { return }
        self.bodyWaiter = nil
        bodyWaiter.resume(returning: (outcome, kept ?? ByteBuffer()))
    }

    private func passOn() {
        if let kept {
            self.kept = nil
            pass(kept)
        }
        if let latest { pass(latest) }
    }

    private func pass(_ bytes: ByteBuffer) {
        guard let bodyStream, bytes.readableBytes > 0 else { return }
        waiting = .nothing
        switch bodyStream.yield(bytes) {
        case .produceMore: perform(machine.streamIs(wanted: true))
        case .stopProducing: perform(machine.streamIs(wanted: false))
        case .dropped: perform(machine.streamAbandoned())
        }
    }

    private func endBodyStream(_ end: ConnectionMachine.StreamEnd) {
        guard let bodyStream else { return }
        self.bodyStream = nil
        switch end {
        case .complete: bodyStream.finish()
        case .malformed: bodyStream.finish(RequestBody.Interruption.malformed)
        case .clientLeft: bodyStream.finish(RequestBody.Interruption.clientLeft)
        case .silent: bodyStream.finish(RequestBody.Interruption.silent)
        case .draining: bodyStream.finish(RequestBody.Interruption.draining)
        }
    }

    private func releaseBody() {
        kept = nil
        if heldBytes > 0 { gateway.bodyBudget.giveBack(heldBytes, for: bodyHolder) }
        heldBytes = 0
    }

    /// Answers what is not HTTP, on behalf of no call.
    private func refuse() {
        let error = OperationError(.malformedHTTPRequest, "The request cannot be read as HTTP.")
        let head = HTTPRequestHead(version: .http1_1, method: .RAW(value: "-"), uri: "-")
        var exchange = Exchange(
            head: head, requestID: RequestID.next(), start: gateway.clock.monotonicSeconds(), routes: gateway.routes, peer: peer)
        exchange.error = error
        gateway.metrics.requestsInFlight.increment()
        write(gateway.reply(to: error, exchange), isHead: false, closes: true)
        note(exchange, status: error.code.status, isWhole: true)
    }

    // MARK: What the call asks for

    /// The whole body, where it is there.
    func presentBody(limit: Int) -> ByteBuffer? {
        guard machine.hasWholeBody(limit: limit) else { return nil }
        return kept ?? ByteBuffer()
    }

    func awaitBody(limit: Int, _ continuation: CheckedContinuation<(ConnectionMachine.WholeBody, ByteBuffer), Never>) {
        bodyWaiter = continuation
        perform(machine.wantsWholeBody(limit: limit))
        keepTime()
    }

    func waits() { perform(machine.waits()) }

    func openStream(silence: TimeAmount, continues: Bool) -> RequestBody {
        self.silence = silence
        let bound = NIOLoopBound(self, eventLoop: loop)
        let loop = loop
        let made = RequestBody.Producer.makeSequence(
            elementType: ByteBuffer.self, failureType: (any Error).self, backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
            finishOnDeinit: true,
            delegate: RequestBodyDelegate(
                wanted: {
                    loop.execute {
                        bound.value.perform(bound.value.machine.streamIs(wanted: true))
                        bound.value.keepTime()
                    }
                },
                abandoned: { loop.execute { bound.value.perform(bound.value.machine.streamAbandoned()) } }))
        bodyStream = made.source
        perform(machine.wantsStream(continues: continues))
        // Nothing has come yet that would be held back.
        if bodyStream != nil, kept == nil { perform(machine.streamIs(wanted: true)) }
        keepTime()
        return RequestBody(made.sequence)
    }

    func whenDraining(bodyGoesOn: Bool, _ handler: @escaping @Sendable () -> Void) {
        drained = handler
        machine.bodyOutlastsDraining(bodyGoesOn)
        if isToldDraining { handler() }
    }

    func startStream(
        contentType: String, length: Int?, headers: [(name: String, value: String)], _ continuation: CheckedContinuation<Bool, Never>
    ) {
        startStream(contentType: contentType, length: length, headers: headers)
        resumeWhenWritable(continuation)
    }

    func write(_ bytes: ByteBuffer, _ continuation: CheckedContinuation<Bool, Never>) {
        if !hasStarted { startStream(contentType: "application/octet-stream") }
        if bytes.readableBytes > 0, let head, head.method != .HEAD { writeChunk(bytes) }
        resumeWhenWritable(continuation)
    }

    private func startStream(contentType: String, length: Int? = nil, headers: [(name: String, value: String)] = []) {
        guard !hasStarted, let context, let head else { return }
        hasStarted = true
        due = length
        let isModern = head.version.minor >= 1
        isChunked = isModern && length == nil
        firstByte = gateway.clock.monotonicSeconds()
        var buffer = context.channel.allocator.buffer(capacity: 512)
        ResponseHead.write(
            200, contentType: contentType, gateway.commonHeaders(requestID, head) + headers,
            length.map { .bytes($0) } ?? (isChunked ? .chunked : .untilClose), closes: !isModern || !machine.mayKeepAlive,
            keepAliveIsTold: false, date: gateway.clock.httpDate(), into: &buffer)
        context.write(wrapOutboundOut(buffer), promise: nil)
        // Whoever says how long the answer is has it at hand: the head goes out with its first bytes.
        if length ?? 0 == 0 || head.method == .HEAD { context.flush() }
        perform(machine.answerBegan())
    }

    private func writeChunk(_ bytes: ByteBuffer) {
        bytesOut += bytes.readableBytes
        due = due.map { $0 - bytes.readableBytes }
        guard isChunked, let context else { return writeAndFlush(bytes) }
        let isSmall = bytes.readableBytes <= Self.smallChunk
        var line = context.channel.allocator.buffer(capacity: isSmall ? bytes.readableBytes + 16 : 16)
        line.writeString(String(bytes.readableBytes, radix: 16))
        line.writeStaticString("\r\n")
        if isSmall {
            line.writeImmutableBuffer(bytes)
            line.writeStaticString("\r\n")
            return writeAndFlush(line)
        }
        context.write(wrapOutboundOut(line), promise: nil)
        context.write(wrapOutboundOut(bytes), promise: nil)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(staticString: "\r\n")), promise: nil)
    }

    /// A chunk of no more bytes goes out in one piece, and so in one record of TLS: there are clients that read no further than that.
    private static let smallChunk = 4096

    private func resumeWhenWritable(_ continuation: CheckedContinuation<Bool, Never>) {
        guard let context, context.channel.isActive else { return continuation.resume(returning: false) }
        guard !context.channel.isWritable else { return continuation.resume(returning: true) }
        writeWaiter = continuation
        awaitsReader = true
        keepTime()
    }

    func endStream(isWhole: Bool, _ exchange: Exchange) {
        guard context?.channel.isActive == true, isWhole, due ?? 0 == 0 || head?.method == .HEAD else {
            note(exchange, status: 200, isWhole: false)
            perform(machine.answerBroken())
            return
        }
        if !hasStarted { startStream(contentType: "application/octet-stream") }
        if isChunked { writeAndFlush(ByteBuffer(staticString: "0\r\n\r\n")) }
        finish(exchange, status: 200)
    }

    /// Makes the connection a WebSocket, and leaves it to that.
    func upgrade(_ admitted: AdmittedSocket, _ exchange: Exchange) {
        guard let context, context.channel.isActive, machine.upgrade() else {
            note(exchange, status: 101, isWhole: false)
            admitted.session.ended()
            return perform(machine.answerBroken())
        }
        writeAndFlush(exchange.head.switchingProtocols(gateway.commonHeaders(requestID, exchange.head), date: gateway.clock.httpDate()))
        note(exchange, status: 101, isWhole: true)
        timer?.cancel()
        timer = nil
        call = nil
        ahead.removeAll()
        gateway.makeSocket(of: context, admitted, exchange, isDraining: machine.isDraining)
    }

    /// Sends an answer of bytes.
    func send(_ reply: Reply, _ exchange: Exchange) {
        if reply.isReserved { replyBytes = reply.body.count }
        guard let context, context.channel.isActive else {
            note(exchange, status: reply.status, isWhole: false)
            return
        }
        let isHead = exchange.head.method == .HEAD
        write(reply, isHead: isHead, closes: !machine.keepsAlive, version: exchange.head.version)
        guard reply.isLarge, !isHead else { return finish(exchange, status: reply.status) }
        rest = (ByteBuffer(bytes: reply.body), exchange, reply.status)
        writeRest()
        keepTime()
    }

    private func write(_ reply: Reply, isHead: Bool, closes: Bool, version: HTTPVersion = .http1_1) {
        guard let context else { return }
        let hasBody = !reply.isLarge && !isHead
        var buffer = context.channel.allocator.buffer(capacity: 384 + (hasBody ? reply.body.count : 0))
        ResponseHead.write(
            reply.status, contentType: reply.contentType, reply.headers, .bytes(reply.body.count), closes: closes,
            keepAliveIsTold: version.minor == 0, date: gateway.clock.httpDate(), into: &buffer)
        if hasBody {
            buffer.writeBytes(reply.body)
            bytesOut = reply.body.count
        }
        context.write(wrapOutboundOut(buffer), promise: nil)
        turns.send(self)
    }

    /// Sends what was written.
    func flush() { context?.flush() }

    /// A large answer goes out as fast as the client reads it.
    private func writeRest() {
        guard let context else { return }
        while context.channel.isWritable, let left = rest?.body.readableBytes, let (_, exchange, status) = rest {
            guard left > 0, let piece = rest?.body.readSlice(length: min(Reply.pieceLength, left)) else {
                rest = nil
                return finish(exchange, status: status)
            }
            bytesOut += piece.readableBytes
            writeAndFlush(piece)
        }
        awaitsReader = rest != nil
    }

    private func writeAndFlush(_ buffer: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    /// The answer is out.
    private func finish(_ exchange: Exchange, status: Int) {
        note(exchange, status: status, isWhole: context?.channel.isActive == true)
        head = nil
        call = nil
        drained = nil
        hasStarted = false
        due = nil
        bodyStream = nil
        firstByte = nil
        bytesIn = 0
        bytesOut = 0
        waiting = .nothing
        perform(machine.answered())
        keepTime()
    }

    private func note(_ exchange: Exchange, status: Int, isWhole: Bool) {
        releaseBody()
        if replyBytes > 0 { gateway.replyBudget.giveBack(replyBytes, for: exchange.caller?.account) }
        replyBytes = 0
        gateway.metrics.requestsInFlight.decrement()
        let now = gateway.clock.monotonicSeconds()
        gateway.note(
            RequestRecord(
                exchange: exchange, status: status, seconds: now - exchange.start, secondsToFirstByte: (firstByte ?? now) - exchange.start,
                bytesIn: bytesIn, bytesOut: bytesOut, isWhole: isWhole))
    }

    // MARK: Time

    /// Gives what the connection waits for its time. A timer that would ring too early looks again when it does, so that most requests set none.
    private func keepTime() {
        let now: Waiting = awaitsReader ? .reader : machine.wait.map { .client($0) } ?? .nothing
        guard now != waiting else { return }
        waiting = now
        let limits = gateway.configuration.limits
        switch waiting {
        case .nothing:
            deadline = .distantFuture
            return
        case .reader:
            unread = buffered
            deadline = .now() + limits.unread
        case .client(.request): deadline = .now() + (peer.isForOperators ? limits.ending : limits.idle)
        case .client(.body): deadline = .now() + limits.arrival
        case .client(.stream): deadline = .now() + silence
        case .client(.end): deadline = .now() + limits.ending
        }
        if deadline < timerAt { setTimer() }
    }

    private func setTimer() {
        timer?.cancel()
        timerAt = deadline
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleTask(deadline: deadline) { bound.value.timerRang() }
    }

    private func timerRang() {
        timer = nil
        timerAt = .distantFuture
        guard deadline <= .now() else {
            if deadline < .distantFuture { setTimer() }
            return
        }
        switch waiting {
        case .nothing: return
        case .reader:
            // Not a byte was taken.
            if buffered >= unread { context?.close(promise: nil) }
        case .client: perform(machine.waitedTooLong())
        }
        waiting = .nothing
        keepTime()
    }

    /// Bytes that the socket has not taken yet.
    private var buffered: Int {
        (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }
}
