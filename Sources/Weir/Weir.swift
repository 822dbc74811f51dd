import ArgumentParser

/// The program: everything it does is one of its commands.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A self-hosted server that speaks the Amazon Kinesis Video Streams API.",
        discussion: """
            A command ends with status 0 where it has done its work, with 64 where its words are wrong, and with 1 where what they name is not there or \
            cannot be done. The help of doctor, policy simulate and audit verify names the statuses that they end with besides.
            """,
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

/// What the words of a command name is not there, or does not allow what they ask for: the command ends with status 1. Words that are wrong by
/// themselves are a `ValidationError`, of status 64.
struct Refused: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
