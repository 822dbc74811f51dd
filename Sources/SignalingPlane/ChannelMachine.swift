import Contract

/// Who is connected to a channel over this instance, and where a message goes. A value without I/O: each method takes what happened and returns what is
/// to be done, in order.
///
/// Each recipient gets messages in the order in which they were accepted. While something for it is on its way through the database, what follows
/// takes the same way, and so stays behind it.
struct ChannelMachine {
    /// Names a connection of this instance; a later one has a greater number.
    typealias Session = UInt64

    enum Action: Equatable {
        /// Give a connection a message.
        case deliver(Session, Letter)
        /// Tell the sender of a message what became of it.
        case fail(Session, MessageFailure)
        /// Leave a message in the mailbox of a client, and call `kept`. The session is its sender's, to be told where that fails.
        case keep(Letter, recipient: String, Session)
        /// Take what is in the mailbox of a client that is connected here, and call `collected`.
        case collect(client: String, Session)
        /// Disconnect.
        case close(Session)
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

        var isForgettable: Bool { current == nil && superseded.isEmpty && underway == 0 && !hasMail }
    }

    private var clients: [String: Client] = [:]
    private var names: [Session: String] = [:]
    /// Whether media is stored: then peers do not meet here.
    var storesMedia = false

    /// How many superseded connections of a client stay open.
    static let maximumSuperseded = 2

    /// Whether nothing is known of anybody.
    var isEmpty: Bool { clients.isEmpty }

    /// A client that connects is `""` for the master. `waiting` is what was in its mailbox.
    mutating func joined(_ session: Session, _ client: String, sequence: Int64, waiting: [Letter]) -> [Action] {
        names[session] = client
        var actions: [Action] = []
        change(client) { state in
            if let current = state.current, current.sequence > sequence {
                // A newer one was quicker to get here.
                actions += Self.supersede(session, of: &state)
                return
            }
            if let current = state.current { actions += Self.supersede(current.session, of: &state) }
            state.current = (session, sequence)
            actions += waiting.map { .deliver(session, $0) }
            if state.hasMail {
                state.hasMail = false
                state.underway += 1
                actions.append(.collect(client: client, session))
            }
        }
        return actions
    }

    private static func supersede(_ session: Session, of state: inout Client) -> [Action] {
        state.superseded.append(session)
        guard state.superseded.count > maximumSuperseded else { return [] }
        return [.close(state.superseded.removeFirst())]
    }

    /// A connection has ended. Where it was the newest of its client, those that it had superseded are ended too: they would wait for ever.
    mutating func left(_ session: Session) -> [Action] {
        guard let client = names.removeValue(forKey: session) else { return [] }
        var actions: [Action] = []
        change(client) { state in
            if state.current?.session == session {
                state.current = nil
                actions = state.superseded.map { .close($0) }
                state.superseded = []
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

    /// A client sends a message. `payload` is nil where it is no base64.
    mutating func sent(_ session: Session, _ message: ClientMessage, _ kind: MessageKind, payload: String?) -> [Action] {
        guard let client = names[session] else { return [] }
        func fail(_ description: String) -> [Action] { [.fail(session, MessageFailure(code: .invalidArgument, description: description))] }
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
        return route(Letter(kind: kind, sender: client, payload: payload), to: recipient, from: session)
    }

    private mutating func route(_ letter: Letter, to recipient: String, from session: Session) -> [Action] {
        var action: Action?
        change(recipient) { state in
            if let current = state.current, state.underway == 0 {
                action = .deliver(current.session, letter)
            } else {
                state.underway += 1
                action = .keep(letter, recipient: recipient, session)
            }
        }
        return action.map { [$0] } ?? []
    }

    /// A message is in the mailbox, or is not. `isForHere`: its recipient is connected over this instance.
    mutating func kept(for recipient: String, isForHere: Bool) -> [Action] {
        var action: Action?
        change(recipient) { state in
            state.underway -= 1
            guard isForHere else { return }
            if let current = state.current {
                state.underway += 1
                action = .collect(client: recipient, current.session)
            } else {
                // It is about to get here.
                state.hasMail = true
            }
        }
        return action.map { [$0] } ?? []
    }

    /// This was in the mailbox of a client.
    mutating func collected(_ client: String, _ letters: [Letter]) -> [Action] {
        var actions: [Action] = []
        change(client) { state in
            state.underway -= 1
            if let current = state.current { actions = letters.map { .deliver(current.session, $0) } }
        }
        return actions
    }

    /// Another instance left this for a client that it took to be connected here. Where it is not any more, the message goes back.
    mutating func arrived(_ letter: Letter, for client: String) -> [Action] {
        route(letter, to: client, from: 0)
    }

    /// The newest connections.
    var current: [Session] { clients.values.compactMap { $0.current?.session } }

    private mutating func change(_ client: String, _ body: (inout Client) -> Void) {
        var state = clients[client] ?? Client()
        body(&state)
        clients[client] = state.isForgettable ? nil : state
    }
}
