import Seeded
import Store
import TestSupport
import Testing

@testable import Delivery

/// What a courier does for many destinations, driven input by input, without a network, a database or a clock.
@Suite struct CourierMachineTests {
    private static func machine(_ change: (inout Pace) -> Void = { _ in }) -> CourierMachine {
        var pace = Made.pace
        change(&pace)
        return CourierMachine(pace: pace, timeout: .seconds(15), attemptLimit: 15)
    }

    private static func told(_ actions: [CourierMachine.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .claim(let id, let count): "\(id) claim \(count)"
            case .attempt(let record, let number, let event): "\(record.id) \(number): \(event.event.resourceARN)"
            case .enforce(let demand, let finished): "enforce \(demand), then \(finished.told)"
            case .write(let queues, let isFirstTry, let pause):
                "write \(queues.map(\.finished.told)) \(isFirstTry ? "together" : "apart after \(Int(pause / .milliseconds(1))) ms")"
            case .note(let id, let note): "note \(id) \(note.failuresSince)"
            case .log(let line): "log \(line.message) \(line.metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" })"
            case .beginGrace: "begin grace"
            case .cancelAttempts: "cancel attempts"
            }
        }
    }

    private static func play(_ machine: inout CourierMachine, _ inputs: CourierMachine.Input..., after time: Duration = .zero) -> [String] {
        inputs.flatMap { told(machine.receive($0, at: Made.start + time)) }
    }

    private static func written(_ names: String..., of destination: String = "d") -> CourierMachine.Input {
        .written(
            names.map {
                WrittenQueue(
                    finished: FinishedQueue(Made.queue($0, of: destination).queue, leaseToken: "", QueueOutcome(hasMore: false)),
                    mayHoldMore: false)
            },
            failed: [])
    }

    private static func queues(_ count: Int, of destination: String) -> [ClaimedQueue] {
        (0..<count).map { Made.queue("\(destination)\($0)", of: destination) }
    }

    @Test func `attempts never exceed the limit, and some are kept for the first of each destination`() {
        var machine = Self.machine { $0.attempts = 8 }
        _ = Self.play(&machine, .due([Made.record("a")]))
        // Six of eight may be taken by one: two are kept for others.
        #expect(Self.play(&machine, .claimed("a", Self.queues(10, of: "a"))).count == 6)
        #expect(Self.play(&machine, .due([Made.record("b"), Made.record("c"), Made.record("d")])) == ["b claim 64", "c claim 64"])
        #expect(Self.play(&machine, .claimed("b", Self.queues(5, of: "b"))) == ["b 1: b0"])
        // What becomes free goes to the one that waits for its first.
        let free = Self.play(&machine, .attempted("a", 1, Made.delivered, took: .zero))
        #expect(free == ["d claim 64", "write [\"a0 +1\"] together"])
    }

    @Test func `the destinations of one account share its part`() {
        var machine = Self.machine { $0.attemptsPerAccount = 5 }
        let records = ["a", "b", "c"].map { Made.record($0, origin: .stream, account: "1") }
        let other = Made.record("o", origin: .stream, account: "2")
        #expect(Self.play(&machine, .due(records)).count == 3)
        // Claims of the other two hold a place each.
        #expect(Self.play(&machine, .claimed("a", Self.queues(9, of: "a"))) == ["a 1: a0", "a 2: a1", "a 3: a2"])
        #expect(Self.play(&machine, .due([other])) == ["o claim 64"])
        #expect(Self.play(&machine, .claimed("o", Self.queues(6, of: "o"))).count == 6 - 1)
        #expect(Self.play(&machine, .claimed("b", [])) == ["a 4: a3"])
    }

    @Test func `whoever waits for longest is next`() {
        var machine = Self.machine { $0.attemptsPerAccount = 1 }
        let records = ["a", "b", "c"].map { Made.record($0, origin: .stream, account: "1") }
        #expect(Self.play(&machine, .due(records)) == ["a claim 64"])
        #expect(Self.play(&machine, .claimed("a", Self.queues(2, of: "a"))) == ["a 1: a0"])
        #expect(Self.play(&machine, .attempted("a", 1, Made.delivered, took: .zero)) == ["b claim 64", "write [\"a0 +1\"] together"])
        #expect(Self.play(&machine, .claimed("b", [])) == ["c claim 64"])
        #expect(Self.play(&machine, .claimed("c", [])) == ["a 2: a1"])
    }

    @Test func `what ends while something is being written goes with the next batch`() {
        var machine = Self.machine { $0.queuesPerWrite = 3 }
        _ = Self.play(&machine, .due([Made.record()]))
        _ = Self.play(&machine, .claimed("d", (0..<8).map { Made.queue("q\($0)") }))
        #expect(Self.play(&machine, .attempted("d", 1, Made.delivered, took: .zero)) == ["write [\"q0 +1\"] together"])
        #expect(Self.play(&machine, .attempted("d", 2, Made.delivered, took: .zero)) == [])
        #expect(Self.play(&machine, .attempted("d", 3, Made.delivered, took: .zero)) == [])
        // Enough for a batch of their own.
        #expect(
            Self.play(&machine, .attempted("d", 4, Made.delivered, took: .zero)) == ["write [\"q1 +1\", \"q2 +1\", \"q3 +1\"] together"])
        #expect(Self.play(&machine, .attempted("d", 5, Made.delivered, took: .zero)) == [])
        #expect(Self.play(&machine, Self.written("q0")) == [])
        #expect(Self.play(&machine, Self.written("q1", "q2", "q3")) == ["write [\"q4 +1\"] together"])
    }

    @Test func `what could not be written down is tried again, and is left to its lease in the end`() {
        var machine = Self.machine()
        _ = Self.play(&machine, .due([Made.record()]))
        _ = Self.play(&machine, .claimed("d", [Made.queue("a")]))
        _ = Self.play(&machine, .attempted("d", 1, Made.delivered, took: .zero))
        func failed(_ tries: Int) -> CourierMachine.Input {
            .written(
                [],
                failed: [
                    UnwrittenQueue(
                        finished: FinishedQueue(Made.queue("a").queue, leaseToken: "", QueueOutcome(hasMore: false)), tries: tries)
                ])
        }
        #expect(Self.play(&machine, failed(1)) == ["write [\"a\"] apart after 0 ms"])
        #expect(Self.play(&machine, failed(2)) == ["write [\"a\"] apart after 200 ms"])
        #expect(Self.play(&machine, failed(3)) == ["write [\"a\"] apart after 400 ms"])
        #expect(Self.play(&machine, failed(4)) == [])
        #expect(Self.play(&machine, .stop) == ["begin grace"])
        #expect(machine.isEnded)
    }

    @Test func `it ends once everything is attempted and written down`() {
        var machine = Self.machine()
        _ = Self.play(&machine, .due([Made.record()]))
        _ = Self.play(&machine, .claimed("d", [Made.queue("a"), Made.queue("b")]))
        _ = Self.play(&machine, .due([Made.record("e")]))
        #expect(Self.play(&machine, .stop) == ["begin grace"])
        #expect(Self.play(&machine, .due([Made.record("f")])) == [])
        #expect(Self.play(&machine, .attempted("d", 1, Made.delivered, took: .zero)) == ["write [\"a +1\"] together"])
        #expect(Self.play(&machine, .graceEnded) == ["cancel attempts"])
        #expect(Self.play(&machine, .attempted("d", 2, .cutShort, took: .zero)) == [])
        #expect(Self.play(&machine, Self.written("a")) == ["write [\"b more\"] together"])
        #expect(!machine.isEnded)
        #expect(Self.play(&machine, Self.written("b")) == [])
        #expect(!machine.isEnded)
        // A claim that was under way.
        #expect(Self.play(&machine, .claimed("e", [Made.queue("c", of: "e")])) == ["write [\"c more\"] together"])
        #expect(Self.play(&machine, Self.written("c", of: "e")) == [])
        #expect(machine.isEnded)
    }

    @Test func `of an account's failing destinations there is a line a minute`() {
        var machine = Self.machine { $0.attemptsPerAccount = 100 }
        let ids = (0..<50).map { "d\($0)" }
        _ = Self.play(
            &machine, .due(ids.map { Made.record($0, origin: .stream, account: "1") } + [Made.record("x", origin: .stream, account: "2")]))
        var lines: [String] = []
        for (number, id) in (ids + ["x"]).enumerated() {
            _ = Self.play(&machine, .claimed(id, [Made.queue("q", of: id)]), after: .milliseconds(number))
            lines += Self.play(&machine, .attempted(id, 1, Made.failed(), took: .zero), after: .milliseconds(number)).filter {
                $0.hasPrefix("log")
            }
        }
        let first = "log a destination fails [\"destination=d0\", \"error=no\"]"
        #expect(lines == [first, "log a destination fails [\"destination=x\", \"error=no\"]"])
        #expect(Self.play(&machine, .due([]), after: .seconds(59)) == [])
        #expect(
            Self.play(&machine, .due([]), after: .seconds(60)) == [
                "log a destination fails [\"destination=d1\", \"error=no\", \"others=48\"]"
            ])
        #expect(Self.play(&machine, .due([]), after: .seconds(180)) == [])
    }

    @Test func `a database that fails is told once, and so is that it works again`() {
        var machine = Self.machine()
        #expect(Self.play(&machine, .databaseFailed("away"), .databaseFailed("away")) == ["log deliveries wait [\"error=away\"]"])
        #expect(Self.play(&machine, .due([]), .due([])) == ["log deliveries go on []"])
    }

    /// Receivers, a database and a clock that a seed decides. Whatever happens: no limit is exceeded, each claimed queue is written down once, the
    /// events of a queue arrive in order, all of them in the end, and a stop ends.
    @Test(arguments: 1...40) func `nothing stalls, is lost or exceeds a limit, in whatever order things happen`(_ seed: UInt64) {
        var simulation = Simulation(seed: seed)
        simulation.run()
        #expect(simulation.faults == [])
        #expect(simulation.machine.isEnded)
    }
}

