import CoreMetrics
import DequeModule
import Locking
import NIOCore
import NIOExtras
import NIOWebSocket
import Planes
import Synchronization

/// One WebSocket: puts messages together, answers pings, keeps time, and says goodbye.
///
/// Threads: like every channel handler, on its channel's event loop only.
final class SocketHandler: ChannelInboundHandler {
    typealias InboundIn = WebSocketFrame
    typealias OutboundOut = ByteBuffer

    private let session: any SocketSession
    private let rules: SocketRules
    private var record: SocketRecord
    private let gateway: Gateway
    private let pulse: SocketPulse
    private let loop: any EventLoop
    private let isBornDraining: Bool
    private var context: ChannelHandlerContext?
    private var outbound: OutboundMessages?

    /// What the newest ping said, until it is answered: of those that come at once no other needs an answer (RFC 6455, section 5.5.3).
    private var ping: ByteBuffer?
    // The message at hand, where it comes in fragments.
    private var message: ByteBuffer?
    private var fragments = 0
    /// Fragments that a message may have: more are not a message but an attack.
    private static let maximumFragments = 1024

    private enum State: Equatable {
        /// Messages go both ways.
        case open
        /// We said goodbye, and the client has until `deadline` to say so too.
        case closing(deadline: NIODeadline)
        /// Both did, or the connection is gone.
        case ended
    }
    private var state = State.open
    private var hasBegun = false
    /// Whether the session has been told that it ended.
    private var isToldEnded = false

    // Time.
    private var opened = NIODeadline.now()
    private var heard = NIODeadline.now()
    private var pinged = NIODeadline.now()
    private var unansweredPings = 0
    /// When a client is told to go, and when it has to be gone; nil while nobody asked the instance to stop.
    private var drain: (tell: NIODeadline, end: NIODeadline, isTold: Bool)?
    /// How long a client may take to answer our goodbye.
    private static let patience = TimeAmount.seconds(5)

    init(
        _ admitted: AdmittedSocket, _ record: SocketRecord, gateway: Gateway, pulse: SocketPulse, loop: any EventLoop, isDraining: Bool
    ) {
        session = admitted.session
        rules = admitted.rules
        self.record = record
        self.gateway = gateway
        self.pulse = pulse
        self.loop = loop
        isBornDraining = isDraining
    }

