import ArgumentParser
import FoundationEssentials
import Logging
import Settings

extension ConfigurationFlags {
    /// What was given to this command, which from now on shows no secret in the list of processes.
    func given() throws -> GivenConfiguration {
        ProcessList.hide(
            values: ConfigurationKey.all.filter(\.isSecret).map(\.name).filter { name in
                values[name].map { GivenConfiguration.holdsSecret(name, $0) } ?? false
            })
        do {
            return try GivenConfiguration(self, environment: ProcessInfo.processInfo.environment)
        } catch {
            throw ValidationError(error.description)
        }
    }

    /// The configuration as it is given now, for a program that runs.
    func readAgain() throws -> ServerConfiguration { try ServerConfiguration(given()) }

    /// The configuration of this command; shows the faults and ends the program where there are any.
    func read() throws -> ServerConfiguration {
        do {
            return try ServerConfiguration(given())
        } catch let error as ServerConfiguration.Invalid {
            throw ValidationError(error.description)
        }
    }
}

extension Deployment {
    /// Opens the deployment for a command that works beside the instances that run.
    static func open(
        _ flags: ConfigurationFlags, _ body: (Deployment, ServerConfiguration) async throws -> Void
    ) async throws {
        let configuration = try flags.read()
        try await open(configuration, Log.make(level: configuration.logLevel), beside: true) { deployment in
            try deployment.prepareSchema()
            try await body(deployment, configuration)
        }
    }
}
