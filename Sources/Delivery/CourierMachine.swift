import Store

/// What one courier does for all destinations, as a value: it takes what happened and returns what to do about it.
///
/// Each destination has a machine of its own. This one shares the places for attempts among them, gathers what is to be written down into few
/// batches, says how long lines of the log are left out, and knows when everything has ended.
struct CourierMachine {
    typealias Moment = ContinuousClock.Instant

    /// What happened. All but `due`, `databaseFailed` and `stop` end an action.
    enum Input {
        /// Events are due for these destinations.
        case due([DestinationRecord])
        /// As `DestinationMachine.Input.claimed`, of the destination of this id.
        case claimed(String, [ClaimedQueue])
        case attempted(String, Int, AttemptResult, took: Duration)
        case demandWritten(FinishedQueue)
        /// Queues were to be written. Those in `failed` could not be, in the order in which to try again.
        case written([WrittenQueue], failed: [UnwrittenQueue])
        case noted
        /// Something else could not be read or written.
        case databaseFailed(String)
        /// The process is asked to stop.
        case stop
        /// The grace for attempts in flight is over.
        case graceEnded
    }

    /// What to do.
    enum Action {
        case claim(String, Int)
        case attempt(DestinationRecord, Int, WaitingEvent)
        case enforce(ReceiverDemand, FinishedQueue)
        /// Write queues down, in one batch where it `isFirstTry`, else one after the other, after a pause.
        case write([UnwrittenQueue], isFirstTry: Bool, after: Duration)
        case note(String, FailureCount.Note)
        case log(LogLine)
        /// Tell `graceEnded` after the grace.
        case beginGrace
        /// Cancel what is in flight.
        case cancelAttempts
    }

    private enum Phase {
        case running
        case stopping
    }

    private let pace: Pace
    private let timeout: Duration
    private let attemptLimit: Int64
    private var phase = Phase.running
    private var destinations: [String: DestinationMachine] = [:]
    /// Destinations that want places, the longest waiting first. Each is in it once.
    private var waiting: [String] = []
    private var takenPlaces = 0
    /// Of those, the ones for destinations that streams of an account name.
    private var takenByAccount: [String: Int] = [:]
    private var unwritten: [UnwrittenQueue] = []
    private var writes = 0
    /// Actions that have not ended, without writes and attempts.
    private var pending = 0
    /// Whether the log says so.
    private var isDatabaseFailing = false
    private var log: DeliveryLog

    init(pace: Pace, timeout: Duration, attemptLimit: Int64) {
        self.pace = pace
        self.timeout = timeout
        self.attemptLimit = attemptLimit
        log = DeliveryLog(interval: pace.reportInterval)
    }

    /// Whether the courier was stopped and nothing is left to be done.
    var isEnded: Bool {
        switch phase {
        case .running: false
        case .stopping: takenPlaces == 0 && pending == 0 && writes == 0 && unwritten.isEmpty
        }
    }

    /// Takes note of what happened.
    mutating func receive(_ input: Input, at now: Moment) -> [Action] {
        var actions: [Action] = []
        switch input {
        case .due(let records):
            guard case .running = phase else { return [] }
            forgetIdle()
            for record in records { actions += tell(.due(record), to: record, at: now) }
            if isDatabaseFailing { actions.append(.log(LogLine(level: .notice, message: "deliveries go on"))) }
            isDatabaseFailing = false
            actions += log.flush(at: now).map { .log($0) }
        case .claimed(let id, let queues):
            pending -= 1
            actions += tell(.claimed(queues), to: id, at: now)
        case .attempted(let id, let attempt, let result, let duration):
            actions += tell(.attempted(attempt, result, took: duration), to: id, at: now)
        case .demandWritten(let finished):
            pending -= 1
            actions += tell(.demandWritten(finished), to: finished.queue.destinationID, at: now)
        case .written(let written, let failed):
            writes -= 1
            for queue in written { actions += tell(written: queue, at: now) }
            actions += retry(failed, at: now)
        case .noted: pending -= 1
        case .databaseFailed(let error):
            if !isDatabaseFailing {
                actions.append(.log(LogLine(level: .warning, message: "deliveries wait", metadata: ["error": error])))
            }
            isDatabaseFailing = true
        case .stop:
            guard case .running = phase else { return [] }
            phase = .stopping
            for id in Array(destinations.keys) { actions += tell(.stop, to: id, at: now) }
            actions.append(.beginGrace)
        case .graceEnded: actions.append(.cancelAttempts)
        }
        return actions + sharePlaces(at: now) + write()
    }

    // MARK: Destinations

    private mutating func tell(_ input: DestinationMachine.Input, to record: DestinationRecord, at now: Moment) -> [Action] {
        if destinations[record.id] == nil {
            destinations[record.id] = DestinationMachine(record, pace: pace, timeout: timeout, attemptLimit: attemptLimit)
        }
        return tell(input, to: record.id, at: now)
    }

    private mutating func tell(_ input: DestinationMachine.Input, to id: String, at now: Moment) -> [Action] {
        change(id, at: now) { $0.receive(input, at: now) }
    }

