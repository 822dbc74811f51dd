import ArgumentParser

/// The program: everything it does is one of its commands.
@main
struct Weir: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "weir",
        abstract: "A self-hosted server that speaks the Amazon Kinesis Video Streams API.",
        subcommands: [Serve.self, Migrate.self, OpenAPI.self, Keys.self, EdgeAgentCommand.self])
}
