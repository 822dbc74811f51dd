import ArgumentParser
import FoundationEssentials
import Settings
import Store

/// Shows the instances of a deployment, which of them live, what waits, and who is near a limit.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List the instances, the work that waits, the streams that receive media and who is near a limit.",
        discussion: """
            An instance's connections and open files are read from its page /metrics: of those that tell their instance-address, and of the one \
            that runs here with the same configuration. Who has used four fifths of a limit is near it.

            \(ConfigurationFlags.discussion)
            """)

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        try await Deployment.open(flags) { deployment, configuration in
            let instances = try await deployment.store.instances()
            let tasks = try await deployment.store.taskCounts()
            let schema = try await deployment.store.schema()
            let pages = await InstancePage.read(of: instances, configuration)
            print(Self.table(instances, pages))
            print("instances alive: \(instances.count(where: \.isAlive)), serving the API: \(instances.count(where: \.servesControlPlane))")
            print("tasks waiting: \(tasks.waiting), overdue: \(tasks.overdue)")
            let receiving = try await deployment.store.receivingStreams(limit: Self.mostStreams)
            print("streams that receive media: \(receiving.count)\(receiving.count == Self.mostStreams ? " or more" : "")")
            if !receiving.isEmpty { print(Self.table(receiving)) }
            let peers = try await deployment.store.connectionCounts()
            print("connected to channels: \(peers.masters) masters, \(peers.viewers) viewers")
            if let schema { print("schema version: \(schema.version), for programs of \(schema.oldestCompatible) or newer") }
            let near = try await NearLimits.find(in: deployment.store, configuration, pages)
            print("near a limit: \(near.isEmpty ? "nobody" : "\(near.count)")")
            if !near.isEmpty { print(TextTable(["WHAT", "WHOSE", "USED", "ALLOWED"], near.map(\.row)).text) }
        }
    }

    /// How many streams are listed.
    private static let mostStreams = 1000

    /// The streams that receive media, one a line.
    static func table(_ streams: [ReceivingStream]) -> String {
        let rows = streams.map { stream in
            [
                stream.account, stream.region, stream.name, "\((stream.now - stream.openedAt) / 1000) s",
                stream.lastFragmentAt.map { "\((stream.now - $0) / 1000) s ago" } ?? "-",
            ]
        }
        return TextTable(["ACCOUNT", "REGION", "STREAM", "CONNECTED", "LAST FRAGMENT"], rows).text
    }

    private static func table(_ instances: [InstanceRecord], _ pages: [String: InstancePage]) -> String {
        let heads = [
            "INSTANCE", "HOST", "PID", "VERSION", "SCHEMA", "ROLES", "STATUS", "STARTED", "SEEN", "REQUESTS/S", "LEASED", "CONNECTIONS",
            "FILES",
        ]
        let rows = instances.map { instance in
            [
                instance.id, instance.host, "\(instance.processID)", instance.version, "\(instance.schemaVersion)", instance.roles,
                instance.isAlive || instance.status == .stopped ? instance.status.rawValue : "SILENT",
                TextTable.time(instance.startedAt),
                "\(instance.heartbeatAge / 1000) s ago", "\(instance.requestsPerSecond)", "\(instance.leasedTasks)",
                pages[instance.id]?.text(.connections) ?? "-", pages[instance.id]?.text(.files) ?? "-",
            ]
        }
        return TextTable(heads, rows).text
    }
}
