import ArgumentParser
import Files
import FoundationEssentials
import FragmentStore
import Glibc
import Identity
import Logging
import Migrations
import NIOSSL
import Settings
import Store

/// Looks for what is wrong with a deployment on this machine, beside the instances that run.
struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what is wrong with this deployment, and say what to do about it.",
        discussion: """
            It looks at the configuration, the files of secrets, certificates, disk space, open files, the database, its schema and clock, the media \
            folder, tasks and destinations, and changes nothing. It ends with 0 where all is well, with 1 where something needs attention soon, and with 2 where \
            something is broken.

            \(ConfigurationFlags.discussion)
            """)

    @Flag(help: "Make due now what a clock that was ahead has put off: tasks, deliveries and pauses.")
    var repair = false

    @OptionGroup(visibility: .hidden)
    var flags: ConfigurationFlags

    func run() async throws {
        var report = Report()
        if let configuration = checkConfiguration(&report) {
            HostChecks(configuration: configuration).run(&report)
            await checkDatabase(configuration, &report)
        }
        print(report.text)
        switch report.worst {
        case .well: break
        case .attention: throw ExitCode(1)
        case .broken: throw ExitCode(2)
        }
    }

    /// Nil where it cannot be used, and so nothing else can be looked at.
    private func checkConfiguration(_ report: inout Report) -> ServerConfiguration? {
        do {
            let configuration = try ServerConfiguration(flags.given())
            for remark in configuration.remarks { report.add(.attention, "configuration", remark, "see docs/configuration.md") }
            if configuration.remarks.isEmpty { report.add(.well, "configuration", "every value is valid") }
            return configuration
        } catch let error as ServerConfiguration.Invalid {
            for fault in error.faults { report.add(.broken, "configuration", fault, "see weir doctor --help") }
        } catch {
            report.add(.broken, "configuration", "\(error)", "see weir doctor --help")
        }
        return nil
    }

    private func checkDatabase(_ configuration: ServerConfiguration, _ report: inout Report) async {
        if case .sqlite(let path) = configuration.database, access(path, F_OK) != 0 {
            return report.add(
                .attention, "database", "\(path) is not there", "weir serve makes it; after a loss, ops/restore puts a backup back")
        }
        do {
            try await Deployment.open(configuration, Log.quiet, beside: true) { deployment in
                try deployment.prepareSchema()
                report.add(.well, "database", "it answers, and its schema is one for this program")
                try await DeploymentChecks(configuration: configuration, store: deployment.store).run(repair: repair, &report)
            }
        } catch {
            report.add(.broken, "database", "\(error)", "see ops/runbook.md")
        }
    }

    /// How bad something is.
    enum Grade: Int, Comparable {
        case well
        case attention
        case broken

        static func < (one: Grade, other: Grade) -> Bool { one.rawValue < other.rawValue }

        var name: String {
            switch self {
            case .well: "ok"
            case .attention: "ATTENTION"
            case .broken: "BROKEN"
            }
        }
    }

    /// What was found, in the order in which it was.
    struct Report {
        private var rows: [[String]] = []
        private(set) var worst = Grade.well

        var text: String { TextTable(["", "WHAT", "IS", "TO DO"], rows).text }

        mutating func add(_ grade: Grade, _ subject: String, _ finding: String, _ remedy: String = "") {
            worst = max(worst, grade)
            rows.append([grade.name, subject, finding.split(separator: "\n").joined(separator: " "), remedy])
        }
    }
}

/// What can be wrong with this machine: files, certificates, room, limits.
private struct HostChecks {
    let configuration: ServerConfiguration

    private static let day: Int64 = 24 * 60 * 60
    /// Seconds before its end at which a certificate needs attention.
    private static let certificateNotice = 21 * day
    private static let roomNotice: UInt64 = 1 << 30
    private static let roomNeeded: UInt64 = 100 << 20
    /// Open files below which a server cannot hold as many connections as it may have.
    private static let filesNotice: UInt64 = 4096

    func run(_ report: inout Doctor.Report) {
        checkSecrets(&report)
        checkCertificates(&report)
        checkRoom(&report)
        checkMediaRoom(&report)
        checkOpenFiles(&report)
    }

    private func checkSecrets(_ report: inout Doctor.Report) {
        let folder = configuration.dataDirectory
        guard access(folder, F_OK) == 0 else {
            return report.add(.attention, "data folder", "\(folder) is not there", "weir serve makes it")
        }
        do throws(PrivateFile.Failure) {
            try PrivateFile.requireUnshared(folder)
            _ = try PrivateFile.read(folder + "/credentials")
            report.add(.well, "data folder", "its files are closed to others")
        } catch {
            report.add(.broken, "data folder", error.description, "")
        }
        do throws(PrivateFile.Failure) {
            let bytes = try PrivateFile.read(configuration.masterKeyFile)
            if let bytes, MasterKey(bytes) == nil {
                report.add(
                    .broken, "master key", "\(configuration.masterKeyFile) does not hold 32 bytes", "put the right one back from its backup"
                )
            } else if bytes != nil {
                report.add(.well, "master key", "it can be read, and is closed to others")
            }
        } catch {
            report.add(.broken, "master key", error.description, "")
        }
    }

