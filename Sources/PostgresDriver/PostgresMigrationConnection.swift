internal import CPostgres
internal import Logging
internal import SQL

/// A blocking connection outside the pool, without time limits.
///
/// Threads: stays on the one that made it.
final class PostgresMigrationConnection: MigrationConnection {
    private let session: PostgresSession

    /// Connects, logs in and sets the session up.
    init(_ settings: PostgresSettings, _ logger: Logger) throws(DatabaseError) {
        session = try PostgresSession.open(settings) { logger.debug("Postgres notice", metadata: ["notice": "\($0)"]) }
        _ = try query(settings.sessionSetup(for: .migration).text.sql)
    }

    var engine: Engine { .postgres }

    func execute(_ script: String) throws(DatabaseError) {
        _ = try run(script, ifLost: .outcomeUnknown)
    }

    func query(_ sql: String) throws(DatabaseError) -> [Row] {
        try run(sql, ifLost: .unavailable)
    }

    private func run(_ sql: String, ifLost kind: DatabaseError.Kind) throws(DatabaseError) -> [Row] {
        guard session.isOpen else { throw DatabaseError(.unavailable, "the connection was lost: \(session.errorText)") }
        guard let result = PostgresResult(PQexec(session.connection, sql)) else { throw DatabaseError(kind, session.errorText) }
        if result.isSuccess { return try result.rows() }
        if let failure = result.failure(), !failure.isFatal { throw failure.error(in: nil) }
        throw DatabaseError(kind, "the connection was lost: \(session.errorText)")
    }
}
