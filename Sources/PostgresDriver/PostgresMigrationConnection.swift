internal import CPostgres
internal import Logging
internal import SQL

/// A blocking connection outside the pool, without time limits.
///
/// Threads: stays on the one that made it.
final class PostgresMigrationConnection: MigrationConnection {
    private let session: PostgresSession
    private var isPooled = false

    /// Connects, logs in and sets the session up.
    init(_ settings: PostgresSettings, _ logger: Logger) throws(DatabaseError) {
        session = try PostgresSession.open(settings) { logger.debug("Postgres notice", metadata: ["notice": "\($0)"]) }
        let setup = settings.sessionSetup(for: .migration, process: session.process)
        guard var row = try query(setup.text.sql).first else { throw DatabaseError(.unavailable, "the server did not answer the setup") }
        isPooled = try setup.decode(&row).isPooled
    }

    var engine: Engine { .postgres }

    // A script may set the session, take its locks and span its transactions: behind a pooler, each next one may be another session, and a lock
    // would be left behind.
    func execute(_ script: String) throws(DatabaseError) {
        guard !isPooled else {
            throw DatabaseError(
                .mistake, "this connection goes through a pooler, which keeps no session: migrate with the server's own address instead")
        }
        _ = try run(script, ifLost: .outcomeUnknown)
        if session.notices.takeReplicationWarning() {
            throw DatabaseError(.outcomeUnknown, "committed, but the wait for a standby to confirm it was cancelled")
        }
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
