import Contract
import CoreMetrics
import DequeModule
import Identity
import Locking
import Logging
import NIOCore
import Store

/// A channel as this instance knows it: carries out what the `ChannelMachine` says.
///
/// Messages to whoever is connected here are handed over at once. What goes through the database goes there in its order, one after the other.
///
/// Threads: any task may use it at any time.
final class SignalingChannel: Sendable {
    let key: ResourceKey
    private unowned let plane: SignalingPlane
    private let state: Lock<State>

    private struct State {
        var machine = ChannelMachine()
        var peers: [ChannelMachine.Session: SignalingPeer] = [:]
        var jobs = Deque<Job>()
        var isWorking = false
        var connects: Bucket?
    }

    /// Something to be done with the database.
    private enum Job {
        case keep(Letter, recipient: String, sender: ChannelMachine.Session, correlationID: String?)
        case collect(SignalingPeer)
        case disconnect(SignalingPeer)
    }

    /// Messages that may wait to get into the database.
    private static let maximumJobs = 500

    init(_ key: ResourceKey, _ plane: SignalingPlane) {
        self.key = key
        self.plane = plane
        state = Lock(State(connects: plane.limits.connectsPerSecond.map { Bucket(rate: $0, now: .now()) }))
    }

    /// Whether one more may connect in this second.
    func admitsConnection() -> Bool {
        state.withLock { $0.connects?.take(.now()) ?? true }
    }

    // MARK: What happens

    /// Connects a client, in the database and here. It is connected when this returns.
    func connect(_ peer: SignalingPeer) async throws(OperationError) -> Connecting.Connected {
        plane.remember(peer)
        do throws(OperationError) {
            let connected = try await connected(peer)
            perform { state in
                state.peers[peer.session] = peer
                state.machine.storesMedia = connected.storesMedia
                return state.machine.joined(
                    peer.session, peer.presence.client, sequence: connected.sequence, waiting: connected.waiting.compactMap(Letter.init))
            }
            plane.connected[peer.role]?.increment()
            return connected
        } catch {
            plane.forget(peer)
            throw error
        }
    }

    private func connected(_ peer: SignalingPeer) async throws(OperationError) -> Connecting.Connected {
        // Who only waits for an answer is no viewer.
        let viewers = peer.presence.client.hasPrefix("AWS_") ? .max : plane.limits.viewers
        let outcome: Connecting
        do throws(Store.Failure) {
            outcome = try await plane.store.connect(peer.presence, instance: plane.instance, viewers: viewers)
        } catch {
            throw OperationError(error)
        }
        switch outcome {
        case .connected(let connected): return connected
        case .channelNotFound: throw .channelNotFound
        case .full:
            throw OperationError(
                .clientLimitExceeded, "The channel \(key.name) has \(plane.limits.viewers) viewers, as many as may be connected at once.")
        }
    }

    /// A client is gone.
    func disconnect(_ peer: SignalingPeer) {
        plane.connected[peer.role]?.decrement()
        perform { state in
            state.peers[peer.session] = nil
            state.jobs.append(.disconnect(peer))
            return state.machine.left(peer.session)
        }
    }

    /// A client sends a message.
    func send(_ peer: SignalingPeer, _ message: ClientMessage, _ kind: MessageKind, payload: String?) {
        perform(correlationID: message.correlationID) { $0.machine.sent(peer.session, message, kind, payload: payload) }
    }

    /// Another instance left a message for a client here.
    func arrived(_ letter: Letter, for client: String) {
        perform { $0.machine.arrived(letter, for: client) }
    }

    /// The client has a newer connection over another instance.
    func displaced(_ peer: SignalingPeer) {
        perform { $0.machine.displaced(peer.session) }
    }

    /// The newest connections of clients.
    var current: [SignalingPeer] { state.withLock { state in state.machine.current.compactMap { state.peers[$0] } } }

    // MARK: What is done

    /// Lets something happen and does what follows from it. All of it is under the lock, so that each recipient gets messages in the order in which
    /// they were accepted; none of it waits.
    private func perform(correlationID: String? = nil, _ happen: (inout State) -> [ChannelMachine.Action]) {
        let works = state.withLock { state in
            for action in happen(&state) { perform(action, correlationID, &state) }
            guard !state.jobs.isEmpty, !state.isWorking else { return false }
            state.isWorking = true
            return true
        }
        if works { Task { await self.work() } }
    }

