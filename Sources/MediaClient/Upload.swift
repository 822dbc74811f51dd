/// Decides what is sent when: fragments in order through one session after the other, each kept until the server says that it is stored. A value
/// without I/O; times are seconds of any clock that only goes on.
struct Upload {
    enum Input {
        /// The next one, as asked for by `takeMore`.
        case fragment(Fragment)
        /// There are no more.
        case sourceEnded
        /// The server waits for the body of the session. A stream that keeps nothing never tells more than RECEIVED.
        case opened(isKept: Bool)
        case acknowledged(Acknowledgement)
        /// The session, or the attempt to open one, is over.
        case closed(Ending)
        /// The timecodes that the server has stored of those asked for; nil where it cannot be asked.
        case reconciled(Set<Int>?)
        case waited
        /// It is to end soon: the source was asked to.
        case stopped
        /// Comes each second.
        case ticked
    }

    enum Ending: Equatable {
        /// The server ended its answer.
        case complete
        /// The connection broke, or the server cannot serve now: worth another try.
        case broken(String)
        case refused(String)
    }

    enum Action: Equatable {
        /// Take another fragment from the source.
        case takeMore
        case open
        case send([UInt8])
        case endBody
        /// Ask which fragments the server has stored of those from one timecode to another.
        case reconcile(ClosedRange<Int>)
        case wait(Double)
        case tell(String)
        /// All is over: nil where everything was stored.
        case finish(failure: String?)
    }

    struct Rules: Sendable {
        /// Bytes that may wait for being stored. One fragment may, however large.
        var room = 128 << 20
        /// Seconds of trouble without progress after which it gives up; nil for never.
        var givingUpAfter: Double? = 300
        /// The same once it is to end soon, whether there is trouble or the server just says nothing.
        var stopsAfter = 30.0
        /// Refused fragments one after the other after which it gives up.
        var refusals = 5
    }

    private struct Entry {
        let fragment: Fragment
        var isSent = false
        /// Whether some session has sent it: then the server may have stored it.
        var wasSent = false
    }

    private enum Phase: Equatable { case idle, reconciling, opening, open(header: [UInt8]?), ending, waiting, over }

    private let rules: Rules
    /// A random number from 0 to 1.
    private let jitter: () -> Double
    private var entries: [Entry] = []
    private var phase = Phase.idle
    /// Whether the stream keeps what it is sent.
    private(set) var isKept = true
    private var hasAsked = false
    private var hasEnded = false
    private var mustReconcile = false
    /// Whether the server said what is wrong with the session, which it then ends.
    private var isCondemned = false
    private var failures = 0
    private var troubleSince: Double?
    private var trouble = ""
    private var refusalsInARow = 0
    /// Since when nothing was stored, once it is to end soon; and how much was then.
    private var quiet: (since: Double, stored: Int)?

    private(set) var stored = 0
    private(set) var storedBytes = 0
    private(set) var refused = 0
    /// Time of the last frame that is stored, in milliseconds since 1970.
    private(set) var storedUpTo: Int?
    /// And of the last that was taken from the source.
    private(set) var takenUpTo: Int?

    init(_ rules: Rules = Rules(), jitter: @escaping () -> Double = { Double.random(in: 0...1) }) {
        self.rules = rules
        self.jitter = jitter
    }

    /// Returns what to do first.
    mutating func start() -> [Action] { advance() }

    mutating func take(_ input: Input, at now: Double) -> [Action] {
        guard phase != .over else { return [] }
        var actions: [Action] = []
        switch input {
        case .fragment(let fragment):
            hasAsked = false
            takenUpTo = fragment.lastTime
            entries.append(Entry(fragment: fragment))
        case .sourceEnded: hasEnded = true
        case .opened(let isKept):
            self.isKept = isKept
            phase = .open(header: nil)
        case .acknowledged(let acknowledgement): actions = take(acknowledgement)
        case .closed(let ending): actions = close(ending, now)
        case .reconciled(let found):
            mustReconcile = false
            phase = .idle
            for entry in entries where entry.wasSent && found?.contains(entry.fragment.timecode) == true { settle(entry.fragment.timecode) }
        case .waited: phase = .idle
        case .stopped: quiet = (now, stored)
        case .ticked: actions = tick(now)
        }
        return actions + advance()
    }

    /// What the server does with a fragment at most.
    private var settled: String { isKept ? "stored" : "received" }

    // MARK: Acknowledgements

