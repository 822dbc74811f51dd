public import Links
public import NIOCore
import Store
import Synchronization

/// What instances tell each other about connections of the one that is told.
enum LinkedMessage: Equatable {
    /// A message for the client, the connection that it comes from, and the attempt that it belongs to.
    case letter(Letter, from: String, attempt: Int)
    /// Something is in the client's mailbox.
    case mail
    /// The client has a newer connection elsewhere.
    case superseded

    private enum Code: UInt8 { case offer = 1, answer, candidate, mail, superseded }

    /// A byte for what it is, the connection that it is about, and of a letter the attempt in four bytes, its sender, the sender's connection and the payload; each text
    /// but the last with its length in two bytes.
    func bytes(about session: String) -> ByteBuffer {
        var bytes = ByteBuffer()
        switch self {
        case .letter(let letter, let origin, let attempt):
            let code: Code =
                switch letter.kind {
                case .offer: .offer
                case .answer: .answer
                case .candidate: .candidate
                }
            bytes.reserveCapacity(letter.payload.utf8.count + 400)
            bytes.writeInteger(code.rawValue)
            bytes.write(shortText: session)
            bytes.writeInteger(UInt32(truncatingIfNeeded: attempt))
            bytes.write(shortText: letter.sender)
            bytes.write(shortText: origin)
            bytes.writeString(letter.payload)
        case .mail:
            bytes.writeInteger(Code.mail.rawValue)
            bytes.write(shortText: session)
        case .superseded:
            bytes.writeInteger(Code.superseded.rawValue)
            bytes.write(shortText: session)
        }
        return bytes
    }

    /// Nil for what another version says and this one does not know.
    static func read(_ bytes: ByteBuffer) -> (session: String, message: LinkedMessage)? {
        var bytes = bytes
        guard let code = bytes.readInteger(as: UInt8.self).flatMap(Code.init), let session = bytes.readShortText() else { return nil }
        let kind: MessageKind
        switch code {
        case .offer: kind = .offer
        case .answer: kind = .answer
        case .candidate: kind = .candidate
        case .mail: return (session, .mail)
        case .superseded: return (session, .superseded)
        }
        guard let attempt = bytes.readInteger(as: UInt32.self), let sender = bytes.readShortText(), let origin = bytes.readShortText(),
            let payload = bytes.readString(length: bytes.readableBytes)
        else { return nil }
        return (session, .letter(Letter(kind: kind, sender: sender, payload: payload), from: origin, attempt: Int(attempt)))
    }
}

extension ByteBuffer {
    fileprivate mutating func write(shortText: String) {
        writeInteger(UInt16(shortText.utf8.count))
        writeString(shortText)
    }

    fileprivate mutating func readShortText() -> String? {
        readInteger(as: UInt16.self).flatMap { readString(length: Int($0)) }
    }
}

extension SignalingPlane: LinkReceiver {
    /// The place, where it is at another instance that there may be a link to.
    func elsewhere(_ place: Place?) -> Place? { place?.instance == instance ? nil : place }

    /// Sends a message to a client that is connected elsewhere; returns whether it is on its way. `answered` is told whether it was taken.
    func send(
        _ letter: Letter, from session: String, to place: Place, attempt: Int, answered: @escaping @Sendable (Bool) -> Void
    ) -> Bool {
        guard let links else { return false }
        unanswered.add(1, ordering: .relaxed)
        let isOnItsWay = links.send(
            LinkedMessage.letter(letter, from: session, attempt: attempt).bytes(about: place.session), .signaling, to: place.instance
        ) { [self] answer in
            switch answer {
            case .taken: answered(true)
            case .refused, .unreachable: answered(false)
            }
            unanswered.subtract(1, ordering: .releasing)
        }
        if !isOnItsWay { unanswered.subtract(1, ordering: .relaxed) }
        return isOnItsWay
    }

    /// Tells another instance that something is in the mailbox of a client of its; returns whether that is on its way. Where it does not arrive the other finds
    /// out by itself.
    func tellOfMail(_ place: Place) -> Bool {
        links?.send(LinkedMessage.mail.bytes(about: place.session), .signaling, to: place.instance) { _ in } ?? false
    }

    /// Tells another instance that a client of its has a newer connection, and returns when it knows, so that what it is sent from then on does not go to the older
    /// one. Returns after a second all the same: then the other finds out by itself.
    func supersede(_ place: Place) async {
        let (answers, came) = AsyncStream.makeStream(of: Void.self)
        let isOnItsWay = links?.send(LinkedMessage.superseded.bytes(about: place.session), .signaling, to: place.instance) { _ in
            came.finish()
        }
        guard isOnItsWay == true else { return }
        await withTaskGroup { tasks in
            tasks.addTask { for await _ in answers {} }
            tasks.addTask { try? await Task.sleep(for: .seconds(1)) }
            await tasks.next()
            tasks.cancelAll()
        }
    }

    public func take(_ message: ByteBuffer, from instance: String) -> Bool {
        guard let (session, message) = LinkedMessage.read(message), let peer = peer(session) else { return false }
        switch message {
        case .letter(let letter, let origin, let attempt):
            return peer.channel.arrived(letter, for: peer, from: Place(instance: instance, session: origin), attempt: attempt)
        case .mail: peer.channel.hasMail(peer)
        case .superseded: peer.channel.displaced(peer)
        }
        return true
    }

    /// Signaling has no streams.
    public func serve(_ stream: LinkStream, from instance: String) async {}
}
