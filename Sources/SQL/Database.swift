/// A SQL database, by the only two ways in which Weir uses one.
///
/// Threads: any task may call any method at any time.
public protocol Database: Sendable {
    /// Runs one statement that changes nothing, outside any transaction, and returns its rows. A lost connection is tried again once.
    func read<Output>(_ statement: Statement<Output>, _ arguments: [SQLValue]) async throws(DatabaseError) -> [Output]

    /// Runs a batch as one transaction, durably: once it returns, the change survives the loss of the process and of the machine's power.
    /// A batch is never sent twice; where its outcome cannot be known, `outcomeUnknown` says so.
    func write(_ batch: Batch) async throws(DatabaseError) -> BatchResult
}

/// A connection of its own for the migrator: blocking, not shared, closed when it goes out of use.
public protocol MigrationConnection {
    /// Which engine's files apply.
    var engine: Engine { get }

    /// Runs a script of statements separated by semicolons, without parameters.
    func execute(_ script: String) throws(DatabaseError)

    /// Runs one statement without parameters and returns its rows.
    func query(_ sql: String) throws(DatabaseError) -> [Row]
}

/// The two databases Weir runs on.
public enum Engine: String, Sendable, CaseIterable {
    case sqlite
    case postgres
}