    private mutating func take(_ acknowledgement: Acknowledgement) -> [Action] {
        switch acknowledgement {
        case .buffering, .idle: return []
        case .received(let timecode):
            if !isKept { settle(timecode) }
            return []
        case .persisted(let timecode):
            settle(timecode)
            return []
        case .error(let timecode, let id, let code):
            guard !isCondemned else { return [] }
            isCondemned = true
            trouble = "the server ended the session: \(id) \(code)"
            // The stream's fault, or nobody's: MAX_CONNECTION_DURATION, STREAM_READ, STREAM_NOT_ACTIVE, and all the server's own.
            if [4000, 4003, 4008].contains(id) || id >= 4500 { return [.tell(trouble)] }
            guard let place = entries.firstIndex(where: { $0.isSent && (timecode == nil || $0.fragment.timecode == timecode) }) else {
                return []
            }
            let lost = entries.remove(at: place).fragment
            refused += 1
            refusalsInARow += 1
            let text = "the fragment of \(lost.timecode) was refused and is lost: \(id) \(code)"
            guard refusalsInARow < rules.refusals else {
                return [.tell(text)] + finish("\(refusalsInARow) fragments in a row were refused, last: \(id) \(code)")
            }
            return [.tell(text)]
        }
    }

    /// A fragment is stored.
    private mutating func settle(_ timecode: Int) {
        guard let place = entries.firstIndex(where: { $0.fragment.timecode == timecode }) else { return }
        let fragment = entries.remove(at: place).fragment
        stored += 1
        storedBytes += fragment.bytes.count
        storedUpTo = max(storedUpTo ?? fragment.lastTime, fragment.lastTime)
        failures = 0
        troubleSince = nil
        refusalsInARow = 0
    }

    // MARK: Sessions

    private mutating func close(_ ending: Ending, _ now: Double) -> [Action] {
        let wasWanted = phase == .ending && !isCondemned
        for place in entries.indices where entries[place].isSent {
            entries[place].isSent = false
            mustReconcile = isKept
        }
        isCondemned = false
        phase = .idle
        switch ending {
        case .refused(let text): return finish(text)
        case .broken(let text): trouble = text
        case .complete:
            // A session that ended as it was to, or that the server closed while there was nothing to send.
            if !mustReconcile, wasWanted || entries.isEmpty { return [] }
            if trouble.isEmpty { trouble = "the server ended the session before it had \(settled) all" }
        }
        if entries.isEmpty, hasEnded { return [] }
        let since = troubleSince ?? now
        troubleSince = since
        if let limit = rules.givingUpAfter, now - since >= limit { return finish("gave up after \(Int(limit)) seconds: \(trouble)") }
        let told: [Action] = failures == 0 ? [.tell("\(trouble); going on with what is not \(settled) yet")] : []
        let longest = min(30, pow2(failures))
        failures += 1
        phase = .waiting
        // Not at once: what was under way gets a moment to be stored.
        return told + [.wait(0.5 + longest * jitter())]
    }

    private func pow2(_ exponent: Int) -> Double { Double(1 << min(exponent, 10)) }

    /// Gives up where it is to end and nothing was stored for long.
    private mutating func tick(_ now: Double) -> [Action] {
        guard let quiet else { return [] }
        if stored > quiet.stored { self.quiet = (now, stored) }
        guard stored == quiet.stored, now - quiet.since >= rules.stopsAfter, !entries.isEmpty || hasEnded else { return [] }
        guard !entries.isEmpty else { return finish(refused == 0 ? nil : "\(refused) fragments were refused") }
        return finish(
            "stopped, and nothing was \(settled) for \(Int(rules.stopsAfter)) seconds: \(entries.count) fragments are not \(settled)"
                + (trouble.isEmpty ? "" : "; \(trouble)"))
    }

    private mutating func finish(_ failure: String?) -> [Action] {
        phase = .over
        return [.finish(failure: failure)]
    }

    /// Does all that can be done now.
    private mutating func advance() -> [Action] {
        var actions: [Action] = []
        if !hasAsked, !hasEnded, phase != .over, entries.isEmpty || waitingBytes < rules.room {
            hasAsked = true
            actions.append(.takeMore)
        }
        switch phase {
        case .idle:
            let sent = entries.filter(\.wasSent).map(\.fragment.timecode)
            if mustReconcile, let first = sent.min(), let last = sent.max() {
                phase = .reconciling
                actions.append(.reconcile(first...last))
            } else if !entries.isEmpty {
                phase = .opening
                actions.append(.open)
            } else if hasEnded {
                actions += finish(refused == 0 ? nil : "\(refused) fragments were refused")
            }
        case .open(let header): actions += send(header)
        case .reconciling, .opening, .ending, .waiting, .over: break
        }
        return actions
    }

    private var waitingBytes: Int { entries.reduce(0) { $0 + $1.fragment.bytes.count } }

    /// Sends what belongs to the open session and ends it where nothing more does.
    private mutating func send(_ header: [UInt8]?) -> [Action] {
        var actions: [Action] = []
        var header = header
        while !isCondemned, let place = entries.firstIndex(where: { !$0.isSent }) {
            let fragment = entries[place].fragment
            if let header, header != fragment.header { break }
            if header == nil { actions.append(.send(fragment.header)) }
            header = fragment.header
            actions.append(.send(fragment.bytes))
            entries[place].isSent = true
            entries[place].wasSent = true
        }
        phase = .open(header: header)
        if isCondemned || entries.contains(where: { !$0.isSent }) || hasEnded && entries.isEmpty {
            phase = .ending
            actions.append(.endBody)
        }
        return actions
    }
}