    private mutating func tell(written queue: WrittenQueue, at now: Moment) -> [Action] {
        tell(.written(queue.finished, mayHoldMore: queue.mayHoldMore), to: queue.finished.queue.destinationID, at: now)
    }

    /// Changes a destination's machine, and keeps count of the places that it takes.
    private mutating func change(_ id: String, at now: Moment, _ body: (inout DestinationMachine) -> [DestinationMachine.Action])
        -> [Action]
    {
        guard var machine = destinations.removeValue(forKey: id) else { return [] }
        let before = machine.takenPlaces
        let wanted = machine.wantedPlaces
        let actions = body(&machine)
        let more = machine.takenPlaces - before
        takenPlaces += more
        if let account = machine.record.sharingAccount { takenByAccount[account, default: 0] += more }
        if wanted == 0, machine.wantedPlaces > 0, !waiting.contains(id) { waiting.append(id) }
        destinations[id] = machine
        return actions.compactMap { action(for: $0, of: machine.record, at: now) }
    }

    private mutating func action(for action: DestinationMachine.Action, of record: DestinationRecord, at now: Moment) -> Action? {
        switch action {
        case .claim(let count):
            pending += 1
            return .claim(record.id, count)
        case .attempt(let number, let event): return .attempt(record, number, event)
        case .enforce(let demand, let finished):
            pending += 1
            return .enforce(demand, finished)
        case .write(let finished):
            unwritten.append(UnwrittenQueue(finished: finished))
            return nil
        case .note(let note):
            pending += 1
            return .note(record.id, note)
        case .report(let report): return log.line(report, of: record, at: now).map { .log($0) }
        }
    }

    /// Forgets after a while how a destination failed.
    private mutating func forgetIdle() {
        guard destinations.count >= 1000 else { return }
        destinations = destinations.filter { !$0.value.isIdle }
        takenByAccount = takenByAccount.filter { $0.value > 0 }
    }

    // MARK: Places

    /// Gives places to the destinations that want some, the longest waiting first.
    private mutating func sharePlaces(at now: Moment) -> [Action] {
        var actions: [Action] = []
        let asking = waiting
        waiting = []
        for id in asking {
            guard let machine = destinations[id], machine.wantedPlaces > 0 else { continue }
            let free = min(machine.wantedPlaces, freePlaces(for: machine))
            if free > 0 { actions += change(id, at: now) { $0.take(places: free, at: now) } }
            if destinations[id].map({ $0.wantedPlaces > 0 }) ?? false, !waiting.contains(id) { waiting.append(id) }
        }
        return actions
    }

    private func freePlaces(for machine: DestinationMachine) -> Int {
        let unshared = pace.attempts - takenPlaces
        // The first attempt of a destination may take what is kept for such.
        let free = max(unshared - pace.attemptsForFirsts, machine.takenPlaces == 0 ? min(1, unshared) : 0)
        guard let account = machine.record.sharingAccount else { return free }
        return min(free, pace.attemptsPerAccount - takenByAccount[account, default: 0])
    }

    // MARK: Writing

    /// Begins to write queues: at once where no write is under way, else once enough have gathered.
    private mutating func write() -> [Action] {
        var actions: [Action] = []
        while !unwritten.isEmpty, writes == 0 || (unwritten.count >= pace.queuesPerWrite && writes < pace.writes) {
            let queues = Array(unwritten.prefix(pace.queuesPerWrite))
            unwritten.removeFirst(queues.count)
            writes += 1
            actions.append(.write(queues, isFirstTry: true, after: .zero))
        }
        return actions
    }

    /// Tries to write queues again. After enough tries a queue is left to the end of its lease, and its delivered events are sent again.
    private mutating func retry(_ failed: [UnwrittenQueue], at now: Moment) -> [Action] {
        let limit =
            switch phase {
            case .running: pace.writeAttempts
            // The time is short.
            case .stopping: 2
            }
        var actions: [Action] = []
        for queue in failed where queue.tries >= limit {
            actions += tell(written: WrittenQueue(finished: queue.finished, mayHoldMore: false), at: now)
        }
        let again = failed.filter { $0.tries < limit }
        guard let tries = again.map(\.tries).max() else { return actions }
        writes += 1
        return actions + [.write(again, isFirstTry: false, after: pace.writePause * (tries - 1))]
    }
}

/// A queue that is to be written down.
struct UnwrittenQueue: Sendable {
    let finished: FinishedQueue
    /// How often that was tried.
    var tries = 0
}

/// A queue that is written down, or was given up.
struct WrittenQueue: Sendable {
    let finished: FinishedQueue
    /// Whether something was added while it was leased, or another instance has it.
    let mayHoldMore: Bool
}

extension UnwrittenQueue {
    /// After one more try.
    var triedAgain: UnwrittenQueue { UnwrittenQueue(finished: finished, tries: tries + 1) }
}

extension DestinationRecord {
    /// The account whose share of the places its attempts take; nil for an operator's subscription.
    fileprivate var sharingAccount: String? {
        switch origin {
        case .stream: account
        case .subscription: nil
        }
    }
}
