import ArgumentParser
import Delivery
import FoundationEssentials
import Store

/// Shows what has happened and how it was told, and tells it again, beside the instances that run.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Look at events and their deliveries, and send them again.",
        subcommands: [Tail.self, Show.self, Replay.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tail", abstract: "Print events in the order of time, each as a line of JSON.",
            usage: """
                weir events tail [--follow] [--account DIGITS] [--types A,B] [--prefix ARN-PREFIX] [--since DURATION] [--config FILE] \
                [--KEY VALUE ...]
                """,
            discussion: """
                --since DURATION goes back so far: 90s, 15m, 24h or 7d. Without it the last hour is printed, or with --follow only what happens \
                from now on. --follow goes on until it is interrupted.


                """ + ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            var words = CommandWords(arguments)
            let follows = words.takeFlag("follow")
            let filter = try EventFilter(takenFrom: &words)
            let age = try words.takeOption("since").map(Events.milliseconds)
            try await Deployment.open(words, self) { deployment, _ in
                let now = try await deployment.store.now()
                var tail = EventTail(store: deployment.store, since: now - (age ?? (follows ? 0 : 60 * 60 * 1000)))
                repeat {
                    for event in try await tail.next() where filter.matches(event) {
                        Output.write(CloudEvent.json(event) + [UInt8(ascii: "\n")])
                    }
                    if follows, tail.isCaughtUp { try await Task.sleep(for: .milliseconds(300)) }
                } while follows || !tail.isCaughtUp
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print an event, how it stands with each destination, and the attempts that failed.",
            usage: "weir events show ID [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            var words = CommandWords(arguments)
            try await withEvent(&words, self) { event, deployment in
                Output.write(CloudEvent.json(event) + [UInt8(ascii: "\n")])
                let deliveries = try await deployment.store.deliveries(of: event.key)
                guard !deliveries.isEmpty else { return print("\nNo destination was to be told.") }
                print(
                    "\n"
                        + TextTable(
                            ["DESTINATION", "STATE", "ATTEMPTS", "REPLAYED", "FINISHED", "STATUS", "LAST ERROR"],
                            deliveries.map { delivery in
                                [
                                    delivery.destinationID, delivery.state.rawValue, "\(delivery.attempts)", delivery.isReplay ? "yes" : "",
                                    delivery.finishedAt.map(time) ?? "", delivery.lastStatus.map(String.init) ?? "",
                                    delivery.lastError ?? "",
                                ]
                            }
                        ).text)
                let attempts = try await deployment.store.failedAttempts(of: event.key)
                guard !attempts.isEmpty else { return }
                print(
                    "\n"
                        + TextTable(
                            ["DESTINATION", "FAILED ATTEMPT", "ENDED", "TOOK", "STATUS", "ERROR"],
                            attempts.map { attempt in
                                [
                                    attempt.destinationID, "\(attempt.attempt)", time(attempt.endedAt), "\(attempt.duration) ms",
                                    attempt.httpStatus.map(String.init) ?? "", attempt.error,
                                ]
                            }
                        ).text)
            }
        }
    }

    struct Replay: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "replay", abstract: "Send an event again, or all that were given up, marked as a replay.",
            usage: """
                weir events replay ID [--destination ID] [--config FILE] [--KEY VALUE ...]
                weir events replay --dead [--destination ID] [--account DIGITS] [--types A,B] [--prefix ARN-PREFIX] [--since DURATION] \
                [--config FILE] [--KEY VALUE ...]
                """,
            discussion: """
                Without --destination an event goes to every destination that gave it up or, where there is none, to every one that it went to. \
                It carries the id that it had, the attribute replayed and, in a webhook, the header weir-replay.

                --dead sends all events that were given up, as far as they are kept: of one destination, or those that the other flags name. \
                --since DURATION goes back so far: 90s, 15m, 24h or 7d.


                """ + ConfigurationHelp.text)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            var words = CommandWords(arguments)
            let wanted = try words.takeOption("destination")
            guard words.takeFlag("dead") else { return try await replayOne(&words, to: wanted) }
            let filter = try EventFilter(takenFrom: &words)
            let age = try words.takeOption("since").map(Events.milliseconds)
            try await Deployment.open(words, self) { deployment, _ in
                if let wanted, try await deployment.store.destination(wanted) == nil {
                    throw ValidationError("There is no destination \(wanted): weir subscriptions list has them all.")
                }
                let since = if let age { try await deployment.store.now() - age } else { Int64(0) }
                let count = try await Self.replayDead(of: wanted, filter, since: since, in: deployment.store)
                print(count == 0 ? "There is nothing to send again." : "Sent again: \(count), each as soon as its turn comes.")
            }
        }

        /// One after the other in the order of time, so that those of a resource go in their order.
        private static func replayDead(of wanted: String?, _ filter: EventFilter, since: Int64, in store: Store) async throws -> Int {
            var count = 0
            var last: DeadLetter?
            repeat {
                let page = try await store.deadLetters(after: last, since: since, limit: 500)
                for letter in page where (wanted ?? letter.destinationID) == letter.destinationID && filter.matches(letter.event) {
                    if try await store.replay(letter.event.key, to: letter.destinationID) { count += 1 }
                }
                last = page.last
            } while last != nil
            return count
        }

        private func replayOne(_ words: inout CommandWords, to wanted: String?) async throws {
            try await withEvent(&words, self) { event, deployment in
                let deliveries = try await deployment.store.deliveries(of: event.key)
                let ids = try Self.destinations(wanted, deliveries)
                for id in ids {
                    if try await deployment.store.replay(event.key, to: id) {
                        print("Sent again to \(id), as soon as its turn comes.")
                    } else {
                        print("It still waits for \(id).")
                    }
                }
            }
        }

        private static func destinations(_ wanted: String?, _ deliveries: [DeliveryRecord]) throws -> [String] {
            if let wanted {
                guard deliveries.contains(where: { $0.destinationID == wanted }) else {
                    throw ValidationError("The event was never to go to \(wanted): weir events show lists where it went.")
                }
                return [wanted]
            }
            guard !deliveries.isEmpty else { throw ValidationError("The event was to go nowhere.") }
            let dead = deliveries.filter { $0.state == .dead }
            return (dead.isEmpty ? deliveries : dead).map(\.destinationID)
        }
    }

    private static func withEvent<Command: ParsableCommand>(
        _ words: inout CommandWords, _ command: Command, _ body: (Event, Deployment) async throws -> Void
    ) async throws {
        let id = words.takeFirst()
        try await Deployment.open(words, command) { deployment, _ in
            guard let id, let key = EventKey(id: id) else {
                throw ValidationError("Name an event by its id, ARN/SEQUENCE@MILLISECONDS, as weir events tail prints it.")
            }
            guard let event = try await deployment.store.event(key) else {
                throw ValidationError("There is no event \(id), or it is not kept any more.")
            }
            try await body(event, deployment)
        }
    }

    /// A duration as --since takes it.
    private static func milliseconds(_ text: String) throws -> Int64 {
        let units: [Character: Int64] = ["s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let unit = text.last.flatMap({ units[$0] }), let number = Int64(text.dropLast()), (0...1_000_000).contains(number) else {
            throw ValidationError("--since: must be a number with a unit, such as 90s, 15m, 24h or 7d, not '\(text)'")
        }
        return number * unit
    }

    private static func time(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
    }
}

/// Events in the order of time, as they become visible. A change that is committed late shows its event behind later ones: so the last seconds are
/// read again and again, and what was seen is left out.
struct EventTail {
    private let store: Store
    private var after: EventKey?
    private var since: Int64
    private var recent: [EventKey] = []
    private var seen: Set<EventKey> = []
    /// Whether everything that could be seen was.
    private(set) var isCaughtUp = false
    private static let page = 1000
    /// Milliseconds: longer than any batch takes.
    private static let overlap: Int64 = 15_000

    init(store: Store, since: Int64) {
        self.store = store
        self.since = since
    }

    /// What is new, at most a page of it.
    mutating func next() async throws -> [Event] {
        let found = try await store.events(after: after, since: since, limit: Self.page)
        isCaughtUp = found.count < Self.page
        let new = found.filter { seen.insert($0.key).inserted }
        recent += new.map(\.key)
        guard isCaughtUp else {
            after = found.last?.key
            return new
        }
        after = nil
        let newest = try await store.now()
        since = max(since, newest - Self.overlap)
        for key in recent where key.occurredAt < since { seen.remove(key) }
        recent.removeAll { $0.occurredAt < since }
        return new
    }
}