    private func checkCertificates(_ report: inout Doctor.Report) {
        guard let tls = configuration.tls else { return }
        do {
            _ = try ServerCertificates(tls)
            let now = Int64(Date().timeIntervalSince1970)
            let ends = try NIOSSLCertificate.fromPEMFile(tls.certificate).map { Int64($0.notValidAfter) }.min() ?? now
            let date = Date(timeIntervalSince1970: Double(ends)).formatted(.iso8601)
            let remedy = "put a new pair in its place: the server takes it within seconds"
            if ends <= now {
                report.add(.broken, "certificate", "\(tls.certificate) is not valid since \(date)", remedy)
            } else if ends - now < Self.certificateNotice {
                report.add(.attention, "certificate", "\(tls.certificate) is valid until \(date) only", remedy)
            } else {
                report.add(.well, "certificate", "it is valid until \(date), and the key is its own")
            }
        } catch let error as ServerConfiguration.Invalid {
            report.add(.broken, "certificate", error.faults.joined(separator: "; "), "put a certificate and its own key there")
        } catch {
            report.add(.broken, "certificate", "\(error)", "put a certificate and its own key there")
        }
    }

    private func checkRoom(_ report: inout Doctor.Report) {
        var folders = [configuration.dataDirectory]
        if case .sqlite(let path) = configuration.database {
            let folder = path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
            if !folders.contains(folder) { folders.append(folder) }
        }
        for folder in folders {
            var disk = statvfs()
            guard statvfs(folder, &disk) == 0 else { continue }
            let free = UInt64(disk.f_bavail) * UInt64(disk.f_frsize)
            let finding = "\(free >> 20) MiB are free at \(folder)"
            let grade: Doctor.Grade = free < Self.roomNeeded ? .broken : free < Self.roomNotice ? .attention : .well
            report.add(grade, "disk", finding, grade == .well ? "" : "make room: a full disk refuses every change")
        }
    }

    /// Whether the disks of media have more room than the reserve, at which media is refused or the oldest removed.
    private func checkMediaRoom(_ report: inout Doctor.Report) {
        guard configuration.storesMedia, configuration.mediaStore == nil else { return }
        let media = configuration.fragmentStore(instanceID: "")
        for folder in Set([media.directory, media.warmDirectory ?? media.directory]).sorted() {
            // A folder that is not there yet is made by the server.
            guard let space = try? LocalFiles().space(at: folder) else { continue }
            let reserve = media.reserve(of: space.total)
            guard space.free < reserve else { continue }
            let outcome = media.whenFull == .refuse ? "no media is taken" : "the oldest media is removed"
            report.add(
                .attention, "disk",
                "\(space.free >> 20) MiB are free at \(folder), and its reserve is \(reserve >> 20) MiB: \(outcome)",
                "make room, or set media-reserve-bytes: docs/storage.md")
        }
    }

    private func checkOpenFiles(_ report: inout Doctor.Report) {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
        let most = UInt64(limit.rlim_max)
        if most < OpenFiles.least {
            report.add(
                .broken, "open files", "at most \(most) may be open here: the server does not start with fewer than \(OpenFiles.least)",
                "raise it: LimitNOFILE= in the unit, ulimit -Hn in a shell")
        } else if most < Self.filesNotice {
            report.add(
                .attention, "open files", "at most \(most) may be open here, so fewer connections than that",
                "raise it: LimitNOFILE= in the unit, ulimit -Hn in a shell")
        } else {
            report.add(.well, "open files", "at most \(most) may be open")
        }
    }
}

/// What can be wrong in the database: keys, clock, tasks, destinations.
private struct DeploymentChecks {
    let configuration: ServerConfiguration
    let store: Store

    /// Milliseconds.
    private static let clockNotice: Int64 = 2_000
    /// Milliseconds by which signatures may be off.
    private static let clockLimit: Int64 = 5 * 60 * 1000
    /// Milliseconds that a lease lasts at most, with some to spare.
    private static let lease: Int64 = 60_000

    func run(repair: Bool, _ report: inout Doctor.Report) async throws {
        try await checkKey(&report)
        try await checkClock(&report)
        try await checkMedia(&report)
        try await checkInstances(&report)
        try await checkTasks(repair: repair, &report)
        try await checkDestinations(&report)
    }

