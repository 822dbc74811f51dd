import ArgumentParser
import Client
import EdgeAgent
import FoundationEssentials
import Logging
import ServiceLifecycle
import UnixSignals

/// Runs the reference edge agent, which shares nothing with a server on the same machine but the API.
struct EdgeAgentCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "edge-agent", abstract: "Keep the edge configurations of a thing in a folder: the reference edge agent.",
        discussion: """
            \(ClientFlags.discussion) It must be bound to the thing: make it with \
            weir keys create --thing ARN.

            Each configuration is the file STREAMNAME.json of the folder. What a recorder writes to STREAMNAME.recorder-status.json and an uploader \
            to STREAMNAME.uploader-status.json is told to the deployment.
            """)

    @Option(help: ArgumentHelp("The thing that this agent is, as an ARN.", valueName: "arn"))
    var thing: String

    @Option(help: ArgumentHelp("Where the configurations are kept. Made where it is missing.", valueName: "folder"))
    var folder: String

    @OptionGroup(title: "Deployment")
    var client: ClientFlags

    @Flag(help: "Do what there is to do now, and end.")
    var once = false

    func run() async throws {
        Reloading.ignoreSignal()
        let logger = Log.make(level: "info")
        try await Agent.open(settings(), logger: logger) { agent in
            guard !once else { return try await agent.runOnce() }
            try await ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: [
                        .init(service: agent, successTerminationBehavior: .gracefullyShutdownGroup),
                        .init(service: AgentReloading(read: settings, agent: agent, logger: logger)),
                    ],
                    gracefulShutdownSignals: [.sigterm, .sigint], logger: Log.quiet)
            ).run()
        }
    }

    @Sendable private func settings() throws -> AgentSettings {
        do {
            return try AgentSettings(
                AgentSettings.Flags(
                    thing: thing, folder: folder, client: client.flags),
                environment: ProcessInfo.processInfo.environment)
        } catch {
            throw ValidationError(error.description)
        }
    }
}

/// At each SIGHUP reads the agent's key and the authorities that it trusts again. Whatever is wrong with the new ones, the old ones stay.
private struct AgentReloading: Service {
    let read: @Sendable () throws -> AgentSettings
    let agent: Agent
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            do {
                try agent.renew(read())
                logger.notice("read the access key and the trusted authorities again")
            } catch {
                logger.error("nothing was read again, what is in use stays", metadata: ["why": "\(error)"])
            }
        }
    }
}
