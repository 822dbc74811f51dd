import Contract
import DequeModule
import Store

/// Who is connected to a channel over this instance, and where a message goes. A value without I/O: each method takes what happened and returns what is
/// to be done, in order.
///
/// Each recipient gets the messages of a sender in the order in which they were accepted. While something for it is on its way through the database, what
/// follows takes the same way, and so stays behind it; while something is on its way over a link, what cannot go over the link waits for its answer.
struct ChannelMachine {
    /// Names a connection of this instance; a later one has a greater number.
    typealias Session = UInt64

    enum Action: Equatable {
        /// Give a connection a message; `waited`: from the mailbox.
        case deliver(Session, Letter, waited: Bool = false)
        /// Tell the sender of a message what became of it.
        case fail(Session, MessageFailure, correlationID: String?)
        /// Send a message to a client that is connected elsewhere, and call `answered` with the attempt, or `notForwarded` where there is no link.
        case forward(Letter, recipient: String, Place, attempt: Int)
        /// Leave a message in the mailbox of a client, and call `kept`.
        case keep(Letter, recipient: String, Origin)
        /// Take what is in the mailbox of a client that is connected here, and call `collected`.
        case collect(client: String, Session)
        /// Tell the instance of a client that something is in its mailbox, and call `notForwarded` where there is no link.
        case tell(client: String, Place)
        /// Disconnect.
        case close(Session)
    }

    /// Who is told of a failure.
    struct Origin: Equatable {
        var session: Session
        var correlationID: String?
    }

    private struct Pending {
        let letter: Letter
        let origin: Origin
    }

    private struct Client {
        /// The newest connection, and when it was made, as the channel counts.
        var current: (session: Session, sequence: Int64)?
        /// Older ones that are open still. They get nothing.
        var superseded: [Session] = []
        /// Messages for the client that are on their way through the database, and looks into its mailbox that are.
        var underway = 0
        /// Whether something was found to wait for it before it was here.
        var hasMail = false
        /// Where it is connected, as far as is known, if not here.
        var place: Place?
        /// On their way over the link to its instance, the oldest first.
        var forwarded: Deque<Pending> = []
        /// Accepted after those, and not to overtake them.
        var held: [Pending] = []
        /// Counts how often what was forwarded had to take another way: an answer to an earlier attempt means nothing any more.
        var attempt = 0

        var isForgettable: Bool { isIdle && place == nil }
        /// Whether nothing is known of it but perhaps its place.
        var isIdle: Bool { current == nil && superseded.isEmpty && underway == 0 && !hasMail && forwarded.isEmpty && held.isEmpty }
    }

    private var clients: [String: Client] = [:]
    private var names: [Session: String] = [:]
    /// Connections that the database knows and that are about to be here, in whose mailbox something was found.
    private var early: Set<Session> = []
    /// Of instances the attempt to send to a connection of which one message was not taken.
    private var refused: [Session: [String: Int]] = [:]
    /// Whether media is stored: then peers do not meet here.
    var storesMedia = false

    /// How many superseded connections of a client stay open.
    static let maximumSuperseded = 2
    /// Clients elsewhere whose places are remembered.
    private static let maximumPlaces = 1000
    /// Messages for a client that wait for the answers of others.
    private static let maximumHeld = 500

    /// Whether nothing is known of anybody.
    var isEmpty: Bool { clients.isEmpty }
    /// Clients of which anything is known.
    var known: Int { clients.count }

    // MARK: Connections

    /// A client that connects is `""` for the master. `waiting` is what was in its mailbox; `master` is where the master is.
    mutating func joined(_ session: Session, _ client: String, sequence: Int64, waiting: [Letter], master: Place? = nil) -> [Action] {
        names[session] = client
        let hadMail = early.remove(session) != nil
        var actions: [Action] = []
        change(client) { state in
            if let current = state.current, current.sequence > sequence {
                // A newer one was quicker to get here.
                actions += Self.supersede(session, of: &state)
                return
            }
            if let current = state.current { actions += Self.supersede(current.session, of: &state) }
            state.current = (session, sequence)
            state.place = nil
            actions += waiting.map { .deliver(session, $0, waited: true) }
            if state.hasMail || hadMail {
                state.hasMail = false
                state.underway += 1
                actions.append(.collect(client: client, session))
            }
        }
        if let master { located("", master) }
        return actions
    }

