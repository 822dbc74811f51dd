import CoreMetrics
public import Prometheus

extension Family {
    fileprivate static let groups = histogram(
        "weir_database_group_size", "Requests that went to the database together: on SQLite the changes of one commit.", bounds: sizeBounds)
    fileprivate static let waits = histogram(
        "weir_database_wait_seconds", "Time for which a request waited until the database was at it.", labels: ["for"],
        bounds: secondsBounds)
    fileprivate static let writes = histogram(
        "weir_database_write_seconds", "Time that SQLite's writer took for the changes of one commit, the commit included.",
        bounds: secondsBounds)
    fileprivate static let waiting = gauge("weir_database_waiting", "Requests that wait until the database is at them.", labels: ["for"])
    fileprivate static let inFlight = gauge("weir_database_in_flight", "Requests that were sent to Postgres and are not answered.")
    fileprivate static let connections = gauge("weir_database_connections", "Open connections to the database.")
    fileprivate static let connectionsLimit = gauge(
        "weir_database_connections_limit", "How many connections to the database there should be.")
    fileprivate static let reconnects = counter(
        "weir_database_reconnects_total", "Connections to the database that were opened after the first ones.")
}

/// What the drivers tell of their work, by the same names on both engines.
///
/// Threads: any thread may use it at any time.
public struct DatabaseMetrics: Sendable {
    /// What a request waits for.
    public enum Resource: String, Sendable {
        /// A connection: on SQLite one for reading.
        case connection
        /// SQLite's one writer.
        case writer
    }

    private let registry: Registry
    private let groups: Recorder
    private let connectionWaits: Recorder
    private let writerWaits: Recorder
    private let writes: Recorder

    /// Metrics in a registry.
    public init(_ registry: Registry) {
        self.registry = registry
        groups = Recorder(.groups, in: registry)
        connectionWaits = Recorder(.waits, [Resource.connection.rawValue], in: registry)
        writerWaits = Recorder(.waits, [Resource.writer.rawValue], in: registry)
        writes = Recorder(.writes, in: registry)
    }

    /// So many requests went together.
    public func grouped(_ count: Int) { groups.record(count) }

    /// A request waited, and now the database is at it.
    public func waited(for resource: Resource, _ duration: Duration) {
        let seconds = duration / .seconds(1)
        switch resource {
        case .connection: connectionWaits.record(seconds)
        case .writer: writerWaits.record(seconds)
        }
    }

    /// SQLite's writer took so long for the changes of one commit, the commit included.
    public func wrote(_ duration: Duration) { writes.record(duration / .seconds(1)) }

    /// Shows how many requests wait. `count` is called each time the page is written, like those of the others below; it must return
    /// at once, and nil where there is no database any more.
    public func show(waitingFor resource: Resource, _ count: @escaping @Sendable () -> Int?) {
        registry.read(.waiting, [resource.rawValue]) { count().map(Double.init) }
    }

    /// Shows how many connections are open, of how many.
    public func show(connections count: @escaping @Sendable () -> Int?, limit: Int) {
        registry.read(.connections) { count().map(Double.init) }
        registry.read(.connectionsLimit) { Double(limit) }
    }

    /// Shows how many requests are with the server.
    public func show(inFlight count: @escaping @Sendable () -> Int?) {
        registry.read(.inFlight) { count().map(Double.init) }
    }

    /// Shows how many connections were opened after the first ones.
    public func show(reconnects count: @escaping @Sendable () -> Int?) {
        registry.read(.reconnects) { count().map(Double.init) }
    }
}
