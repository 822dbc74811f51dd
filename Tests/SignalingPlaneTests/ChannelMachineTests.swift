import Contract
import Testing

@testable import SignalingPlane

/// Who gets what, whatever happens in whatever order.
@Suite struct ChannelMachineTests {
    private typealias Action = ChannelMachine.Action

    private var machine = ChannelMachine()

    private static func message(_ kind: MessageKind, to recipient: String = "") -> ClientMessage {
        ClientMessage(kind: kind, recipient: recipient, payload: "cA==")
    }

    private static func letter(_ kind: MessageKind, from sender: String, _ payload: String = "cA==") -> Letter {
        Letter(kind: kind, sender: sender, payload: payload)
    }

    private mutating func sent(_ session: UInt64, _ kind: MessageKind, to recipient: String = "", payload: String? = "cA==") -> [Action] {
        machine.sent(session, Self.message(kind, to: recipient), kind, payload: payload)
    }

    private mutating func join(_ session: UInt64, _ client: String = "", sequence: Int64? = nil, waiting: [Letter] = []) -> [Action] {
        machine.joined(session, client, sequence: sequence ?? Int64(session), waiting: waiting)
    }

    private func failure(_ actions: [Action]) -> String? {
        guard actions.count == 1, case .fail(_, let failure) = actions[0] else { return nil }
        return failure.description
    }

    @Test mutating func `what a viewer sends goes to the master, and back to that viewer`() {
        #expect(join(1) == [] && join(2, "phone") == [] && join(3, "tablet") == [])
        #expect(sent(2, .offer, to: "whoever") == [.deliver(1, Self.letter(.offer, from: "phone"))])
        #expect(sent(1, .answer, to: "phone") == [.deliver(2, Self.letter(.answer, from: ""))])
        #expect(sent(3, .candidate) == [.deliver(1, Self.letter(.candidate, from: "tablet"))])
        #expect(sent(1, .candidate, to: "tablet") == [.deliver(3, Self.letter(.candidate, from: ""))])
    }

    @Test mutating func `what is not in place is refused and goes nowhere`() {
        _ = join(1)
        _ = join(2, "phone")
        #expect(failure(sent(1, .offer, to: "phone"))?.contains("A master answers offers") == true)
        #expect(failure(sent(2, .answer))?.contains("A viewer makes offers") == true)
        #expect(failure(sent(1, .answer))?.contains("recipientClientId is required") == true)
        #expect(failure(sent(1, .answer, to: "not an id"))?.contains("recipientClientId is required") == true)
        #expect(failure(sent(2, .offer, payload: nil))?.contains("base64") == true)
        machine.storesMedia = true
        #expect(failure(sent(2, .offer))?.contains("UpdateMediaStorageConfiguration") == true)
        #expect(sent(9, .offer) == [])
    }

    @Test mutating func `a newer connection takes over, and the older one is left open and unheard`() {
        _ = join(1)
        _ = join(2, "phone")
        #expect(join(3) == [])
        #expect(sent(2, .offer) == [.deliver(3, Self.letter(.offer, from: "phone"))])
        #expect(failure(sent(1, .answer, to: "phone"))?.contains("replaced by a newer one") == true)
        // A third and fourth: two may wait, the oldest goes.
        #expect(join(4) == [])
        #expect(join(5) == [.close(1)])
        #expect(machine.left(1) == [])
        // When the newest leaves, those that believe to be connected go and come again.
        #expect(machine.left(5) == [.close(3), .close(4)])
    }

    @Test mutating func `of two that connect at once the one that the database took last is the newer`() {
        _ = join(2, "phone")
        _ = join(4, sequence: 20)
        #expect(join(3, sequence: 10) == [])
        #expect(sent(2, .offer) == [.deliver(4, Self.letter(.offer, from: "phone"))])
        #expect(failure(sent(3, .answer, to: "phone")) != nil)
    }

    @Test mutating func `a superseded connection that leaves changes nothing`() {
        _ = join(1, "phone")
        _ = join(2, "phone")
        _ = join(3)
        #expect(machine.left(1) == [])
        #expect(sent(3, .answer, to: "phone") == [.deliver(2, Self.letter(.answer, from: ""))])
        #expect(machine.left(2) == [] && machine.left(3) == [])
        #expect(machine.isEmpty)
    }

    @Test mutating func `a client that connected elsewhere is superseded here`() {
        _ = join(1)
        _ = join(2, "phone")
        #expect(machine.displaced(1) == [])
        #expect(sent(2, .offer) == [.keep(Self.letter(.offer, from: "phone"), recipient: "", 2)])
        #expect(failure(sent(1, .answer, to: "phone")) != nil)
    }