    private static func supersede(_ session: Session, of state: inout Client) -> [Action] {
        state.superseded.append(session)
        guard state.superseded.count > maximumSuperseded else { return [] }
        return [.close(state.superseded.removeFirst())]
    }

    /// They would wait for ever.
    private static func endSuperseded(of state: inout Client) -> [Action] {
        defer { state.superseded = [] }
        return state.superseded.map { .close($0) }
    }

    /// A connection has ended. Where it was the newest of its client, those that it had superseded are ended too.
    mutating func left(_ session: Session) -> [Action] {
        refused[session] = nil
        guard let client = names.removeValue(forKey: session) else { return [] }
        var actions: [Action] = []
        change(client) { state in
            if state.current?.session == session {
                state.current = nil
                actions = Self.endSuperseded(of: &state)
            } else {
                state.superseded.removeAll { $0 == session }
            }
        }
        return actions
    }

    /// The client has a newer connection elsewhere.
    mutating func displaced(_ session: Session) -> [Action] {
        guard let client = names[session] else { return [] }
        var actions: [Action] = []
        change(client) { state in
            guard state.current?.session == session else { return }
            state.current = nil
            actions = Self.supersede(session, of: &state)
        }
        return actions
    }

    /// Clients that were superseded from elsewhere: older connections of theirs are open here, and no newest one.
    var displacedClients: [String] { clients.filter { $0.value.current == nil && !$0.value.superseded.isEmpty }.map(\.key) }

    /// The client is connected nowhere any more, so that what was superseded is ended, as where the newest was here.
    mutating func leftElsewhere(_ client: String) -> [Action] {
        var actions: [Action] = []
        change(client) { state in
            guard state.current == nil else { return }
            actions = Self.endSuperseded(of: &state)
        }
        return actions
    }

    /// A client is connected elsewhere.
    private mutating func located(_ client: String, _ place: Place) {
        change(client) { state in
            if state.current == nil { state.place = place }
        }
        guard clients.count > Self.maximumPlaces else { return }
        clients = clients.filter { !$0.value.isIdle }
    }

    // MARK: Messages

    /// A client sends a message. `payload` is nil where it is no base64.
    mutating func sent(_ session: Session, _ message: ClientMessage, _ kind: MessageKind, payload: String?) -> [Action] {
        guard let client = names[session] else { return [] }
        func fail(_ description: String) -> [Action] {
            [.fail(session, MessageFailure(code: .invalidArgument, description: description), correlationID: message.correlationID)]
        }
        guard clients[client]?.current?.session == session else {
            return fail("This connection was replaced by a newer one of the same client: it sends and gets nothing any more.")
        }
        guard let payload else { return fail("messagePayload must be base64 of at least one byte.") }
        let recipient: String
        if client.isEmpty {
            guard message.recipient.isClientID else {
                return fail("recipientClientId is required of a master: the ClientId of the viewer that the message is for.")
            }
            guard kind != .offer else { return fail("A master answers offers and makes none: SDP_OFFER is for viewers.") }
            recipient = message.recipient
        } else {
            guard !storesMedia else {
                return fail(
                    "The channel stores its media, so that viewers do not meet its master: disable it with UpdateMediaStorageConfiguration."
                )
            }
            guard kind != .answer else { return fail("A viewer makes offers and answers none: SDP_ANSWER is for masters.") }
            recipient = ""
        }
        let origin = Origin(session: session, correlationID: message.correlationID)
        return route(Letter(kind: kind, sender: client, payload: payload), to: recipient, origin)
    }

    private mutating func route(_ letter: Letter, to recipient: String, _ origin: Origin) -> [Action] {
        var action: Action?
        change(recipient) { state in
            if !state.held.isEmpty || !state.forwarded.isEmpty && (state.place == nil || state.underway > 0) {
                guard state.held.count < Self.maximumHeld else {
                    action = .fail(origin.session, .mailboxFull, correlationID: origin.correlationID)
                    return
                }
                state.held.append(Pending(letter: letter, origin: origin))
            } else if let current = state.current, state.underway == 0 {
                action = .deliver(current.session, letter)
            } else if let place = state.place, state.underway == 0 {
                state.forwarded.append(Pending(letter: letter, origin: origin))
                action = .forward(letter, recipient: recipient, place, attempt: state.attempt)
            } else {
                state.underway += 1
                action = .keep(letter, recipient: recipient, origin)
            }
        }
        return action.map { [$0] } ?? []
    }

