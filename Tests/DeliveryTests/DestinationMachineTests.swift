import Store
import Testing

@testable import Delivery

/// What is done for one destination, driven input by input, without a network, a database or a clock.
@Suite struct DestinationMachineTests {
    private static func machine(_ change: (inout Pace) -> Void = { _ in }, attemptLimit: Int64 = 15, failures: Int64 = 0)
        -> DestinationMachine
    {
        var pace = Made.pace
        change(&pace)
        return DestinationMachine(Made.record(failures: failures), pace: pace, timeout: .seconds(15), attemptLimit: attemptLimit)
    }

    private static func told(_ actions: [DestinationMachine.Action]) -> [String] {
        actions.map { action in
            switch action {
            case .claim(let count): "claim \(count)"
            case .attempt(let number, let event): "\(number): \(event.event.resourceARN)/\(event.event.sequence)"
            case .enforce(let demand, let finished): "enforce \(demand), then \(finished.told)"
            case .write(let finished): "write \(finished.told)"
            case .note(let note): "note \(note.succeeded ? "+" : "")\(note.failuresSince)"
            case .report(let report): "report \(report)"
            }
        }
    }

    /// One that has claimed `queues` with its first place and sends the first of them as attempt 1.
    private static func sending(_ queues: [ClaimedQueue], _ change: (inout Pace) -> Void = { _ in }, attemptLimit: Int64 = 15)
        -> DestinationMachine
    {
        var machine = machine(change, attemptLimit: attemptLimit)
        _ = play(&machine, .due(Made.record()))
        #expect(machine.wantedPlaces == 1)
        #expect(told(machine.take(places: 1, at: Made.start)) == ["claim 64"])
        let first = queues[0].events.first.map { "1: \(queues[0].queue.resourceARN)/\($0.event.sequence)" }
        #expect(play(&machine, .claimed(queues)) == [first].compactMap { $0 })
        return machine
    }

    private static func play(_ machine: inout DestinationMachine, _ inputs: DestinationMachine.Input..., after time: Duration = .zero)
        -> [String]
    {
        inputs.flatMap { told(machine.receive($0, at: Made.start + time)) }
    }

    private static func written(_ queue: ClaimedQueue, hasMore: Bool = false, mayHoldMore: Bool = false) -> DestinationMachine.Input {
        .written(FinishedQueue(queue.queue, leaseToken: queue.token, QueueOutcome(hasMore: hasMore)), mayHoldMore: mayHoldMore)
    }

    @Test func `nothing is claimed without a place, and the claim keeps it for its first queue`() {
        var machine = Self.machine()
        #expect(machine.isIdle && machine.wantedPlaces == 0)
        #expect(Self.play(&machine, .due(Made.record())) == [])
        #expect(machine.wantedPlaces == 1 && machine.takenPlaces == 0)
        #expect(Self.told(machine.take(places: 1, at: Made.start)) == ["claim 64"])
        #expect(machine.wantedPlaces == 0 && machine.takenPlaces == 1)
        #expect(Self.play(&machine, .claimed([Made.queue("a"), Made.queue("b")])) == ["1: a/1"])
        #expect(machine.wantedPlaces == 1 && machine.takenPlaces == 1)
        #expect(Self.told(machine.take(places: 1, at: Made.start)) == ["2: b/1"])
        #expect(machine.takenPlaces == 2)
        // The last claim found less than it asked for: there is no other until something is due.
        #expect(Self.play(&machine, .attempted(1, Made.delivered, took: .zero)) == ["write a +1"])
        #expect(Self.play(&machine, .attempted(2, Made.delivered, took: .zero)) == ["write b +1"])
        #expect(machine.takenPlaces == 0 && !machine.isIdle)
        #expect(Self.play(&machine, Self.written(Made.queue("a")), Self.written(Made.queue("b"))) == [])
        #expect(machine.isIdle && machine.wantedPlaces == 0)
    }

    @Test func `a claim that finds nothing gives its place back`() {
        var machine = Self.machine()
        _ = Self.play(&machine, .due(Made.record()))
        _ = machine.take(places: 1, at: Made.start)
        #expect(Self.play(&machine, .claimed([])) == [])
        #expect(machine.takenPlaces == 0 && machine.wantedPlaces == 0 && machine.isIdle)
    }

    @Test func `events that are due during a claim are claimed after it`() {
        var machine = Self.sending([Made.queue("a")])
        #expect(Self.play(&machine, .due(Made.record())) == ["claim 64"])
        #expect(Self.play(&machine, .due(Made.record())) == [])
        #expect(Self.play(&machine, .claimed([])) == ["claim 64"])
        #expect(Self.play(&machine, .claimed([])) == [])
    }

