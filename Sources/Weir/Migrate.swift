import ArgumentParser

/// Brings the schema to this version.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Apply the migrations that the database lacks.",
        usage: "weir migrate [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() async throws {
        let configuration = try ConfigurationHelp.read(arguments, for: self)
        try await Deployment.open(configuration, Log.make(level: configuration.logLevel)) { deployment in
            let applied = try deployment.migrate()
            print(applied.isEmpty ? "The schema is current." : "Applied \(applied.map(String.init).joined(separator: ", ")).")
        }
    }
}
