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

        /// The connection that a message comes from, by its name in the database.
        func sender(_ letter: Letter) -> String {
            machine.current(of: letter.sender).flatMap { peers[$0]?.presence.session } ?? ""
        }
    }

    /// Something to be done with the database.
    private enum Job {
        case keep(Letter, recipient: String, ChannelMachine.Origin)
        case collect(SignalingPeer)
        case disconnect(SignalingPeer)
    }

    /// Messages that may wait to get into the database.
    private static let maximumJobs = 500

    init(_ key: ResourceKey, _ plane: SignalingPlane) {
        self.key = key
        self.plane = plane
        state = Lock(State())
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
                    peer.session, peer.presence.client, sequence: connected.sequence, waiting: connected.waiting.compactMap(Letter.init),
                    master: plane.elsewhere(connected.master))
            }
            if let superseded = plane.elsewhere(connected.superseded) { await plane.supersede(superseded) }
            plane.connected[peer.role]?.increment()
            return connected
        } catch {
            plane.forget(peer)
            throw error
        }
    }

    private func connected(_ peer: SignalingPeer) async throws(OperationError) -> Connecting.Connected {
        // Who only waits for an answer is no viewer.
        let viewers = peer.presence.isWaiter ? .max : plane.limits.viewers
        let outcome: Connecting
        do throws(Store.Failure) {
            outcome = try await plane.store.connect(
                peer.presence, instance: plane.instance, viewers: viewers, told: plane.tells(of: peer) ? peer.origin : nil)
            if plane.tells(of: peer) { plane.eventsWait() }
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
        perform { $0.machine.sent(peer.session, message, kind, payload: payload) }
    }

    /// Another instance sends a message for a connection of this one. Returns whether it is taken.
    func arrived(_ letter: Letter, for peer: SignalingPeer, from place: Place, attempt: Int) -> Bool {
        var isTaken = false
        perform { state in
            let actions = state.machine.arrived(letter, for: peer.session, from: place, attempt: attempt)
            isTaken = actions != nil
            return actions ?? []
        }
        return isTaken
    }

    /// Another instance left something in the mailbox of a client of this one.
    func hasMail(_ peer: SignalingPeer) {
        perform { $0.machine.hasMail(peer.session) }
    }

    /// The client has a newer connection over another instance.
    func displaced(_ peer: SignalingPeer) {
        perform { $0.machine.displaced(peer.session) }
    }

    /// Whether the channel stores its media may have changed since the last client connected.
    func set(storesMedia: Bool) {
        state.withLock { $0.machine.storesMedia = storesMedia }
    }

    /// Clients that have older connections here and the newest, as far as is known, over another instance.
    var displacedClients: [String] { state.withLock { $0.machine.displacedClients } }

    /// The client is connected nowhere any more.
    func leftElsewhere(_ client: String) {
        perform { $0.machine.leftElsewhere(client) }
    }

    /// The newest connections of clients.
    var current: [SignalingPeer] { state.withLock { state in state.machine.current.compactMap { state.peers[$0] } } }

    // MARK: What is done

    /// Lets something happen and does what follows from it. All of it is under the lock, so that each recipient gets messages in the order in which
    /// they were accepted; none of it waits.
    private func perform(_ happen: (inout State) -> [ChannelMachine.Action]) {
        let works = state.withLock { state in
            for action in happen(&state) { perform(action, &state) }
            guard !state.jobs.isEmpty, !state.isWorking else { return false }
            state.isWorking = true
            return true
        }
        if works { plane.hasWork(self) }
    }

    private func perform(_ action: ChannelMachine.Action, _ state: inout State) {
        switch action {
        case .deliver(let session, let letter, let waited):
            plane.delivered.increment()
            state.peers[session]?.recipient.deliver(letter, waited: waited)
        case .fail(let session, let failure, let correlationID):
            plane.refused.increment()
            if let correlationID { state.peers[session]?.recipient.fail(failure, correlationID) }
        case .forward(let letter, let recipient, let place, let attempt):
            let isOnItsWay = plane.send(letter, from: state.sender(letter), to: place, attempt: attempt) { [self] isTaken in
                perform { $0.machine.answered(recipient, attempt: attempt, isTaken: isTaken) }
            }
            guard !isOnItsWay else { return plane.forwarded.increment() }
            for action in state.machine.notForwarded(recipient, isMessage: true) { perform(action, &state) }
        case .keep(let letter, let recipient, let origin):
            guard state.jobs.count < Self.maximumJobs else {
                for action in state.machine.kept(for: recipient, .nowhere) { perform(action, &state) }
                return perform(.fail(origin.session, .mailboxFull, correlationID: origin.correlationID), &state)
            }
            state.jobs.append(.keep(letter, recipient: recipient, origin))
        case .tell(let client, let place):
            guard !plane.tellOfMail(place) else { return }
            for action in state.machine.notForwarded(client, isMessage: false) { perform(action, &state) }
        case .collect(let client, let session):
            guard let peer = state.peers[session] else {
                for action in state.machine.collected(client, []) { perform(action, &state) }
                return
            }
            state.jobs.append(.collect(peer))
        case .close(let session):
            state.peers[session]?.recipient.close()
        }
    }

    /// Does what there is to do with the database.
    func work() async {
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
        case .keep(let letter, let recipient, let origin):
            let record = MailboxRecord(sequence: 0, sender: letter.sender, kind: letter.kind.rawValue, payload: letter.payload)
            let kept = await attempt { store throws(Store.Failure) in
                try await store.keep(record, for: recipient, of: key, instance: plane.instance)
            }
            let (found, failure): (ChannelMachine.Found, MessageFailure?) =
                switch kept {
                case .kept(nil): (.nowhere, nil)
                case .kept(let place?): (plane.elsewhere(place).map(ChannelMachine.Found.elsewhere) ?? .here, nil)
                case .full: (.nowhere, .mailboxFull)
                case .channelNotFound: (.nowhere, .channelIsGone)
                case nil: (.nowhere, .unavailable)
                }
            if failure == nil { plane.kept.increment() }
            perform { state in
                var actions = state.machine.kept(for: recipient, found)
                if let failure { actions.append(.fail(origin.session, failure, correlationID: origin.correlationID)) }
                return actions
            }
        case .collect(let peer):
            let waiting = await attempt { store throws(Store.Failure) in try await store.takeMessages(for: peer.presence) }
            perform { $0.machine.collected(peer.presence.client, (waiting ?? []).compactMap(Letter.init)) }
        case .disconnect(let peer):
            _ = await attempt { store throws(Store.Failure) in try await store.disconnect(peer.presence, tells: plane.tells(of: peer)) }
            if plane.tells(of: peer) { plane.eventsWait() }
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
