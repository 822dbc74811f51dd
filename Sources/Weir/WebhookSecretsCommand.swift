import ArgumentParser
import Contract
import Delivery
import Identity
import Settings
import Store

/// Shows and rotates what webhooks are signed with, beside the instances that run.
struct WebhookSecretsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "webhook-secrets", abstract: "Show, rotate and retire the secrets that webhooks are signed with.",
        subcommands: [Show.self, Rotate.self, Retire.self])

    private static let ownerHelp: ArgumentHelp = """
        The id of a destination, as weir subscriptions list shows it, or an account number: then all webhooks that the account's streams name are \
        meant. Each webhook has a secret of its own.
        """

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "show", abstract: "Print the active secrets of each webhook, the newest first.",
            discussion: ConfigurationFlags.discussion)

        @Argument(help: ownerHelp)
        var owner: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withWebhooks(owner, flags) { keys, webhooks in try await show(keys, webhooks) }
        }
    }

    struct Rotate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate", abstract: "Make a new secret, which signs from now on beside the one before, and print both.",
            discussion: "The instances that run take up a new one within five seconds.\n\n" + ConfigurationFlags.discussion)

        @Argument(help: ownerHelp)
        var owner: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await withWebhooks(owner, flags) { keys, webhooks in
                for webhook in webhooks { try await keys.rotate(webhook.id) }
                try await show(keys, webhooks)
            }
        }
    }

    struct Retire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "retire", abstract: "Sign no more with the secrets that all webhooks of an account shared once.",
            discussion: """
                Before version 0.3 the webhooks of an account's streams were signed with secrets of the account. What was set up then is signed \
                with those too, until every receiver has the secret of its own webhook and the shared ones are retired.

                \(ConfigurationFlags.discussion)
                """)

        @Argument(help: ArgumentHelp("An account, by its twelve digits.", valueName: "account"))
        var owner: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, _ in
                guard owner.isAccount else { throw ValidationError("Name an account by its twelve digits.") }
                let count = try await deployment.store.removeWebhookSecrets(owner: owner)
                print(count == 0 ? "\(owner) has no shared secrets." : "Retired the shared secrets of \(owner): \(count).")
            }
        }
    }

    private static func withWebhooks(
        _ owner: String, _ flags: ConfigurationFlags, _ body: (WebhookKeys, [DestinationRecord]) async throws -> Void
    ) async throws {
        try await Deployment.open(flags) { deployment, _ in
            let webhooks = try await deployment.store.destinations(counting: 0).filter {
                $0.kind == .webhook && ($0.id == owner || ($0.origin == .stream && $0.account == owner))
            }
            guard !webhooks.isEmpty else {
                throw Refused(
                    "\(owner.escapingControls) is neither the id of a destination with a webhook nor an account whose streams name one.")
            }
            try await body(WebhookKeys(store: deployment.store, masterKey: deployment.masterKey()), webhooks)
        }
    }

    /// Of one webhook the secrets alone, so that scripts can take them; of several each with its id.
    private static func show(_ keys: WebhookKeys, _ webhooks: [DestinationRecord]) async throws {
        for webhook in webhooks {
            let account = webhook.origin == .stream ? webhook.account : nil
            for secret in try await keys.active(webhook.id, account: account) {
                print(webhooks.count == 1 ? secret : "\(webhook.id)  \(secret)")
            }
        }
    }
}

extension WebhookKeys {
    /// What a courier signs with.
    var source: SecretSource {
        { destination in
            WebhookCredentials(
                secrets: try await self.active(
                    destination.id, account: destination.origin == .stream ? destination.account : nil
                )
                .compactMap(WebhookSecret.init),
                headers: try self.headers(of: destination).map(WebhookHeader.init))
        }
    }
}

extension String {
    /// Whether it is twelve digits.
    var isAccount: Bool { utf8.count == 12 && utf8.allSatisfy { (0x30...0x39).contains($0) } }
}