/// Drives a machine: performs its actions in a random order with random outcomes.
private struct Simulation {
    private enum Pending {
        case claim(String, Int)
        case attempt(String, Int, WaitingEvent)
        case enforce(FinishedQueue)
        case write([UnwrittenQueue])
        case note
    }

    var machine: CourierMachine
    private(set) var faults: [String] = []
    private var random: SeededGenerator
    private var now = Made.start
    private var pending: [Pending] = []
    /// What waits: the next event of each queue, out of five, by destination. A queue that is leased is not in it.
    private var waiting: [String: [String: Int]] = [:]
    private var leased: Set<String> = []
    private var arrived: [String: Int] = [:]
    private let records: [DestinationRecord]
    private var isStopped = false
    private static let events = 5
    private static let queues = 12

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
        var pace = Made.pace
        pace.attempts = 8
        pace.attemptsPerAccount = 3
        pace.attemptsPerDestination = 4
        pace.attemptsPerFailingDestination = 2
        pace.queuesAhead = 4
        pace.claimLimit = 3
        pace.eventsPerQueue = 2
        pace.queuesPerWrite = 4
        pace.writes = 2
        machine = CourierMachine(pace: pace, timeout: .seconds(15), attemptLimit: 1000)
        records =
            ["a", "b"].map { Made.record($0) } + ["c", "d", "e", "f"].map { Made.record($0, origin: .stream, account: "1") }
        for record in records {
            waiting[record.id] = Dictionary(uniqueKeysWithValues: (0..<Self.queues).map { ("\(record.id)\($0)", 1) })
        }
    }

    mutating func run() {
        let total = records.count * Self.queues * Self.events
        for step in 0..<200_000 {
            guard arrived.values.reduce(0, +) < total || !pending.isEmpty else { break }
            if pending.isEmpty || step % 50 == 0 { tell(.due(records.filter { !(waiting[$0.id] ?? [:]).isEmpty })) }
            guard let index = pending.indices.randomElement(using: &random) else { continue }
            now += .milliseconds(Int.random(in: 0...40, using: &random))
            end(pending.remove(at: index))
        }
        if arrived.values.reduce(0, +) != total { faults.append("\(arrived.values.reduce(0, +)) of \(total) have arrived") }
        // Something to stop.
        for record in records { waiting[record.id] = ["\(record.id)-late": 1, "\(record.id)-later": 1] }
        tell(.due(records))
        isStopped = true
        tell(.stop)
        while let last = pending.popLast() { end(last) }
        if !leased.isEmpty { faults.append("still leased: \(leased.sorted())") }
    }

    private mutating func tell(_ input: CourierMachine.Input) {
        for action in machine.receive(input, at: now) {
            switch action {
            case .claim(let id, let count): pending.append(.claim(id, count))
            case .attempt(let record, let number, let event): pending.append(.attempt(record.id, number, event))
            case .enforce(_, let finished): pending.append(.enforce(finished))
            case .write(let queues, _, _): pending.append(.write(queues))
            case .note: pending.append(.note)
            case .log, .beginGrace, .cancelAttempts: break
            }
        }
        check()
    }

    private mutating func check() {
        var byDestination: [String: Int] = [:]
        for case .attempt(let id, _, _) in pending { byDestination[id, default: 0] += 1 }
        if byDestination.values.reduce(0, +) > 8 { faults.append("more than 8 in flight") }
        if byDestination.values.contains(where: { $0 > 4 }) { faults.append("more than 4 in flight for a destination") }
        if byDestination.filter({ $0.key > "b" }).values.reduce(0, +) > 3 { faults.append("more than 3 in flight for an account") }
        if pending.count(where: { if case .write = $0 { true } else { false } }) > 2 { faults.append("too many writes") }
    }

    private mutating func end(_ action: Pending) {
        switch action {
        case .claim(let id, let count):
            guard Int.random(in: 0..<10, using: &random) > 0 else { return tell(.claimed(id, [])) }
            let names = (waiting[id] ?? [:]).keys.sorted().shuffled(using: &random).prefix(count)
            tell(
                .claimed(
                    id,
                    names.map { name in
                        let next = waiting[id]?.removeValue(forKey: name) ?? 1
                        leased.insert(name)
                        return claimed(name, of: id, next)
                    }))
        case .attempt(let id, let number, let event): tell(.attempted(id, number, attempt(event), took: .zero))
        case .enforce(let finished): tell(.demandWritten(finished))
        case .write(let queues):
            guard isStopped || Int.random(in: 0..<6, using: &random) > 0 else {
                return tell(.written([], failed: queues.map { UnwrittenQueue(finished: $0.finished, tries: min($0.tries + 1, 3)) }))
            }
            for queue in queues { write(queue.finished) }
            tell(.written(queues.map { WrittenQueue(finished: $0.finished, mayHoldMore: false) }, failed: []))
        case .note: tell(.noted)
        }
    }

    private func claimed(_ name: String, of id: String, _ next: Int) -> ClaimedQueue {
        let all = Made.queue(name, of: id, events: Self.events, at: now)
        return ClaimedQueue(
            queue: all.queue, token: all.token, events: Array(all.events[(next - 1)...].prefix(2)), claimedAt: all.claimedAt)
    }

    private mutating func attempt(_ event: WaitingEvent) -> AttemptResult {
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return Made.failed()
        case 1: return .unsent("no secret")
        case 2: return Int.random(in: 0..<4, using: &random) == 0 ? Made.failed(.quiet(1)) : Made.failed()
        default:
            let name = event.event.resourceARN
            if Int(event.event.sequence) != arrived[name, default: 0] + 1 {
                // What could not be written down may come again; nothing may come early.
                if Int(event.event.sequence) > arrived[name, default: 0] { faults.append("\(name): \(event.event.sequence) came early") }
            } else {
                arrived[name] = Int(event.event.sequence)
            }
            return Made.delivered
        }
    }

    private mutating func write(_ finished: FinishedQueue) {
        let name = finished.queue.resourceARN
        if leased.remove(name) == nil { faults.append("\(name) is written down twice") }
        let next = arrived[name, default: 0] + 1
        if next <= Self.events, !isStopped { waiting[finished.queue.destinationID]?[name] = next }
    }
}
