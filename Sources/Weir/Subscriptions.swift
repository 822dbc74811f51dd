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
            usage: """
                weir subscriptions add TARGET [--account DIGITS] [--types A,B] [--prefix ARN-PREFIX] [--header 'NAME: VALUE' ...] \
                [--headers-file FILE] [--content-type TYPE] [--config FILE] [--KEY VALUE ...]
                """,
            discussion: """
                TARGET is a URL to post to, https:// or, where delivery-allow-http is true, http://; the ARN of an SNS topic; file:PATH, to which \
                lines of JSON are appended by whichever instance delivers the event; or -, for the standard output of that instance.

                --account, --types and --prefix narrow down which events: those of one account; of some types, such as CreateStream or \
                StreamStatusChange; of resources whose ARN begins so.

                --header adds a header to what is posted to a URL, such as 'Authorization: Bearer ...'; it may stand several times. Headers are stored \
                encrypted and never shown. --headers-file reads them from a file, one on each line: what stands on a command line can be seen by \
                others on the machine. --content-type says that the event is of another type than application/cloudevents+json, for receivers that \
                know application/json only.


                """ + ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            var words = CommandWords(arguments)
            let filter = try EventFilter(takenFrom: &words)
            let post = try PostOptions(takenFrom: &words)
            let target = words.takeFirst()
            try await Deployment.open(words, self) { deployment, configuration in
                guard let target else {
                    throw ValidationError("Name where the events are to go: a URL, the ARN of a topic, file:PATH or -.")
                }
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
            usage: "weir subscriptions list [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await Deployment.open(CommandWords(arguments), self) { deployment, _ in
                let heads = ["ID", "STATUS", "KIND", "TARGET", "ACCOUNT", "TYPES", "PREFIX", "WAITING", "FAILING SINCE", "WHY"]
                let rows = try await deployment.store.destinations().map { destination in
                    [
                        destination.id, destination.status.rawValue, destination.kind.rawValue, destination.target,
                        destination.account ?? "any", destination.types?.joined(separator: ",") ?? "any",
                        destination.resourcePrefix ?? "any",
                        "\(destination.pending)", destination.failingSince.map(Self.time) ?? "", destination.statusReason ?? "",
                    ]
                }
                print(TextTable(heads, rows).text)
            }
        }

        private static func time(_ milliseconds: Int64) -> String {
            Date(timeIntervalSince1970: Double(milliseconds) / 1000).formatted(.iso8601)
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "pause", abstract: "Keep the events of a destination for later.",
            usage: "weir subscriptions pause ID [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withDestination(arguments, self) { destination, deployment, _ in
                _ = try await deployment.store.setDestinationStatus(destination.id, .paused, reason: "paused by an operator")
                print("Paused \(destination.id).")
            }
        }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "resume", abstract: "Send events again to a destination that is paused or disabled.",
            usage: "weir subscriptions resume ID [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withDestination(arguments, self) { destination, deployment, _ in
                _ = try await deployment.store.setDestinationStatus(destination.id, .active, reason: nil)
                print("Resumed \(destination.id).")
            }
        }
    }

    struct Drop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "drop", abstract: "Give up what waits for a destination now.",
            usage: "weir subscriptions drop ID [--config FILE] [--KEY VALUE ...]",
            discussion:
                "What happens from now on is sent as before. weir events replay --dead --destination ID sends again what was dropped.\n\n"
                + ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withDestination(arguments, self) { destination, deployment, _ in
                let count = try await deployment.store.dropDeliveries(
                    of: destination.id, because: "dropped by an operator")
                print("Dropped what waited for \(destination.id): \(count).")
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "remove", abstract: "Send nothing more to a subscription, and forget what waits for it.",
            usage: "weir subscriptions remove ID [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withDestination(arguments, self) { destination, deployment, _ in
                guard try await deployment.store.removeSubscription(destination.id) else {
                    throw ValidationError(
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
            usage: "weir subscriptions test ID [--config FILE] [--KEY VALUE ...]",
            discussion: "The event has the type weir.kinesisvideo.Test. It is sent once, whatever the filters and the status.\n\n"
                + ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withDestination(arguments, self) { destination, deployment, configuration in
                let keys = WebhookKeys(store: deployment.store, masterKey: try await deployment.masterKey())
                let report = try await TrialDelivery.run(
                    destination, at: deployment.store.now(), settings: configuration.delivery, secrets: keys.source)
                print(report.text)
                if !report.isDelivered { throw ExitCode.failure }
            }
        }
    }

    private static func withDestination<Command: ParsableCommand>(
        _ arguments: [String], _ command: Command, _ body: (DestinationRecord, Deployment, ServerConfiguration) async throws -> Void
    ) async throws {
        var words = CommandWords(arguments)
        let id = words.takeFirst()
        try await Deployment.open(words, command) { deployment, configuration in
            guard let id else { throw ValidationError("Name a destination by its id: weir subscriptions list shows them.") }
            guard let destination = try await deployment.store.destination(id) else {
                throw ValidationError(
                    "There is no destination \(id.escapingControls): weir subscriptions list shows them.")
            }
            try await body(destination, deployment, configuration)
        }
    }
}
