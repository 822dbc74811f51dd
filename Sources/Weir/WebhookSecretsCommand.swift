import ArgumentParser
import Delivery
import Identity
import Settings
import Store

/// Shows and rotates what webhooks are signed with, beside the instances that run.
struct WebhookSecretsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook-secrets", abstract: "Show and rotate the secrets that webhooks are signed with.",
        subcommands: [Show.self, Rotate.self])

    private static let owner = """
        OWNER is an account number, whose secrets sign what is posted for the notification configurations of its streams, or the id of a \
        subscription. Every webhook is signed with the two newest secrets.
        """

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print the active secrets, the newest first. The first is made where there is none yet.",
            usage: "weir webhook-secrets show OWNER [--config FILE] [--KEY VALUE ...]",
            discussion: owner + "\n\n" + ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withOwner(arguments, self) { keys, owner in try await keys.active(owner) }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate", abstract: "Make a new secret, which signs from now on beside the one before, and print both.",
            usage: "weir webhook-secrets rotate OWNER [--config FILE] [--KEY VALUE ...]",
            discussion: owner + " The instances that run take up a new one within five seconds.\n\n" + ConfigurationFlags.discussion)

        @Argument(parsing: .captureForPassthrough, help: .hidden)
        var arguments: [String] = []

        func run() async throws {
            try await withOwner(arguments, self) { keys, owner in try await keys.rotate(owner) }
        }
    }

    private static func withOwner<Command: ParsableCommand>(
        _ arguments: [String], _ command: Command, _ body: (WebhookKeys, String) async throws -> [String]
    ) async throws {
        var words = CommandWords(arguments)
        let owner = words.takeFirst()
        try await Deployment.open(words, command) { deployment, _ in
            guard let owner else { throw ValidationError("Name whose secrets: an account number, or the id of a subscription.") }
            if !owner.isAccount {
                guard let destination = try await deployment.store.destination(owner), destination.kind == .webhook else {
                    throw ValidationError("\(owner) is neither an account number nor the id of a subscription with a webhook.")
                }
                guard destination.secretOwner == owner else {
                    throw ValidationError("\(owner) is signed with the secrets of its account: \(destination.secretOwner).")
                }
            }
            for secret in try await body(WebhookKeys(store: deployment.store, masterKey: deployment.masterKey()), owner) { print(secret) }
        }
    }
}

extension WebhookKeys {
    /// What a courier signs with.
    var source: SecretSource {
        { owner in try await self.active(owner).compactMap(WebhookSecret.init) }
    }
}

extension String {
    /// Whether it is twelve digits.
    var isAccount: Bool { utf8.count == 12 && utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
