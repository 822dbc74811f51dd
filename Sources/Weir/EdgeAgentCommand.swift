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
            The key is found as AWS tools find it: in the profile that --profile names; else in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; else in \
            the profile AWS_PROFILE, or default, of the file that AWS_SHARED_CREDENTIALS_FILE names. It must be bound to the thing: make it with \
            weir keys create --thing ARN.

            Each configuration is the file STREAMNAME.json of the folder. What a recorder writes to STREAMNAME.recorder-status.json and an uploader \
            to STREAMNAME.uploader-status.json is told to the deployment.
            """)

    @Option(help: ArgumentHelp("The thing that this agent is, as an ARN.", valueName: "ARN"))
    var thing: String

    @Option(help: ArgumentHelp("Where the configurations are kept. Made where it is missing.", valueName: "DIR"))
    var folder: String

    @Option(
        name: .customLong("endpoint-url"),
        help: ArgumentHelp("Where the deployment answers. Default: AWS_ENDPOINT_URL, or endpoint_url in the profile.", valueName: "URL"))
    var endpointURL: String?

    @Option(help: ArgumentHelp("The region of the deployment. Default: AWS_REGION, or region in the profile."))
    var region: String?

    @Option(help: ArgumentHelp("The profile that has the key.", valueName: "NAME"))
    var profile: String?

    @Option(
        name: .customLong("ca-file"),
        help: ArgumentHelp("The authorities to trust in place of the system's. Default: AWS_CA_BUNDLE.", valueName: "PEM"))
    var caFile: String?

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
                    thing: thing, folder: folder,
                    client: .init(endpointURL: endpointURL, region: region, profile: profile, caFile: caFile)),
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
