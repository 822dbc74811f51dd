import Contract
import Locking
import NIOCore
import Planes

/// The WebSocket of a master or viewer.
///
/// Threads: the gateway calls it on the event loop of the socket; messages come to it from any task.
final class SignalingSocket: SocketSession, Recipient {
    private let limits: SignalingLimits
    /// Whether the client offered a sub-protocol, as those do that GO_AWAY and the like bring to a halt.
    private let offersProtocol: Bool
    private let state: Lock<State>

    private struct State {
        /// Set once the client is connected.
        var peer: SignalingPeer?
        var socket: (any Socket)?
        /// What is to be sent once the socket is there.
        var early: [(text: ByteBuffer, isCounted: Bool)] = []
        var isToClose = false
        var isOver = false
        var descriptions: Bucket
        var candidates: Bucket
    }

    init(_ limits: SignalingLimits, offersProtocol: Bool) {
        self.limits = limits
        self.offersProtocol = offersProtocol
        let now = NIODeadline.now()
        state = Lock(
            State(
                descriptions: Bucket(rate: limits.descriptionsPerSecond, now: now),
                candidates: Bucket(rate: limits.candidatesPerSecond, now: now)))
    }

    /// As which the socket is connected.
    func connected(as peer: SignalingPeer) { state.withLock { $0.peer = peer } }

    // MARK: The client

    func opened(_ socket: any Socket) {
        state.withLock { state in
            state.socket = socket
            for (text, isCounted) in state.early { socket.send(text, isCounted: isCounted) }
            state.early = []
            if state.isToClose { socket.close(.goingAway) }
        }
    }

    func received(_ text: ByteBuffer) {
        guard let peer = state.withLock({ $0.peer }), let message = ClientMessage(text) else { return }
        guard let kind = message.kind else { return refuse(.action, message) }
        guard admits(kind) else { return refuse(.rate, message) }
        let payload = message.payload.standardBase64
        guard (payload?.decodedCount ?? 0) <= limits.payload else { return refuse(.tooLarge, message) }
        peer.channel.send(peer, message, kind, payload: payload?.text)
    }

    private func admits(_ kind: MessageKind) -> Bool {
        state.withLock { state in
            switch kind {
            case .offer, .answer: state.descriptions.take(.now())
            case .candidate: state.candidates.take(.now())
            }
        }
    }

    private func refuse(_ failure: MessageFailure, _ message: ClientMessage) {
        if let correlationID = message.correlationID { fail(failure, correlationID) }
    }

    func draining() -> Bool {
        guard !offersProtocol else { return false }
        send(ControlMessage.goAway)
        return true
    }

    func ended() {
        let peer = state.withLock { state in
            state.isOver = true
            state.socket = nil
            state.early = []
            defer { state.peer = nil }
            return state.peer
        }
        if let peer { peer.channel.disconnect(peer) }
    }

    // MARK: What it gets

    /// The mailbox has bounds of its own, and what was kept there is not to be lost for being much at once.
    func deliver(_ letter: Letter, waited: Bool) { send(letter.text, isCounted: !waited) }

    func fail(_ failure: MessageFailure, _ correlationID: String) { send(failure.text(correlationID)) }

    func reconnectICEServers() {
        if !offersProtocol { send(ControlMessage.reconnectICEServer) }
    }

    func close() {
        state.withLock { state in
            state.isToClose = true
            state.socket?.close(.goingAway)
        }
    }

    private func send(_ text: ByteBuffer, isCounted: Bool = true) {
        state.withLock { state in
            guard !state.isOver else { return }
            if let socket = state.socket { socket.send(text, isCounted: isCounted) } else { state.early.append((text, isCounted)) }
        }
    }
}