    /// A message from another instance for a connection of this one, where its sender is, and the attempt that it belongs to. Returns nil where it is not
    /// taken: the connection is not its client's newest, or something for the client is on another way. What is taken is delivered, so that what goes
    /// through the mailbox stays in the hands of its sender's instance, which keeps the order; and once one is not taken, none of its attempt is.
    mutating func arrived(_ letter: Letter, for session: Session, from place: Place, attempt: Int) -> [Action]? {
        guard refused[session]?[place.instance] != attempt else { return nil }
        guard let client = names[session], let state = clients[client], state.current?.session == session, state.underway == 0,
            state.forwarded.isEmpty, state.held.isEmpty
        else {
            if refused.count >= Self.maximumPlaces { refused = refused.filter { names[$0.key] != nil } }
            refused[session, default: [:]][place.instance] = attempt
            return nil
        }
        located(letter.sender, place)
        return [.deliver(session, letter)]
    }

    /// What became of the oldest message that was forwarded to a client.
    mutating func answered(_ recipient: String, attempt: Int, isTaken: Bool) -> [Action] {
        var actions: [Action] = []
        change(recipient) { state in
            guard state.attempt == attempt, let first = state.forwarded.popFirst() else { return }
            var retaken: [Pending] = []
            if !isTaken {
                // The client is not at that place, and so none of those behind will be taken either.
                state.attempt += 1
                state.place = nil
                retaken = [first] + state.forwarded
                state.forwarded = []
            }
            guard state.forwarded.isEmpty else { return }
            actions = Self.keep(retaken + state.held, recipient, &state)
            state.held = []
        }
        return actions
    }

    /// There is no link to the instance of a client now. `isMessage`: for the message that was to be forwarded last; else for a word that something waits.
    mutating func notForwarded(_ recipient: String, isMessage: Bool) -> [Action] {
        var actions: [Action] = []
        change(recipient) { state in
            state.place = nil
            guard isMessage, let last = state.forwarded.popLast() else { return }
            if state.forwarded.isEmpty { actions = Self.keep([last], recipient, &state) } else { state.held.append(last) }
        }
        return actions
    }

    private static func keep(_ messages: [Pending], _ recipient: String, _ state: inout Client) -> [Action] {
        state.underway += messages.count
        return messages.map { .keep($0.letter, recipient: recipient, $0.origin) }
    }

    /// Where a message found its recipient when it was in the mailbox.
    enum Found: Equatable {
        case nowhere
        case here
        case elsewhere(Place)
    }

    /// A message is in the mailbox, or is not.
    mutating func kept(for recipient: String, _ found: Found) -> [Action] {
        var action: Action?
        change(recipient) { state in
            state.underway -= 1
            switch found {
            case .nowhere: return
            case .here: action = Self.collect(recipient, &state)
            case .elsewhere(let place):
                if state.current == nil { state.place = place }
                action = .tell(client: recipient, place)
            }
        }
        return action.map { [$0] } ?? []
    }

    /// Something is in the mailbox of a client whose connection this is.
    mutating func hasMail(_ session: Session) -> [Action] {
        guard let client = names[session] else {
            // Whoever is gone is here too, and never asked for again.
            if early.count >= Self.maximumPlaces { early.removeAll() }
            early.insert(session)
            return []
        }
        guard clients[client]?.current?.session == session else { return [] }
        var action: Action?
        change(client) { state in action = Self.collect(client, &state) }
        return action.map { [$0] } ?? []
    }

    private static func collect(_ client: String, _ state: inout Client) -> Action? {
        guard let current = state.current else {
            // It is about to get here.
            state.hasMail = true
            return nil
        }
        state.underway += 1
        return .collect(client: client, current.session)
    }

    /// This was in the mailbox of a client.
    mutating func collected(_ client: String, _ letters: [Letter]) -> [Action] {
        var actions: [Action] = []
        change(client) { state in
            state.underway -= 1
            if let current = state.current { actions = letters.map { .deliver(current.session, $0, waited: true) } }
        }
        return actions
    }

    /// The newest connection of a client.
    func current(of client: String) -> Session? { clients[client]?.current?.session }

    /// The newest connections.
    var current: [Session] { clients.values.compactMap { $0.current?.session } }

    private mutating func change(_ client: String, _ body: (inout Client) -> Void) {
        var state = clients[client] ?? Client()
        body(&state)
        clients[client] = state.isForgettable ? nil : state
    }
}
