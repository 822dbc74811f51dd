import ArgumentParser
import Contract
import Delivery
import FoundationEssentials
import Identity
import Settings
import Store

/// What the operator wants to be told of, for the whole deployment, beside the instances that run.
struct Subscriptions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscriptions", abstract: "Say where events go: add, list, pause, resume, drop, remove and test destinations.",
        subcommands: [Add.self, List.self, Pause.self, Resume.self, Drop.self, Remove.self, Test.self])

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "add",
            abstract: "Have events sent somewhere from now on. Prints the id and, for a webhook, the secret it is signed with.",
            discussion: """
                --account narrows down to the events of one account. What stands on a command line can be seen by others on the machine: headers that \
                are secret are better kept in a file.

                \(ConfigurationFlags.discussion)
                """)

        @Argument(
            help: """
                A URL to post to, https:// or, where delivery-allow-http is true, http://; the ARN of an SNS topic; file:PATH, to which lines of \
                JSON are appended by whichever instance delivers the event; or -, for the standard output of that instance.
                """)
        var target: String

        @OptionGroup
        var wanted: EventFilterFlags

        @OptionGroup
        var additions: PostFlags

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            let filter = try wanted.filter(flags)
            let post = try additions.options()
            try await Deployment.open(flags) { deployment, configuration in
                let keys = WebhookKeys(store: deployment.store, masterKey: try await deployment.masterKey())
                let new = try filter.subscription(to: target, configuration, post) { id in
                    try keys.seal(headers: post.headers.map(\.line), of: id)
                }
                let secret = new.kind == .webhook ? try await keys.active(new.id, account: nil).first : nil
                try await deployment.store.addSubscription(new)
                print(new.id)
                if let secret { print(secret) }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "list", abstract: "List all destinations, those of streams included, and how they are.",
            discussion: ConfigurationFlags.discussion)

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                let heads = ["ID", "STATUS", "KIND", "TARGET", "ACCOUNT", "TYPES", "PREFIX", "WAITING", "FAILING SINCE", "WHY"]
                var rows: [[String]] = []
                for destination in try await deployment.store.destinations() {
                    let failure = try await deployment.store.lastFailure(at: destination)
                    rows.append([
                        destination.id, destination.status.rawValue, destination.kind.rawValue, destination.target,
                        destination.account ?? "any", destination.types?.joined(separator: ",") ?? "any",
                        destination.resourcePrefix ?? "any",
                        "\(destination.pending)", destination.failingSince.map(TextTable.time) ?? "",
                        [destination.statusReason, failure].compactMap(\.self).joined(separator: ": "),
                    ])
                }
                print(TextTable(heads, rows).text)
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause", abstract: "Keep the events of a destination for later.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: idHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withDestination(id, flags) { destination, deployment, _ in
                _ = try await deployment.store.setDestinationStatus(destination.id, .paused, reason: "paused by an operator")
                print("Paused \(destination.id).")
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Send events again to a destination that is paused or disabled.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: idHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withDestination(id, flags) { destination, deployment, _ in
                _ = try await deployment.store.setDestinationStatus(destination.id, .active, reason: nil)
                print("Resumed \(destination.id).")
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drop", abstract: "Give up what waits for a destination now.",
            discussion:
                "What happens from now on is sent as before. weir events replay --dead --destination ID sends again what was dropped.\n\n"
                + ConfigurationFlags.discussion)

        @Argument(help: idHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withDestination(id, flags) { destination, deployment, _ in
                let count = try await deployment.store.dropDeliveries(
                    of: destination.id, because: "dropped by an operator")
                print("Dropped what waited for \(destination.id): \(count).")
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Send nothing more to a subscription, and forget what waits for it.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: idHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withDestination(id, flags) { destination, deployment, _ in
                guard try await deployment.store.removeSubscription(destination.id) else {
                    throw Refused(
                        "\(destination.id) is named by the notification configurations of streams, and cannot be removed. It can be paused, "
                            + "and what waits for it dropped."
                    )
                }
                print("Removed \(destination.id).")
            }
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "test", abstract: "Send a test event to a destination now, from here, and print the answer.",
            discussion: "The event has the type weir.kinesisvideo.Test. It is sent once, whatever the filters and the status.\n\n"
                + ConfigurationFlags.discussion)

        @Argument(help: idHelp)
        var id: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withDestination(id, flags) { destination, deployment, configuration in
                let keys = WebhookKeys(store: deployment.store, masterKey: try await deployment.masterKey())
                let report = try await TrialDelivery.run(
                    destination, at: deployment.store.now(), settings: configuration.delivery, secrets: keys.source)
                print(report.text)
                if !report.isDelivered { throw ExitCode.failure }
            }
        }
    }

    private static let idHelp: ArgumentHelp = "The destination's id, as weir subscriptions list shows it."

    private static func withDestination(
        _ id: String, _ flags: ConfigurationFlags, _ body: (DestinationRecord, Deployment, ServerConfiguration) async throws -> Void
    ) async throws {
        try await Deployment.open(flags) { deployment, configuration in
            guard let destination = try await deployment.store.destination(id) else {
                throw Refused(
                    "There is no destination \(id.escapingControls): weir subscriptions list shows them.")
            }
            try await body(destination, deployment, configuration)
        }
    }
}
