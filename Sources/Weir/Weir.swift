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

    /// What a command finds wrong while it runs is told without how the program is called, for the call was right.
    static func main() async {
        do {
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
        } catch let mistake as ValidationError {
            Output.writeError("Error: \(mistake.message)\n")
            exit(withError: ExitCode.validationFailure)
        } catch {
            exit(withError: error)
        }
    }

    /// Of the program; `weir status` shows it for each instance.
    static let version = "0.2.0"
}
