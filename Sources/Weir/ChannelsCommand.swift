import ArgumentParser
import Contract
import FoundationEssentials
import Settings
import Store

/// What there is to see of signaling channels, beside the instances that run.
struct ChannelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels", abstract: "Show who is connected to a signaling channel.", subcommands: [Connections.self])

    struct Connections: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "connections",
            abstract: "List the master and the viewers of a channel that are connected, with their instances.",
            discussion: """
                A name is that of a channel of the configuration's account and region, whose keys are --account and --region.


                """ + ConfigurationFlags.discussion)

        @Argument(help: ArgumentHelp("The channel, by its name or its ARN.", valueName: "name"))
        var channel: String

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            let named = channel
            try await Deployment.open(flags) { deployment, configuration in
                let key = Self.key(named, configuration)
                guard let channel = try await deployment.store.channel(key) else {
                    throw Refused("There is no channel \(named) in account \(key.account), region \(key.region).")
                }
                let incarnation = ResourceKey(
                    .channel, account: key.account, region: key.region, name: key.name, creationTime: channel.creationTime)
                print(Self.table(try await deployment.store.presences(of: incarnation)))
            }
        }

        /// The channel that is meant; the ARN says its own account and region.
        private static func key(_ named: String, _ configuration: ServerConfiguration) -> ResourceKey {
            guard let arn = ARN(named) else {
                return ResourceKey(.channel, account: configuration.account, region: configuration.region, name: named)
            }
            let path = arn.resource.split(separator: "/")
            return ResourceKey(
                .channel, account: arn.account, region: arn.region, name: path.dropFirst().first.map(String.init) ?? "",
                creationTime: path.last.flatMap { Int64($0) } ?? -1)
        }

        private static func table(_ connections: [PresenceRecord]) -> String {
            let rows = connections.map { connection in
                [
                    connection.client.isEmpty ? "MASTER" : "VIEWER", connection.client, connection.instance,
                    TextTable.time(connection.connectedAt),
                ]
            }
            return TextTable(["ROLE", "CLIENT", "INSTANCE", "SINCE"], rows).text
        }
    }
}