    private func checkKey(_ report: inout Doctor.Report) async throws {
        let isSetUp = try await AccessKeys.haveMasterKey(in: store)
        let bytes: [UInt8]?
        do throws(PrivateFile.Failure) {
            bytes = try PrivateFile.read(configuration.masterKeyFile)
        } catch {
            // Told with the other files.
            return
        }
        guard let bytes, let key = MasterKey(bytes) else {
            if isSetUp {
                report.add(
                    .broken, "master key", "\(configuration.masterKeyFile) is missing, and the database was set up with one",
                    "copy it from its backup or from another instance")
            }
            return
        }
        do {
            try await AccessKeys(store: store, masterKey: key).checkMasterKey()
            report.add(.well, "access keys", "the master key opens their secrets")
        } catch {
            report.add(.broken, "access keys", "\(error)", "put the master key of this database in place")
        }
    }

    private func checkClock(_ report: inout Doctor.Report) async throws {
        guard case .postgres = configuration.database else { return }
        let before = Self.now()
        let database = try await store.now()
        let after = Self.now()
        // The database's moment lies between the two.
        let off = max(before - database, database - after, 0)
        let grade: Doctor.Grade = off > Self.clockLimit ? .broken : off > Self.clockNotice ? .attention : .well
        report.add(
            grade, "clock", "this machine and the database are \(off) ms apart at least",
            grade == .well
                ? "" : "have both kept right (NTP): signatures are checked by this machine's clock, everything else by the database's")
    }

    /// Whether the media folder is there at all; `weir media verify` reads what is in it. Of several instances on Postgres each has a folder.
    private func checkMedia(_ report: inout Doctor.Report) async throws {
        guard case .sqlite = configuration.database, configuration.storesMedia, configuration.mediaStore == nil else { return }
        let bytes = try await store.storedBytes().reduce(0) { $0 + $1.bytes }
        let folder = configuration.mediaFolder.path
        if bytes > 0, access("\(folder)/store", F_OK) != 0 {
            report.add(
                .broken, "media", "\(bytes) bytes are listed, and \(folder) is no media folder", "put the folder or its copy in place")
        } else {
            report.add(.well, "media", "\(bytes) bytes are listed", bytes > 0 ? "weir media verify reads them all" : "")
        }
    }

    private static func now() -> Int64 { Int64(Date().timeIntervalSince1970 * 1000) }

    private func checkInstances(_ report: inout Doctor.Report) async throws {
        let instances = try await store.instances()
        let silent = instances.filter { $0.status != .stopped && !$0.isAlive }
        let alive = instances.count(where: \.isAlive)
        report.add(
            .well, "instances", "\(alive) alive, \(instances.count(where: \.servesControlPlane)) serve the API, \(silent.count) silent")
        let workers = instances.count { $0.isAlive && $0.roles.split(separator: ",").contains("worker") }
        if alive > 0, workers == 0 {
            report.add(.broken, "instances", "none that is alive has the role worker", "start one: nothing becomes ACTIVE or is delivered")
        }
    }

    private func checkTasks(repair: Bool, _ report: inout Doctor.Report) async throws {
        let longest = max(configuration.longestStatus, Self.lease)
        if repair { try await store.freeRowsAhead(longestWait: longest) }
        if let ahead = try await store.rowsAhead(longestWait: longest), !ahead.isEmpty {
            report.add(
                .broken, "tasks",
                "a clock that was ahead has put off \(ahead.tasks) tasks, \(ahead.queues) queues of deliveries and \(ahead.pauses) pauses",
                "weir doctor --repair makes them due now")
        }
        let tasks = try await store.taskCounts()
        if tasks.overdue > 0 {
            report.add(
                .attention, "tasks", "\(tasks.overdue) of \(tasks.waiting) are overdue for more than 5 s",
                "see that an instance with the role worker runs, and what its log says")
        } else {
            report.add(.well, "tasks", "\(tasks.waiting) wait, none is overdue")
        }
    }

    private func checkDestinations(_ report: inout Doctor.Report) async throws {
        let destinations = try await store.destinations()
        for destination in destinations {
            switch destination.status {
            case .active:
                guard let since = destination.failingSince else { continue }
                let failure = try await store.lastFailure(at: destination)
                report.add(
                    .attention, "destination",
                    "\(destination.id) fails since \(TextTable.time(since)), "
                        + "\(destination.failures) times\(failure.map { ", at last: \($0)" } ?? ""); \(destination.pending) events wait",
                    "weir subscriptions test \(destination.id)")
            case .paused, .disabled:
                report.add(
                    .attention, "destination", "\(destination.id) is \(destination.status.rawValue); \(destination.pending) events wait",
                    "weir subscriptions resume \(destination.id), or remove it")
            }
        }
        report.add(.well, "destinations", "there are \(destinations.count)")
    }
}
