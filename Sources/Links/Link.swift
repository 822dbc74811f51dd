import CoreMetrics
import DequeModule
import Locking
import Logging
import NIOCore

/// The way to one other instance: a connection that is made again when it breaks, and the messages that have no answer yet.
///
/// Threads: any task may use it at any time.
final class Link: Sendable {
    let instance: String
    private let links: Links
    private let loop: any EventLoop
    private let state = Lock(State())

    private enum Phase {
        /// Being made, since it was first wanted or broke.
        case dialing
        case up(LinkConnection)
        /// Not to be had for a while; attempts go on.
        case down
        /// The instance is gone, or this one is about to stop.
        case over
    }

    private struct Message {
        let number: UInt64
        let kind: LinkKind
        let bytes: ByteBuffer
        let answered: @Sendable (LinkAnswer) -> Void
    }

    private struct State {
        var phase = Phase.dialing
        var lastNumber: UInt64 = 0
        var unanswered = Deque<Message>()
        var unansweredBytes = 0
        /// Who waits for the connection, to open a stream.
        var waiting: [CheckedContinuation<LinkConnection?, Never>] = []
    }

    /// For how long a link may be away before what is to go over it has to go another way.
    static let patience = Duration.seconds(5)
    /// Messages without an answer, and their bytes, that a link takes.
    private static let mostMessages = 8192
    private static let mostBytes = 8 << 20

    init(_ instance: String, _ links: Links, _ loop: any EventLoop) {
        self.instance = instance
        self.links = links
        self.loop = loop
    }

    /// Returns whether the message is on its way; then `answered` is told what became of it.
    func send(_ bytes: ByteBuffer, _ kind: LinkKind, _ answered: @escaping @Sendable (LinkAnswer) -> Void) -> Bool {
        state.withLock { state in
            switch state.phase {
            case .down, .over: return false
            case .dialing, .up: break
            }
            guard state.unanswered.count < Self.mostMessages, state.unansweredBytes + bytes.readableBytes <= Self.mostBytes else {
                return false
            }
            state.lastNumber += 1
            let message = Message(number: state.lastNumber, kind: kind, bytes: bytes, answered: answered)
            state.unanswered.append(message)
            state.unansweredBytes += bytes.readableBytes
            if case .up(let connection) = state.phase { connection.send(.message(message.number, kind.rawValue, bytes)) }
            return true
        }
    }

    func open(_ kind: LinkKind, _ request: ByteBuffer) async throws(LinkFailure) -> LinkStream {
        let connection = await withCheckedContinuation { continuation in
            let known = state.withLock { state -> LinkConnection?? in
                switch state.phase {
                case .up(let connection): return connection
                case .down, .over: return .some(nil)
                case .dialing:
                    state.waiting.append(continuation)
                    return nil
                }
            }
            if let known { continuation.resume(returning: known) }
        }
        guard let stream = connection?.open(kind, request) else { throw .unreachable }
        return stream
    }

    // MARK: The connection

    /// Makes the connection, again and again. Called once when the link is made, and once each time that its connection broke.
    func dial() {
        links.start { [self] in
            let start = ContinuousClock.now
            var pause = 50
            while !isOver {
                switch await links.connect(to: self, on: loop) {
                case .connected: return
                case .gone: return end()
                case .refused: fail()
                case .failed: if ContinuousClock.now - start > Self.patience { fail() }
                }
                try? await Task.sleep(for: .milliseconds(Int.random(in: pause / 2...pause)))
                pause = min(pause * 2, 1000)
            }
        }
    }

    private var isOver: Bool {
        state.withLock { state in
            if case .over = state.phase { true } else { false }
        }
    }

    /// The other end has said who it is. What has no answer is sent, again or for the first time.
    func came(up connection: LinkConnection) {
        let waiting = state.withLock { state -> [CheckedContinuation<LinkConnection?, Never>] in
            if case .over = state.phase {
                connection.close()
                return []
            }
            for message in state.unanswered { connection.send(.message(message.number, message.kind.rawValue, message.bytes)) }
            state.phase = .up(connection)
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: connection) }
        links.logger.debug("link is up", metadata: ["instance": "\(instance)"])
    }

    func broke() {
        let dials = state.withLock { state in
            guard case .up = state.phase else { return false }
            state.phase = .dialing
            return true
        }
        if dials { dial() }
    }

    /// An answer has come; they come in order. Returns whether it belongs to the oldest message.
    func answered(_ number: UInt64, _ answer: LinkAnswer) -> Bool {
        let (isSound, message) = state.withLock { state -> (Bool, Message?) in
            guard let first = state.unanswered.first, first.number <= number else {
                // Of a message that was given up on.
                return (number <= state.lastNumber, nil)
            }
            guard first.number == number else { return (false, nil) }
            state.unanswered.removeFirst()
            state.unansweredBytes -= first.bytes.readableBytes
            return (true, first)
        }
        message?.answered(answer)
        return isSound
    }

    /// What is on its way has to go another way, until there is a connection again.
    private func fail() { giveUp(.down) }

    /// There is nobody to reach any more.
    func end() {
        links.forget(self)
        giveUp(.over)
    }

    private func giveUp(_ phase: Phase) {
        let (connection, messages, waiting) = state.withLock { state in
            var connection: LinkConnection?
            if case .up(let up) = state.phase { connection = up }
            state.phase = phase
            defer { (state.unanswered, state.unansweredBytes, state.waiting) = ([], 0, []) }
            return (connection, state.unanswered, state.waiting)
        }
        connection?.close()
        for message in messages { message.answered(.unreachable) }
        for continuation in waiting { continuation.resume(returning: nil) }
    }
}
