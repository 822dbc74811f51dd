import ArgumentParser
import Audit
import Files
import FoundationEssentials
import Identity
import Logging
import Prometheus
import Settings
import Store

extension AuditLog {
    /// The log and what removes old records of it, as configured; nil where nothing is written down.
    static func open(
        _ configuration: ServerConfiguration, _ instance: String, _ masterKey: MasterKey, _ store: Store, _ registry: Registry,
        _ logger: Logger
    ) async throws -> (log: AuditLog, retention: AuditRetention)? {
        guard let settings = configuration.audit.settings else { return nil }
        if let file = settings.file { try PrivateFile.makeFolder(String(file[..<(file.lastIndex(of: "/") ?? file.startIndex)])) }
        let key = AuditKey(try await AuditSecret.provide(in: store, masterKey: masterKey))
        return (
            try await AuditLog(settings, instance: instance, key: key, store: store, registry: registry, logger: logger),
            AuditRetention(settings, key: key, store: store, logger: logger)
        )
    }
}

extension ServerConfiguration.Audit {
    fileprivate var settings: AuditSettings? {
        guard isInFile || isInTable else { return nil }
        return AuditSettings(
            file: isInFile ? file : nil, fileBytes: fileBytes, isInTable: isInTable, retention: retention, refuses: refuses)
    }
}

/// Checks and searches what was written down of who changed what, beside the instances that run.
struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check and search the record of who changed what.", subcommands: [Verify.self, Query.self])

    /// Which of the two places is read.
    enum Place: String, ExpressibleByArgument, CaseIterable {
        case file
        case table
    }

    private static let fromHelp: ArgumentHelp = "file or table; without it, what is configured, the file where both are."

    private static func place(_ given: Place?, _ configuration: ServerConfiguration) -> Place {
        given ?? (configuration.audit.isInTable && !configuration.audit.isInFile ? .table : .file)
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "verify", abstract: "Find out whether records were changed, taken out, put in or cut off.",
            discussion: """
                Prints the newest record of each chain as an anchor. Keep anchors where nobody who can write to the file and the database can \
                write: given to a later check by --anchor, they show whether anything up to there was changed since.

                Ends with status 1 where anything is wrong.

                \(ConfigurationFlags.discussion)
                """)

        @Option(help: AuditCommand.fromHelp)
        var from: Place?

        @Option(
            help: ArgumentHelp("A record that an earlier check has printed; may be given several times.", valueName: "chain:sequence:code"),
            transform: { text in
                guard let anchor = AuditVerifier.Anchor(text) else {
                    throw ValidationError("must be an anchor as weir audit verify prints it")
                }
                return anchor
            })
        var anchor: [AuditVerifier.Anchor] = []

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let store = deployment.store
                let key = AuditKey(try await AuditSecret.provide(in: store, masterKey: deployment.masterKey()))
                var settings = AuditSettings(file: configuration.audit.file, isInTable: false)
                let chains = try await store.auditChains()
                let finding: AuditVerifier.Finding
                switch place(from, configuration) {
                case .file:
                    settings.file = configuration.audit.file
                    let place = settings.place
                    finding = try AuditReading.verify(
                        file: configuration.audit.file,
                        AuditVerifier(key: key, chains: chains, anchors: anchor) { $0.place == place })
                case .table:
                    finding = try await AuditReading.verify(
                        table: store, AuditVerifier(key: key, chains: chains, anchors: anchor) { $0.isInTable })
                }
                for remark in finding.remarks { print("note: \(remark)") }
                for anchor in finding.anchors { print("anchor \(anchor)") }
                for fault in finding.faults { print("FAULT: \(fault)") }
                print("\(finding.records) records, \(finding.faults.count) faults")
                if !finding.faults.isEmpty { throw ExitCode.failure }
            }
        }
    }

    struct Query: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "query", abstract: "Print records, the oldest first, each as a line of JSON.",
            discussion: """
                Without --since those of the last day. Each further flag narrows them down: --principal and --resource are a part of the ARN or \
                the name, in whatever case.

                \(ConfigurationFlags.discussion)
                """)

        @Option(help: AuditCommand.fromHelp)
        var from: Place?

        @OptionGroup
        var since: AgeFlag

        @Option(help: ArgumentHelp("Part of who called: an ARN or the id of a key.", valueName: "text"))
        var principal: String?

        @Option(help: ArgumentHelp("The name of the event, such as DeleteStream.", valueName: "name"))
        var event: String?

        @Option(help: ArgumentHelp("Part of what the call was about: an ARN or a name.", valueName: "text"))
        var resource: String?

        @Flag(help: "Only calls that were refused.")
        var refused = false

        @OptionGroup(visibility: .hidden)
        var flags: ConfigurationFlags

        func run() async throws {
            try await Deployment.open(flags) { deployment, configuration in
                let now = Int64(Date().timeIntervalSince1970 * 1000)
                let first = now - (since.milliseconds ?? 86_400_000)
                let matches: (AuditRecord) -> Bool = { record in
                    record.time >= first - 999 && (event == nil || record.eventName == event) && (!refused || !record.errorCode.isEmpty)
                        && record.principalHolds(principal) && record.resourceHolds(resource)
                }
                switch place(from, configuration) {
                case .file:
                    try AuditReading.forEachRecord(file: configuration.audit.file) { record in
                        if matches(record) { print(record.line) }
                    }
                case .table:
                    try await AuditReading.forEachRecord(table: deployment.store, since: first, until: .max) { record in
                        if matches(record) { print(record.line) }
                    }
                }
            }
        }
    }
}

extension AuditRecord {
    fileprivate func principalHolds(_ text: String?) -> Bool {
        guard let text = text?.lowercased() else { return true }
        return principal.lowercased().contains(text) || line.contains(#""accessKeyId":"\#(text.uppercased())""#)
    }

    fileprivate func resourceHolds(_ text: String?) -> Bool {
        text.map { resource.lowercased().contains($0.lowercased()) } ?? true
    }
}