    private func perform(_ action: ChannelMachine.Action, _ correlationID: String?, _ state: inout State) {
        switch action {
        case .deliver(let session, let letter):
            plane.delivered.increment()
            state.peers[session]?.recipient.deliver(letter)
        case .fail(let session, let failure):
            plane.refused.increment()
            if let correlationID { state.peers[session]?.recipient.fail(failure, correlationID) }
        case .keep(let letter, let recipient, let sender):
            guard state.jobs.count < Self.maximumJobs else {
                for action in state.machine.kept(for: recipient, isForHere: false) { perform(action, nil, &state) }
                return perform(.fail(sender, .mailboxFull), correlationID, &state)
            }
            state.jobs.append(.keep(letter, recipient: recipient, sender: sender, correlationID: correlationID))
        case .collect(let client, let session):
            guard let peer = state.peers[session] else {
                for action in state.machine.collected(client, []) { perform(action, nil, &state) }
                return
            }
            state.jobs.append(.collect(peer))
        case .close(let session):
            state.peers[session]?.recipient.close()
        }
    }

    private func work() async {
        while let job = next() { await perform(job) }
    }

    private func next() -> Job? {
        state.withLock { state in
            let job = state.jobs.popFirst()
            if job == nil { state.isWorking = false }
            return job
        }
    }

    private func perform(_ job: Job) async {
        switch job {
        case .keep(let letter, let recipient, let sender, let correlationID):
            let record = MailboxRecord(sequence: 0, sender: letter.sender, kind: letter.kind.rawValue, payload: letter.payload)
            let kept = await attempt { store throws(Store.Failure) in
                try await store.keep(record, for: recipient, of: key, instance: plane.instance)
            }
            perform(correlationID: correlationID) { state in
                switch kept {
                case .kept(let instance):
                    plane.kept.increment()
                    return state.machine.kept(for: recipient, isForHere: instance == plane.instance)
                case .full: return state.machine.kept(for: recipient, isForHere: false) + [.fail(sender, .mailboxFull)]
                case .channelNotFound: return state.machine.kept(for: recipient, isForHere: false) + [.fail(sender, .channelIsGone)]
                case nil: return state.machine.kept(for: recipient, isForHere: false) + [.fail(sender, .unavailable)]
                }
            }
        case .collect(let peer):
            let waiting = await attempt { store throws(Store.Failure) in try await store.takeMessages(for: peer.presence) }
            perform { $0.machine.collected(peer.presence.client, (waiting ?? []).compactMap(Letter.init)) }
        case .disconnect(let peer):
            _ = await attempt { store throws(Store.Failure) in try await store.disconnect(peer.presence) }
            plane.forget(peer)
            plane.release(self)
        }
    }

    /// Asks the database, a few times where it is away; nil where it stays so.
    private func attempt<Answer>(_ question: (Store) async throws(Store.Failure) -> Answer) async -> Answer? {
        for attempt in 1...5 {
            do throws(Store.Failure) {
                return try await question(plane.store)
            } catch {
                plane.logger.warning("signaling waits for the database", metadata: ["attempt": "\(attempt)", "error": "\(error)"])
                try? await Task.sleep(for: .milliseconds(50 << attempt))
            }
        }
        return nil
    }
}

extension Letter {
    /// From the mailbox; nil for what another version left there and this one does not know.
    init?(_ record: MailboxRecord) {
        guard let kind = MessageKind(rawValue: record.kind) else { return nil }
        self.init(kind: kind, sender: record.sender, payload: record.payload)
    }
}

extension MessageFailure {
    static let mailboxFull = MessageFailure(
        code: .clientLimitExceeded, description: "The recipient is not connected, and as many messages wait for it as may.")
    static let channelIsGone = MessageFailure(code: .resourceNotFound, description: "The channel is about to be deleted.")
    static let unavailable = MessageFailure(
        code: .serviceUnavailable, description: "The recipient is not connected, and the message cannot be kept now. Send it again.")
    static let rate = MessageFailure(code: .clientLimitExceeded, description: "The client sends more messages in a second than it may.")
    static let tooLarge = MessageFailure(code: .invalidArgument, description: "messagePayload is larger than it may be.")
    static let action = MessageFailure(
        code: .invalidArgument, description: "action must be SDP_OFFER, SDP_ANSWER or ICE_CANDIDATE.")
}

extension OperationError {
    static let channelNotFound = OperationError(.resourceNotFound, "The requested channel is not found or not active.")
}
