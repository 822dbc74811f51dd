import ArgumentParser
import Delivery
import FoundationEssentials
import Settings
import Store

/// Shows what has happened and how it was told, and tells it again, beside the instances that run.
struct Events: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Look at events and their deliveries, and send them again.",
        subcommands: [Tail.self, Show.self, Replay.self])

    struct Tail: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "tail", abstract: "Print events in the order of time, each as a line of JSON.",
            discussion: """
                Without --since the last hour is printed, or with --follow only what happens from now on. --account narrows down to the events of \
                one account.

                \(ConfigurationFlags.discussion)
                """)

        @Flag(help: "Go on until interrupted.")
        var follow = false

        @OptionGroup
        var since: AgeFlag

        @OptionGroup
        var wanted: EventFilterFlags

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            let filter = try wanted.filter(flags)
            try await Deployment.open(flags) { deployment, _ in
                let now = try await deployment.store.now()
                var tail = EventTail(store: deployment.store, since: now - (since.milliseconds ?? (follow ? 0 : 60 * 60 * 1000)))
                repeat {
                    for event in try await tail.next() where filter.matches(event) {
                        Output.write(CloudEvent.json(event) + [UInt8(ascii: "\n")])
                    }
                    if follow, tail.isCaughtUp { try await Task.sleep(for: .milliseconds(300)) }
                } while follow || !tail.isCaughtUp
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print an event, how it stands with each destination, and the attempts that failed.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: eventIDHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withEvent(id, flags) { event, deployment in
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
                                    delivery.finishedAt.map(TextTable.time) ?? "", delivery.lastStatus.map(String.init) ?? "",
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
                                    attempt.destinationID, "\(attempt.attempt)", TextTable.time(attempt.endedAt), "\(attempt.duration) ms",
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
                weir events replay <id> [--destination <id>] [<options>]
                weir events replay --dead [--destination <id>] [--account <digits>] [--types <a,b>] [--prefix <arn>] [--since <duration>] [<options>]
                """,
            discussion: """
                Without --destination an event goes to every destination that gave it up or, where there is none, to every one that it went to. \
                It carries the id that it had, the attribute replayed and, in a webhook, the header weir-replay.

                --dead sends all events that were given up, as far as they are kept: of one destination, or those that the other flags name.

                \(ConfigurationFlags.discussion)
                """)

        @Argument(help: eventIDHelp)
        var id: String?

        @Option(help: ArgumentHelp("The id of the only destination to send to.", valueName: "id"))
        var destination: String?

        @Flag(help: "Send all events that were given up.")
        var dead = false

        @OptionGroup
        var since: AgeFlag

        @OptionGroup
        var wanted: EventFilterFlags

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            guard dead else { return try await replayOne() }
            let filter = try wanted.filter(flags)
            try await Deployment.open(flags) { deployment, _ in
                if let id { throw ValidationError("Name an event, \(id), or --dead for all that were given up, not both.") }
                if let destination, try await deployment.store.destination(destination) == nil {
                    throw Refused("There is no destination \(destination): weir subscriptions list has them all.")
                }
                let first = if let age = since.milliseconds { try await deployment.store.now() - age } else { Int64(0) }
                let count = try await Self.replayDead(of: destination, filter, since: first, in: deployment.store)
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

        private func replayOne() async throws {
            guard let id else { throw ValidationError("Name an event by its id, or --dead for all that were given up.") }
            try await withEvent(id, flags) { event, deployment in
                let deliveries = try await deployment.store.deliveries(of: event.key)
                for id in try Self.destinations(destination, deliveries) {
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
                    throw Refused("The event was never to go to \(wanted): weir events show lists where it went.")
                }
                return [wanted]
            }
            guard !deliveries.isEmpty else { throw Refused("The event was to go nowhere.") }
            let dead = deliveries.filter { $0.state == .dead }
            return (dead.isEmpty ? deliveries : dead).map(\.destinationID)
        }
    }

    private static let eventIDHelp = ArgumentHelp(
        "The id of the event, ARN/SEQUENCE@MILLISECONDS, as weir events tail prints it.", valueName: "id")

    private static func withEvent(
        _ id: String, _ flags: ConfigurationFlags, _ body: (Event, Deployment) async throws -> Void
    ) async throws {
        try await Deployment.open(flags) { deployment, _ in
            guard let key = EventKey(id: id) else {
                throw ValidationError("Name an event by its id, ARN/SEQUENCE@MILLISECONDS, as weir events tail prints it.")
            }
            guard let event = try await deployment.store.event(key) else {
                throw Refused("There is no event \(id), or it is not kept any more.")
            }
            try await body(event, deployment)
        }
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