    @Test mutating func `what waited comes before what is sent now`() {
        _ = join(2, "phone")
        let (offer, first, second) = (Self.letter(.offer, from: "phone"), Self.letter(.candidate, from: "phone", "MQ=="), "Mg==")
        #expect(sent(2, .offer) == [.keep(offer, recipient: "", 2)])
        // The master comes while the offer is on its way to the mailbox: what follows stays behind it.
        #expect(join(1) == [])
        #expect(sent(2, .candidate, payload: "MQ==") == [.keep(first, recipient: "", 2)])
        #expect(machine.kept(for: "", isForHere: false) == [])
        #expect(sent(2, .candidate, payload: second) == [.keep(Self.letter(.candidate, from: "phone", second), recipient: "", 2)])
        #expect(machine.kept(for: "", isForHere: true) == [.collect(client: "", 1)])
        #expect(machine.kept(for: "", isForHere: true) == [.collect(client: "", 1)])
        #expect(machine.collected("", [offer, first]) == [.deliver(1, offer), .deliver(1, first)])
        // Not yet: a look is underway that could find something.
        #expect(sent(2, .candidate, payload: "Mw==") == [.keep(Self.letter(.candidate, from: "phone", "Mw=="), recipient: "", 2)])
        #expect(machine.collected("", []) == [])
        #expect(machine.kept(for: "", isForHere: true) == [.collect(client: "", 1)])
        #expect(machine.collected("", []) == [])
        #expect(sent(2, .candidate) == [.deliver(1, Self.letter(.candidate, from: "phone"))])
    }

    @Test mutating func `who connects gets what was in the mailbox first`() {
        let waiting = [Self.letter(.offer, from: "phone"), Self.letter(.candidate, from: "phone")]
        #expect(join(1, waiting: waiting) == [.deliver(1, waiting[0]), .deliver(1, waiting[1])])
    }

    @Test mutating func `what was left for a client that is about to be here is fetched when it is`() {
        _ = join(2, "phone")
        _ = sent(2, .offer)
        // The database knows that the master is connected here, and we do not yet.
        #expect(machine.kept(for: "", isForHere: true) == [])
        #expect(join(1) == [.collect(client: "", 1)])
        #expect(sent(2, .candidate) == [.keep(Self.letter(.candidate, from: "phone"), recipient: "", 2)])
    }

    @Test mutating func `what comes from elsewhere for a client that left meanwhile goes back`() {
        let letter = Self.letter(.answer, from: "")
        #expect(machine.arrived(letter, for: "phone") == [.keep(letter, recipient: "phone", 0)])
        #expect(machine.kept(for: "phone", isForHere: false) == [])
        _ = join(2, "phone")
        #expect(machine.arrived(letter, for: "phone") == [.deliver(2, letter)])
        #expect(machine.left(2) == [])
        #expect(machine.isEmpty)
    }

    /// Any order of connecting, leaving, sending and of the database's answers: nothing is delivered out of order or twice, and in the end
    /// nothing is remembered.
    @Test(arguments: 0..<200)
    mutating func `each recipient gets what was accepted, in order`(_ seed: UInt64) {
        var generator = Random(state: seed)
        var mailbox: [Letter] = []
        var jobs: [Action] = []
        var masters: [UInt64] = []
        var delivered: [Int] = []
        var accepted = 0
        var nextSession: UInt64 = 10
        _ = join(1, "phone")

        func run(_ actions: [Action]) {
            for action in actions {
                switch action {
                case .deliver(_, let letter): delivered.append(Int(letter.payload) ?? -1)
                case .keep, .collect: jobs.append(action)
                case .close(let session): masters.removeAll { $0 == session }
                case .fail: Issue.record("nothing is refused here")
                }
            }
        }
        func doJob() {
            guard !jobs.isEmpty else { return }
            switch jobs.removeFirst() {
            case .keep(let letter, let recipient, _):
                mailbox.append(letter)
                run(machine.kept(for: recipient, isForHere: !masters.isEmpty))
            case .collect(let client, let session):
                let taken = masters.last == session ? mailbox : []
                if masters.last == session { mailbox = [] }
                run(machine.collected(client, taken))
            case .deliver, .fail, .close: break
            }
        }
        for _ in 0..<60 {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0:
                nextSession += 1
                masters.append(nextSession)
                let waiting = mailbox
                mailbox = []
                run(machine.joined(nextSession, "", sequence: Int64(nextSession), waiting: waiting))
            case 1 where masters.count == 1: run(machine.left(masters.removeLast()))
            case 2...5:
                accepted += 1
                run(machine.sent(1, Self.message(.candidate), .candidate, payload: String(accepted)))
            default: doJob()
            }
        }
        if masters.isEmpty {
            masters.append(99)
            let waiting = mailbox
            mailbox = []
            run(machine.joined(99, "", sequence: 99, waiting: waiting))
        }
        while !jobs.isEmpty { doJob() }
        #expect(delivered == delivered.sorted(), "seed \(seed)")
        #expect(Set(delivered).count == delivered.count, "seed \(seed)")
    }
}

/// SplitMix64, so that a failing case comes back.
private struct Random: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
