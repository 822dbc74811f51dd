import ArgumentParser

/// The program: everything it does is one of its commands.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A self-hosted server that speaks the Amazon Kinesis Video Streams API.",
        version: version,
        subcommands: [
            Serve.self, Migrate.self, Status.self, Doctor.self, ConfigCommand.self, OpenAPI.self, Accounts.self, Users.self, Keys.self,
            Roles.self,
            Things.self,
            PolicyCommand.self, Subscriptions.self,
            Events.self, AuditCommand.self,
            WebhookSecretsCommand.self, EdgeAgentCommand.self, MediaCommand.self, ChannelsCommand.self,
        ])

    /// Of the program; `weir status` shows it for each instance.
    static let version = "0.2.0"
}
