import ArgumentParser
import Settings
import Store

/// A command that opens the deployment, does one thing there and prints what came of it.
protocol StoreCommand: AsyncParsableCommand {
    var flags: ConfigurationFlags { get }

    /// Does it, in the account of the configuration where it is about one; returns what is printed.
    func act(on store: Store, _ configuration: ServerConfiguration) async throws -> String
}

extension StoreCommand {
    func run() async throws {
        try await Deployment.open(flags) { deployment, configuration in
            print(try await act(on: deployment.store, configuration))
        }
    }
}

extension CommandConfiguration {
    /// Of a command that takes the keys of the configuration. A discussion of its own stands before theirs.
    static func store(_ name: String, _ abstract: String, discussion: String = "") -> CommandConfiguration {
        CommandConfiguration(commandName: name, abstract: abstract, discussion: discussion + ConfigurationFlags.discussion)
    }
}
