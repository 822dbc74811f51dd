import Glibc
import Logging
import NIOCore
import Settings

/// How many files, sockets among them, this process may have open. Connections of clients are limited to what is left beside the server's own: without
/// a file to spare it could not even accept a connection to refuse it.
struct OpenFiles {
    /// How many may be open at one time.
    let limit: Int

    /// Fewer than this and nothing useful can be served.
    static let least = 96
    /// Standard streams, the files of SQLite, listening and the loop that accepts, signals, and what is open for a moment only.
    private static let own = 48
    /// What each event loop of connections has for itself.
    private static let perLoop = 3
    /// Sockets for deliveries, where there is room for so many.
    private static let mostDeliveries = 640

    /// Raises the soft limit to the hard one.
    init() throws(Deployment.Failure) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var allowed = rlimit()
        getrlimit(resource, &allowed)
        if allowed.rlim_cur < allowed.rlim_max {
            var raised = allowed
            raised.rlim_cur = allowed.rlim_max
            if setrlimit(resource, &raised) == 0 { allowed = raised }
        }
        limit = Int(clamping: allowed.rlim_cur)
        guard limit >= Self.least else {
            throw Deployment.Failure(
                description:
                    "Only \(limit) files may be open, and \(Self.least) are needed at least: raise LimitNOFILE= in the unit, or ulimit -Hn."
            )
        }
    }

    /// How many connections of clients there may be: as configured, or as many as there are files for, 10,000 at most.
    func connections(_ configuration: ServerConfiguration) throws(Deployment.Failure) -> Int {
        let left = available(configuration) - deliveries(configuration)
        let wanted = configuration.connections ?? min(left, 10_000)
        guard wanted <= left, wanted >= 32 else {
            throw Deployment.Failure(
                description:
                    "\(limit) files may be open, which leaves \(max(left, 0)) for connections of clients; \(max(wanted, 32)) are needed: raise "
                    + "LimitNOFILE= in the unit, or ulimit -Hn\(configuration.connections == nil ? "." : ", or lower connections.")")
        }
        return wanted
    }

    /// How many sockets deliveries may have: a quarter of what the server leaves, 640 at most.
    func deliveries(_ configuration: ServerConfiguration) -> Int {
        min(max(available(configuration), 0) / 4, Self.mostDeliveries)
    }

    /// What is left beside the server's own files.
    private func available(_ configuration: ServerConfiguration) -> Int {
        let database = if case .postgres = configuration.database { configuration.postgresConnections + 1 } else { 0 }
        return limit - Self.own - System.coreCount * Self.perLoop - database
    }
}
