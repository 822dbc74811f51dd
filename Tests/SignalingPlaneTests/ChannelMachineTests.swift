import Contract
import Seeded
import Store
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

    private static func origin(_ session: UInt64) -> ChannelMachine.Origin { ChannelMachine.Origin(session: session) }

    private mutating func sent(_ session: UInt64, _ kind: MessageKind, to recipient: String = "", payload: String? = "cA==") -> [Action] {
        machine.sent(session, Self.message(kind, to: recipient), kind, payload: payload)
    }

    private mutating func join(_ session: UInt64, _ client: String = "", sequence: Int64? = nil, waiting: [Letter] = []) -> [Action] {
        machine.joined(session, client, sequence: sequence ?? Int64(session), waiting: waiting)
    }

    private func failure(_ actions: [Action]) -> String? {
        guard actions.count == 1, case .fail(_, let failure, _) = actions[0] else { return nil }
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
        #expect(sent(2, .offer) == [.keep(Self.letter(.offer, from: "phone"), recipient: "", Self.origin(2))])
        #expect(failure(sent(1, .answer, to: "phone")) != nil)
    }

    @Test mutating func `what was superseded from elsewhere ends when the newest is there no more`() {
        _ = join(1)
        #expect(machine.displacedClients == [])
        #expect(machine.displaced(1) == [])
        #expect(machine.displacedClients == [""])
        #expect(machine.leftElsewhere("") == [.close(1)])
        #expect(machine.displacedClients == [])
        // One that is connected here again is left alone.
        _ = join(2)
        #expect(machine.leftElsewhere("") == [])
    }

    @Test mutating func `what waited comes before what is sent now`() {
        _ = join(2, "phone")
        let (offer, first, second) = (Self.letter(.offer, from: "phone"), Self.letter(.candidate, from: "phone", "MQ=="), "Mg==")
        #expect(sent(2, .offer) == [.keep(offer, recipient: "", Self.origin(2))])
        // The master comes while the offer is on its way to the mailbox: what follows stays behind it.
        #expect(join(1) == [])
        #expect(sent(2, .candidate, payload: "MQ==") == [.keep(first, recipient: "", Self.origin(2))])
        #expect(machine.kept(for: "", .nowhere) == [])
        #expect(
            sent(2, .candidate, payload: second) == [.keep(Self.letter(.candidate, from: "phone", second), recipient: "", Self.origin(2))])
        #expect(machine.kept(for: "", .here) == [.collect(client: "", 1)])
        #expect(machine.kept(for: "", .here) == [.collect(client: "", 1)])
        #expect(machine.collected("", [offer, first]) == [.deliver(1, offer, waited: true), .deliver(1, first, waited: true)])
        // Not yet: a look is underway that could find something.
        #expect(
            sent(2, .candidate, payload: "Mw==") == [.keep(Self.letter(.candidate, from: "phone", "Mw=="), recipient: "", Self.origin(2))])
        #expect(machine.collected("", []) == [])
        #expect(machine.kept(for: "", .here) == [.collect(client: "", 1)])
        #expect(machine.collected("", []) == [])
        #expect(sent(2, .candidate) == [.deliver(1, Self.letter(.candidate, from: "phone"))])
    }

    @Test mutating func `who connects gets what was in the mailbox first`() {
        let waiting = [Self.letter(.offer, from: "phone"), Self.letter(.candidate, from: "phone")]
        #expect(join(1, waiting: waiting) == [.deliver(1, waiting[0], waited: true), .deliver(1, waiting[1], waited: true)])
    }

    @Test mutating func `what was left for a client that is about to be here is fetched when it is`() {
        _ = join(2, "phone")
        _ = sent(2, .offer)
        // The database knows that the master is connected here, and we do not yet.
        #expect(machine.kept(for: "", .here) == [])
        #expect(join(1) == [.collect(client: "", 1)])
        #expect(sent(2, .candidate) == [.keep(Self.letter(.candidate, from: "phone"), recipient: "", Self.origin(2))])
    }

    private static let elsewhere = Place(instance: "b", session: "s")

    @Test mutating func `what is for a connection that is not the newest any more is not taken`() {
        let letter = Self.letter(.answer, from: "")
        #expect(machine.arrived(letter, for: 2, from: Self.elsewhere, attempt: 0) == nil)
        _ = join(2, "phone")
        // Nor is what was sent behind it: that would overtake it.
        #expect(machine.arrived(letter, for: 2, from: Self.elsewhere, attempt: 0) == nil)
        #expect(machine.arrived(letter, for: 2, from: Self.elsewhere, attempt: 1) == [.deliver(2, letter)])
        _ = join(3, "phone")
        #expect(machine.arrived(letter, for: 2, from: Self.elsewhere, attempt: 1) == nil)
    }

    @Test mutating func `who is connected elsewhere is sent to directly, and answered to where it is`() {
        #expect(machine.joined(2, "phone", sequence: 2, waiting: [], master: Self.elsewhere) == [])
        let offer = Self.letter(.offer, from: "phone")
        #expect(sent(2, .offer) == [.forward(offer, recipient: "", Self.elsewhere, attempt: 0)])
        #expect(machine.answered("", attempt: 0, isTaken: true) == [])
        var other = Self()
        _ = other.join(1)
        #expect(other.machine.arrived(offer, for: 1, from: Place(instance: "a", session: "t"), attempt: 0) == [.deliver(1, offer)])
        let answer = Self.letter(.answer, from: "")
        #expect(
            other.sent(1, .answer, to: "phone") == [.forward(answer, recipient: "phone", Place(instance: "a", session: "t"), attempt: 0)])
    }

    @Test mutating func `what is not taken goes to the mailbox, and so does all that was sent behind it, in order`() {
        let letters = (1...4).map { Self.letter(.candidate, from: "phone", "\($0)") }
        _ = machine.joined(2, "phone", sequence: 2, waiting: [], master: Self.elsewhere)
        for number in 1...3 { _ = sent(2, .candidate, payload: "\(number)") }
        #expect(machine.answered("", attempt: 0, isTaken: true) == [])
        #expect(
            machine.answered("", attempt: 0, isTaken: false) == letters[1...2].map { .keep($0, recipient: "", Self.origin(2)) })
        // Its answer comes too late to mean anything.
        #expect(machine.answered("", attempt: 0, isTaken: false) == [])
        #expect(sent(2, .candidate, payload: "4") == [.keep(letters[3], recipient: "", Self.origin(2))])
        let there = Place(instance: "c", session: "u")
        for _ in 1...3 { #expect(machine.kept(for: "", .elsewhere(there)) == [.tell(client: "", there)]) }
        #expect(sent(2, .candidate, payload: "4") == [.forward(letters[3], recipient: "", there, attempt: 1)])
    }

    @Test mutating func `what finds no link waits for what was sent before it`() {
        _ = machine.joined(2, "phone", sequence: 2, waiting: [], master: Self.elsewhere)
        let letters = (1...3).map { Self.letter(.candidate, from: "phone", "\($0)") }
        for number in 1...2 { _ = sent(2, .candidate, payload: "\(number)") }
        #expect(machine.notForwarded("", isMessage: true) == [])
        #expect(sent(2, .candidate, payload: "3") == [])
        #expect(machine.answered("", attempt: 0, isTaken: true) == letters[1...2].map { .keep($0, recipient: "", Self.origin(2)) })
        _ = machine.kept(for: "", .nowhere)
        _ = machine.kept(for: "", .nowhere)
        #expect(machine.left(2) == [])
        #expect(machine.isEmpty)
    }

    @Test mutating func `places that nobody asks for are forgotten when there are too many`() {
        _ = join(1)
        for number in 0..<5000 {
            _ = machine.arrived(Self.letter(.offer, from: "v\(number)"), for: 1, from: Self.elsewhere, attempt: 0)
        }
        #expect(machine.known < 1100)
    }

    /// Any order of connecting, leaving, sending and of the database's answers: nothing is delivered out of order or twice, and in the end
    /// nothing is remembered.
    @Test(arguments: 0..<200)
    mutating func `each recipient gets what was accepted, in order`(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
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
                case .deliver(_, let letter, _): delivered.append(Int(letter.payload) ?? -1)
                case .keep, .collect: jobs.append(action)
                case .close(let session): masters.removeAll { $0 == session }
                case .fail, .forward, .tell: Issue.record("nothing is refused here, and nobody is elsewhere")
                }
            }
        }
        func doJob() {
            guard !jobs.isEmpty else { return }
            switch jobs.removeFirst() {
            case .keep(let letter, let recipient, _):
                mailbox.append(letter)
                run(machine.kept(for: recipient, masters.isEmpty ? .nowhere : .here))
            case .collect(let client, let session):
                let taken = masters.last == session ? mailbox : []
                if masters.last == session { mailbox = [] }
                run(machine.collected(client, taken))
            case .deliver, .fail, .close, .forward, .tell: break
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

    /// Two instances with a link between them that is away at times and a database: the viewer is at one of them, masters come and go at both.
    /// Whatever happens in whatever order, each message is delivered once, and each connection gets its own in order. What was in the mailbox when a
    /// connection was made is that connection's, though a newer one may be quicker to get here.
    @Test(arguments: 0..<300)
    func `over links and the mailbox each recipient gets what was accepted, in order`(_ seed: UInt64) {
        var deployment = TwoInstances(SeededGenerator(seed: seed))
        for _ in 0..<120 { deployment.step() }
        deployment.settle()
        #expect(deployment.delivered.values.flatMap(\.self).sorted() == Array(1...deployment.accepted), "seed \(seed)")
        for (session, numbers) in deployment.delivered { #expect(numbers == numbers.sorted(), "seed \(seed), connection \(session)") }
    }
}

/// The channel as two instances know it, a link from the first to the second, and the database of both.
private struct TwoInstances {
    private typealias Action = ChannelMachine.Action

    /// What each connection got.
    var delivered: [UInt64: [Int]] = [:]
    var accepted = 0
    private var generator: SeededGenerator
    private var machines = [ChannelMachine(), ChannelMachine()]
    private var jobs: [[Action]] = [[], []]
    private var mailbox: [Letter] = []
    /// Where the master is, as the database knows.
    private var master: (instance: Int, session: UInt64)?
    /// Masters that the database knows and their instances not yet.
    private var joining: [(instance: Int, session: UInt64, waiting: [Letter])] = []
    private var lastSession: UInt64 = 10
    private enum Frame {
        case letter(Letter, Place, attempt: Int)
        case mail(Place)
    }
    private var link: [Frame] = []
    private var answers: [(attempt: Int, isTaken: Bool)] = []
    private var isUp = true

    init(_ generator: SeededGenerator) {
        self.generator = generator
        _ = machines[0].joined(1, "phone", sequence: 1, waiting: [])
    }

    mutating func step() {
        switch Int.random(in: 0..<14, using: &generator) {
        case 0: connect(at: Int.random(in: 0...1, using: &generator))
        case 1: leave()
        case 2: isUp.toggle()
        case 3...6: send()
        case 7...8: doJob(0)
        case 9: doJob(1)
        case 10: join()
        case 11: poll()
        default: carry()
        }
    }

    mutating func settle() {
        isUp = true
        if master == nil { connect(at: 1) }
        for _ in 0..<2000 {
            join()
            doJob(0)
            doJob(1)
            carry()
            poll()
        }
    }

    private mutating func send() {
        accepted += 1
        let message = ClientMessage(kind: .candidate, recipient: "", payload: String(accepted))
        run(0, machines[0].sent(1, message, .candidate, payload: String(accepted)))
    }

    private mutating func connect(at instance: Int) {
        lastSession += 1
        let old = master
        master = (instance, lastSession)
        joining.append((instance, lastSession, mailbox))
        mailbox = []
        if let old, old.instance != instance { run(old.instance, machines[old.instance].displaced(old.session)) }
    }

    private mutating func join() {
        guard !joining.isEmpty else { return }
        let (instance, session, waiting) = joining.removeFirst()
        run(instance, machines[instance].joined(session, "", sequence: Int64(session), waiting: waiting))
        if master?.session != session { run(instance, machines[instance].displaced(session)) }
    }

    private mutating func leave() {
        guard let gone = master, !joining.contains(where: { $0.session == gone.session }) else { return }
        // A client that vanishes may lose what was just handed to it; this one has read all.
        guard jobs.allSatisfy({ !$0.contains { if case .collect = $0 { true } else { false } } }) else { return }
        master = nil
        run(gone.instance, machines[gone.instance].left(gone.session))
    }

    private mutating func run(_ instance: Int, _ actions: [Action]) {
        for action in actions {
            switch action {
            case .deliver(let session, let letter, _): delivered[session, default: []].append(Int(letter.payload) ?? -1)
            case .keep, .collect: jobs[instance].append(action)
            case .close: break
            case .fail: Issue.record("nothing is refused here")
            case .forward(let letter, _, let place, let attempt):
                guard isUp, place.instance == "1", instance == 0 else {
                    run(instance, machines[instance].notForwarded("", isMessage: true))
                    continue
                }
                link.append(.letter(letter, place, attempt: attempt))
            case .tell(_, let place):
                guard isUp, place.instance == "1" else {
                    run(instance, machines[instance].notForwarded("", isMessage: false))
                    continue
                }
                link.append(.mail(place))
            }
        }
    }

    private mutating func doJob(_ instance: Int) {
        guard !jobs[instance].isEmpty else { return }
        switch jobs[instance].removeFirst() {
        case .keep(let letter, _, _):
            mailbox.append(letter)
            let found: ChannelMachine.Found =
                switch master {
                case nil: .nowhere
                case (instance, _)?: .here
                case (let other, let session)?: .elsewhere(Place(instance: String(other), session: String(session)))
                }
            run(instance, machines[instance].kept(for: "", found))
        case .collect(_, let session):
            let taken = master?.session == session ? mailbox : []
            if master?.session == session { mailbox = [] }
            run(instance, machines[instance].collected("", taken))
        case .deliver, .fail, .close, .forward, .tell: break
        }
    }

    /// One frame over the link, or one answer back.
    private mutating func carry() {
        if !answers.isEmpty {
            let (attempt, isTaken) = answers.removeFirst()
            return run(0, machines[0].answered("", attempt: attempt, isTaken: isTaken))
        }
        guard !link.isEmpty else { return }
        switch link.removeFirst() {
        case .letter(let letter, let place, let attempt):
            let actions = machines[1].arrived(
                letter, for: UInt64(place.session) ?? 0, from: Place(instance: "0", session: "1"), attempt: attempt)
            answers.append((attempt, actions != nil))
            run(1, actions ?? [])
        case .mail(let place): run(1, machines[1].hasMail(UInt64(place.session) ?? 0))
        }
    }

    private mutating func poll() {
        guard let master, !mailbox.isEmpty else { return }
        run(master.instance, machines[master.instance].hasMail(master.session))
    }
}
