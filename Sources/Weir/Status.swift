import ArgumentParser
import FoundationEssentials
import Store

/// Tells which instances run on the database, and what waits there.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "List the instances of the deployment, and the work that waits.",
        usage: "weir status [--config FILE] [--KEY VALUE ...]", discussion: ConfigurationHelp.text)

    @Argument(parsing: .captureForPassthrough, help: .hidden)
    var arguments: [String] = []

    func run() async throws {
        let configuration = try ConfigurationHelp.read(arguments, for: self)
        try await Deployment.open(configuration, Log.make(level: configuration.logLevel), beside: true) { deployment in
            try deployment.prepareSchema()
            let instances = try await deployment.store.instances()
            let tasks = try await deployment.store.taskCounts()
            let schema = try await deployment.store.schema()
            print(Self.table(instances))
            print("instances alive: \(instances.count(where: \.isAlive)), serving the API: \(instances.count(where: \.servesControlPlane))")
            print("tasks waiting: \(tasks.waiting), overdue: \(tasks.overdue)")
            if let schema { print("schema version: \(schema.version), for programs of \(schema.oldestCompatible) or newer") }
        }
    }

    private static func table(_ instances: [InstanceRecord]) -> String {
        let heads = ["INSTANCE", "HOST", "PID", "VERSION", "SCHEMA", "ROLES", "STATUS", "STARTED", "SEEN", "REQUESTS/S", "LEASED"]
        let rows = instances.map { instance in
            [
                instance.id, instance.host, "\(instance.processID)", instance.version, "\(instance.schemaVersion)", instance.roles,
                instance.isAlive || instance.status == "STOPPED" ? instance.status : "SILENT",
                Date(timeIntervalSince1970: Double(instance.startedAt) / 1000).formatted(.iso8601),
                "\(instance.heartbeatAge / 1000) s ago", "\(instance.requestsPerSecond)", "\(instance.leasedTasks)",
            ]
        }
        let widths = heads.indices.map { column in ([heads] + rows).map { $0[column].count }.max() ?? 0 }
        return ([heads] + rows).map { row in
            zip(row, widths).map { text, width in text + String(repeating: " ", count: width - text.count) }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
