import ArgumentParser
import Settings

/// Brings the schema to this version.
struct Migrate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate", abstract: "Apply the migrations that the database lacks.", discussion: ConfigurationFlags.discussion)

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        let configuration = try flags.read()
        try await Deployment.open(configuration, Log.make(level: configuration.logLevel)) { deployment in
            let applied = try deployment.migrate()
            print(applied.isEmpty ? "The schema is current." : "Applied \(applied.map(String.init).joined(separator: ", ")).")
        }
    }
}