    @Test func `a full claim is followed by another, up to what may be leased ahead`() {
        let queues = (0..<64).map { Made.queue("q\($0)") }
        var machine = Self.machine()
        _ = Self.play(&machine, .due(Made.record()))
        _ = machine.take(places: 1, at: Made.start)
        #expect(Self.play(&machine, .claimed(queues)) == ["1: q0/1", "claim 64"])
        #expect(Self.play(&machine, .claimed(queues)) == ["claim 64"])
        #expect(Self.play(&machine, .claimed(queues)) == ["claim 64"])
        // 256 are leased: 32 that may be in flight and 224 ahead.
        #expect(Self.play(&machine, .claimed(queues)) == [])
        #expect(machine.wantedPlaces == 31)
        // A slow receiver has none ahead.
        #expect(Self.play(&machine, .attempted(1, Made.delivered, took: .seconds(1))) == ["write q0 +1"])
        #expect(Self.play(&machine, Self.written(queues[0])) == [])
        #expect(machine.wantedPlaces == 32)
    }

    @Test func `the events of a queue go one after the other, as far as they arrive`() {
        let queue = Made.queue("a", events: 3)
        var machine = Self.sending([queue])
        #expect(Self.play(&machine, .attempted(1, Made.delivered, took: .zero)) == ["2: a/2"])
        #expect(
            Self.play(&machine, .attempted(2, Made.failed(), took: .zero))
                == ["report failing(\"no\")", "write a +1 -2#1 more"])
        // Its next attempt is due later, and found by looking.
        let finished = FinishedQueue(
            queue.queue, leaseToken: "token",
            {
                var outcome = QueueOutcome(hasMore: true)
                outcome.failure = QueueOutcome.Failure(
                    event: queue.events[1].event.key, attempt: 1, duration: 0, status: nil, error: "", isLast: false, delay: 1)
                return outcome
            }())
        #expect(Self.play(&machine, .written(finished, mayHoldMore: true)) == ["note +1"])
        #expect(machine.wantedPlaces == 0)
    }

    @Test func `a queue that was read up to its limit may hold more`() {
        let queue = Made.queue("a", events: 16)
        var machine = Self.sending([queue])
        var actions: [String] = []
        for number in 1...16 { actions = Self.play(&machine, .attempted(number, Made.delivered, took: .zero)) }
        #expect(actions == ["write a" + (1...16).map { " +\($0)" }.joined() + " more"])
        #expect(Self.play(&machine, Self.written(queue, hasMore: true)) == [])
        #expect(machine.wantedPlaces == 1)
    }

    @Test func `what was added while a queue was leased is due at once`() {
        let queue = Made.queue("a")
        var machine = Self.sending([queue])
        _ = Self.play(&machine, .attempted(1, Made.delivered, took: .zero))
        #expect(Self.play(&machine, Self.written(queue, mayHoldMore: true)) == [])
        #expect(machine.wantedPlaces == 1)
    }

    @Test func `an event is given up after its last attempt, or when the receiver wants no more`() {
        var last = Self.sending([Made.queue("a", attempts: 14)])
        #expect(Self.play(&last, .attempted(1, Made.failed(), took: .zero)).last == "write a -1#15! more")
        var gone = Self.sending([Made.queue("a")])
        #expect(Self.play(&gone, .attempted(1, Made.failed(.nothing), took: .zero)).last == "enforce nothing, then a -1#1! more")
    }

    @Test func `after Retry-After nothing is sent that was claimed before it is in force`() throws {
        let queues = [Made.queue("a", events: 2), Made.queue("b", events: 2), Made.queue("c")]
        var machine = Self.sending(queues)
        #expect(Self.told(machine.take(places: 1, at: Made.start)) == ["2: b/1"])
        let actions = machine.receive(.attempted(1, Made.failed(.quiet(5)), took: .zero), at: Made.start + .seconds(1))
        #expect(Self.told(actions) == ["report failing(\"no\")", "write c more", "enforce quiet(5), then a -1#1 more"])
        // The event in flight may arrive, the next of its queue is not sent.
        #expect(
            Self.play(&machine, .attempted(2, Made.delivered, took: .zero), after: .seconds(2)) == ["report recovered", "write b +1 more"])
        // What was claimed in the meantime is given back too, once nothing can be claimed any more.
        #expect(Self.play(&machine, .due(Made.record())) == [])
        #expect(Self.told(machine.take(places: 1, at: Made.start)) == ["claim 64"])
        #expect(
            Self.play(&machine, .claimed([Made.queue("d", events: 2, at: Made.start + .seconds(2)), Made.queue("e")]), after: .seconds(2))
                == [
                    "3: d/1"
                ])
        guard case .enforce(_, let finished)? = actions.last else { throw Refused(what: "nothing is enforced") }
        #expect(Self.play(&machine, .demandWritten(finished), after: .seconds(3)) == ["write e more", "write a -1#1 more"])
        #expect(Self.play(&machine, .attempted(3, Made.delivered, took: .zero), after: .seconds(4)) == ["write d +1 more"])
        // What is claimed later is sent.
        _ = machine.receive(.due(Made.record()), at: Made.start)
        _ = machine.take(places: 1, at: Made.start)
        #expect(Self.play(&machine, .claimed([Made.queue("f", at: Made.start + .seconds(4))]), after: .seconds(4)) == ["4: f/1"])
    }

    @Test func `no event is begun that could outlast its lease`() {
        var machine = Self.sending([Made.queue("a", events: 2), Made.queue("b")])
        #expect(Self.play(&machine, .attempted(1, Made.delivered, took: .seconds(15)), after: .seconds(16)) == ["write a +1 more"])
        #expect(Self.told(machine.take(places: 1, at: Made.start + .seconds(16))) == ["write b more"])
        #expect(machine.takenPlaces == 0)
    }

    @Test func `a destination that fails gets few places, and its full share once it works`() {
        var machine = Self.sending((0..<20).map { Made.queue("q\($0)") })
        for number in 1...8 {
            #expect(machine.wantedPlaces == 20 - number)
            _ = Self.play(&machine, .attempted(number, Made.failed(), took: .zero))
            _ = machine.take(places: 1, at: Made.start)
        }
        #expect(machine.takenPlaces == 1 && machine.wantedPlaces == 3)
        _ = Self.play(&machine, .attempted(9, Made.delivered, took: .zero))
        #expect(machine.wantedPlaces == 11)
        // One that was left failing by others begins with few.
        var known = Self.machine(failures: 8)
        _ = Self.play(&known, .due(Made.record(failures: 8)))
        #expect(Self.told(known.take(places: 1, at: Made.start)) == ["claim 4"])
    }

    @Test func `a fault of ours costs no attempt, and is tried again after a second`() {
        let queue = Made.queue("a", events: 2)
        var machine = Self.sending([queue])
        let actions = Self.play(&machine, .attempted(1, .unsent("no secret"), took: .zero))
        #expect(actions == ["report unsent(\"no secret\")", "write a more in 1000"])
    }

    @Test func `what the courier's own stop cuts short is no failure`() {
        var machine = Self.sending([Made.queue("a", events: 2)])
        #expect(Self.play(&machine, .stop, .attempted(1, .cutShort, took: .zero)) == ["write a more"])
    }

    @Test func `stopping gives back what is not begun, lets arrive what is in flight, and begins nothing`() {
        let queues = [Made.queue("a", events: 2), Made.queue("b")]
        var machine = Self.sending(queues)
        #expect(Self.play(&machine, .due(Made.record())) == ["claim 64"])
        #expect(Self.play(&machine, .stop) == ["write b more"])
        #expect(machine.wantedPlaces == 0)
        // What a claim that was under way has leased.
        #expect(Self.play(&machine, .claimed([Made.queue("c")])) == ["write c more"])
        #expect(Self.play(&machine, .attempted(1, Made.delivered, took: .zero)) == ["write a +1 more"])
        #expect(Self.play(&machine, .due(Made.record()), Self.written(queues[0], hasMore: true)) == [])
        #expect(machine.takenPlaces == 0 && machine.wantedPlaces == 0)
    }

    @Test func `failures are written down once in a while, and when nobody comes after`() {
        let queues = (0..<4).map { Made.queue("q\($0)") }
        var machine = Self.sending(queues)
        _ = machine.take(places: 3, at: Made.start)
        for number in 1...4 { _ = Self.play(&machine, .attempted(number, Made.failed(), took: .zero)) }
        #expect(Self.play(&machine, Self.written(queues[0])) == ["note 4"])
        #expect(Self.play(&machine, Self.written(queues[1])) == [])
        _ = Self.play(&machine, .due(Made.record()))
        _ = machine.take(places: 1, at: Made.start)
        _ = Self.play(&machine, .claimed([Made.queue("a"), Made.queue("b")]))
        _ = Self.play(&machine, .attempted(5, Made.failed(), took: .zero))
        #expect(Self.play(&machine, Self.written(queues[2])) == [])
        #expect(Self.play(&machine, Self.written(queues[3]), after: .seconds(1)) == ["note 1"])
        // A success is worth writing down after failures only, and at the end though it is soon.
        _ = machine.take(places: 1, at: Made.start)
        _ = Self.play(&machine, .attempted(6, Made.delivered, took: .zero))
        #expect(Self.play(&machine, Self.written(Made.queue("a")), after: .seconds(1)) == [])
        #expect(Self.play(&machine, Self.written(Made.queue("b")), after: .seconds(1)) == ["note +0"])
    }
}