    // MARK: What happens

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        end()
        self.context = nil
    }

    /// Begins, once the pipeline is that of a socket.
    func begin() {
        let outbound = OutboundMessages(NIOLoopBound(self, eventLoop: loop), loop, rules)
        self.outbound = outbound
        hasBegun = true
        gateway.openSockets.add(1, ordering: .relaxed)
        gateway.metrics.socketsOpen.increment()
        pulse.add(self)
        session.opened(outbound)
        if isBornDraining { beginDraining() }
        context?.read()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        take(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        answerPing()
        if state != .ended { context.read() }
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { flush() }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is ChannelShouldQuiesceEvent: beginDraining()
        case ChannelEvent.inputClosed: disconnect()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch error as? NIOWebSocketError {
        case .invalidFrameLength: close(.tooLarge)
        case .fragmentedControlFrame, .multiByteControlFrameLength: close(.malformed)
        // The network's or TLS's.
        case nil: disconnect()
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    // MARK: What the client sends

    private func take(_ frame: WebSocketFrame) {
        guard state != .ended else { return }
        if frame.opcode != .pong || unansweredPings == 0 { heard = .now() }
        unansweredPings = 0
        guard frame.maskKey != nil, !frame.rsv1, !frame.rsv2, !frame.rsv3 else { return close(.malformed) }
        switch frame.opcode {
        case .text:
            guard message == nil else { return close(.malformed) }
            takeFragment(frame)
        case .continuation:
            guard message != nil else { return close(.malformed) }
            takeFragment(frame)
        case .binary: close(.binary)
        case .ping: ping = frame.unmaskedData
        case .pong: return
        case .connectionClose: takeGoodbye(frame.unmaskedData)
        default: close(.malformed)
        }
    }

    /// Called when what has come so far is taken.
    func answerPing() {
        guard let data = ping else { return }
        ping = nil
        // Whoever sends pings and does not read what comes back gets no more of it.
        if state != .ended, context?.channel.isWritable == true { write(.pong, data) }
    }

    private func takeFragment(_ frame: WebSocketFrame) {
        guard state == .open else { return }
        var data = frame.unmaskedData
        fragments += 1
        if message == nil { message = data } else { message?.writeBuffer(&data) }
        guard let size = message?.readableBytes, size <= rules.messageLimit, fragments <= Self.maximumFragments else {
            return close(.tooLarge)
        }
        guard frame.fin, let whole = message else { return }
        message = nil
        fragments = 0
        // Characters may begin in one fragment and end in the next, so that the whole is what counts. RFC 6455, section 8.1.
        guard whole.isUTF8 else { return close(.notUTF8) }
        record.received.count(whole)
        gateway.metrics.socketMessagesReceived.increment()
        session.received(whole)
    }

    private func takeGoodbye(_ data: ByteBuffer) {
        if let fault = Self.fault(ofGoodbye: data) {
            close(fault)
            return disconnect()
        }
        if record.closure == nil {
            let code = data.getInteger(at: data.readerIndex, as: UInt16.self) ?? 1005
            record.closure = SocketClosure(code: code, reason: "")
        }
        if state == .open {
            tellEnded()
            write(.connectionClose, data)
        }
        disconnect()
    }

    /// Returns nil where a client may say goodbye so: with nothing, or with a code that may be sent and perhaps a reason. RFC 6455, sections 5.5.1
    /// and 7.4.
    private static func fault(ofGoodbye data: ByteBuffer) -> SocketClosure? {
        guard data.readableBytes > 0 else { return nil }
        var reason = data
        let sendable: [ClosedRange<UInt16>] = [1000...1003, 1007...1014, 3000...4999]
        guard let code = reason.readInteger(as: UInt16.self), sendable.contains(where: { $0.contains(code) }) else { return .malformed }
        return reason.isUTF8 ? nil : .notUTF8
    }

    // MARK: What is done

    /// Writes what waits, as far as the connection takes it.
    func flush() {
        guard let context, let outbound, state == .open else { return }
        var wrote = false
        while context.channel.isWritable, let text = outbound.next() {
            context.write(wrapOutboundOut(Self.frame(.text, text)), promise: nil)
            record.sent.count(text)
            gateway.metrics.socketMessagesSent.increment()
            wrote = true
        }
        if wrote { context.flush() }
    }

    /// Says goodbye. Nothing that the client sends from here on matters, but its own goodbye.
    func close(_ closure: SocketClosure) {
        guard state == .open else { return }
        if closure != .slow { flush() }
        record.closure = closure
        var data = ByteBuffer()
        data.writeInteger(closure.code)
        data.writeString(closure.reason)
        state = .closing(deadline: .now() + Self.patience)
        message = nil
        tellEnded()
        write(.connectionClose, data)
    }

    private func disconnect() {
        context?.close(promise: nil)
        end()
    }

    private func end() {
        guard state != .ended else { return }
        state = .ended
        tellEnded()
    }

    private func tellEnded() {
        guard hasBegun, !isToldEnded else { return }
        isToldEnded = true
        pulse.remove(self)
        // It still has to be seen off.
        if case .closing = state { pulse.add(self) }
        outbound?.end()
        outbound = nil
        session.ended()
        gateway.openSockets.subtract(1, ordering: .relaxed)
        gateway.metrics.socketsOpen.decrement()
        record.seconds = gateway.clock.monotonicSeconds() - record.start
        gateway.accessLog.note(record, gateway.clock.now())
    }

    private func write(_ opcode: WebSocketOpcode, _ data: ByteBuffer) {
        context?.writeAndFlush(wrapOutboundOut(Self.frame(opcode, data)), promise: nil)
    }

    /// A frame that is a whole message, header and data in one piece. Frames of servers are not masked.
    private static func frame(_ opcode: WebSocketOpcode, _ data: ByteBuffer) -> ByteBuffer {
        var data = data
        let count = data.readableBytes
        var frame = ByteBufferAllocator().buffer(capacity: count + 10)
        frame.writeInteger(0x80 | UInt8(webSocketOpcode: opcode))
        switch count {
        case ...125: frame.writeInteger(UInt8(count))
        case ...0xFFFF:
            frame.writeInteger(126 as UInt8)
            frame.writeInteger(UInt16(count))
        default:
            frame.writeInteger(127 as UInt8)
            frame.writeInteger(UInt64(count))
        }
        frame.writeBuffer(&data)
        return frame
    }

    // MARK: Time

    private func beginDraining() {
        guard drain == nil, state == .open else { return }
        let now = NIODeadline.now()
        let quarter = rules.grace.nanoseconds / 4
        drain = (
            now + .nanoseconds(.random(in: 0...quarter * 3)), now + .nanoseconds(quarter * 3 + .random(in: 0...quarter)), false
        )
        keepTime(now)
    }

    /// Called twice a second.
    func keepTime(_ now: NIODeadline) {
        switch state {
        case .ended: pulse.remove(self)
        case .closing(let deadline):
            if now >= deadline { disconnect() }
        case .open:
            if let drain, now >= (drain.isTold ? drain.end : drain.tell) {
                if drain.isTold || !session.draining() { return close(.goingAway) }
                self.drain?.isTold = true
            }
            if let longest = rules.longest, now >= opened + longest { return close(.longest) }
            if let silence = rules.silence, now >= heard + silence { return close(.silent) }
            guard now >= pinged + rules.ping else { return }
            // Two pings are unanswered, and the client has had as long for the second as for the first.
            guard unansweredPings < 2 else { return disconnect() }
            unansweredPings += 1
            pinged = now
            if context?.channel.isWritable == true { write(.ping, ByteBuffer()) }
        }
    }
}

extension ByteBuffer {
    fileprivate var isUTF8: Bool {
        withUnsafeReadableBytes { bytes in
            do {
                _ = try UTF8Span(validating: bytes.assumingMemoryBound(to: UInt8.self).span)
                return true
            } catch {
                return false
            }
        }
    }
}

/// Messages on their way out of a socket. The socket's rules say how many of them may wait.
///
/// Threads: any task may send at any time; they leave in the order in which they came here.
final class OutboundMessages: Socket {
    private struct State {
        var waiting = Deque<(text: ByteBuffer, isCounted: Bool)>()
        /// Of those that are counted.
        var messages = 0
        var bytes = 0
        var isAsked = false
        var isOver = false
    }

    private let state = Lock(State())
    private let handler: NIOLoopBound<SocketHandler>
    private let loop: any EventLoop
    private let rules: SocketRules

    init(_ handler: NIOLoopBound<SocketHandler>, _ loop: any EventLoop, _ rules: SocketRules) {
        self.handler = handler
        self.loop = loop
        self.rules = rules
    }

    func send(_ text: ByteBuffer, isCounted: Bool) {
        enum Next { case nothing, flush, close }
        let next = state.withLock { state -> Next in
            guard !state.isOver else { return .nothing }
            if isCounted {
                state.messages += 1
                state.bytes += text.readableBytes
            }
            guard state.messages <= rules.unreadMessages, state.bytes <= rules.unreadBytes else {
                state.isOver = true
                state.waiting.removeAll()
                return .close
            }
            state.waiting.append((text, isCounted))
            defer { state.isAsked = true }
            return state.isAsked ? .nothing : .flush
        }
        switch next {
        case .nothing: return
        case .flush: onLoop { $0.flush() }
        case .close: onLoop { $0.close(.slow) }
        }
    }

    func close(_ closure: SocketClosure) {
        onLoop { $0.close(closure) }
    }

    /// The next message, for the event loop; nil where there is none now.
    fileprivate func next() -> ByteBuffer? {
        state.withLock { state in
            guard let (text, isCounted) = state.waiting.popFirst() else {
                state.isAsked = false
                return nil
            }
            if isCounted {
                state.messages -= 1
                state.bytes -= text.readableBytes
            }
            return text
        }
    }

    /// Nothing more is sent.
    fileprivate func end() {
        state.withLock { state in
            state.isOver = true
            state.waiting.removeAll()
        }
    }

    /// Never at once, even where this is the event loop: whoever sends may hold a lock that what follows from it needs.
    private func onLoop(_ work: @escaping @Sendable (SocketHandler) -> Void) {
        let handler = handler
        loop.execute { work(handler.value) }
    }
}
