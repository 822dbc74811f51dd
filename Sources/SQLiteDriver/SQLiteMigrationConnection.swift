import SQL

/// The migrator's connection. A script that fails leaves the transaction it began open, for the caller to roll back.
///
/// Threads: not shared; one thread at a time.
struct SQLiteMigrationConnection: MigrationConnection {
    let connection: SQLiteConnection

    var engine: Engine { .sqlite }

    func execute(_ script: String) throws(DatabaseError) {
        try connection.execute(script)
    }

    func query(_ sql: String) throws(DatabaseError) -> [Row] {
        try connection.query(sql)
    }
}
