/// One step of the schema, with its text for each engine.
public struct Migration: Sendable {
    /// Counts from 1 without gaps.
    public let version: Int64
    public let name: String
    /// The oldest schema version whose programs may run on a database that has this migration.
    public let oldestCompatible: Int64
    private let sqlite: String
    private let postgres: String

    /// A migration whose files are UTF-8.
    public init(version: Int64, name: String, oldestCompatible: Int64, sqlite: [UInt8], postgres: [UInt8]) {
        self.version = version
        self.name = name
        self.oldestCompatible = oldestCompatible
        self.sqlite = String(decoding: sqlite, as: UTF8.self)
        self.postgres = String(decoding: postgres, as: UTF8.self)
    }

    func script(for engine: Engine) -> String {
        switch engine {
        case .sqlite: sqlite
        case .postgres: postgres
        }
    }

    /// Tells an edited file from the one that was applied. FNV-1a, 64 bits: against mistakes, not against malice.
    func checksum(for engine: Engine) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in script(for: engine).utf8 {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
        }
        return String(hash, radix: 16)
    }
}

/// Brings a schema to the version that this program was written for, and says whether the program may run on the one it finds.
public struct Migrator {
    /// What a database has, compared with what this program was written for.
    public enum State: Sendable, Equatable {
        /// Exactly this program's migrations.
        case current
        /// Migrations of a newer program, which lets this one run beside it.
        case newerButCompatible(version: Int64)
        /// These are missing.
        case pending([Int64])
        /// The program must not run; the text says why and what to do.
        case refused(String)
    }

    private let migrations: [Migration]

    /// A migrator for a program written for the last of `migrations`.
    public init(_ migrations: [Migration]) {
        self.migrations = migrations
    }

    /// Compares without changing anything.
    public func state(of connection: any MigrationConnection) throws(DatabaseError) -> State {
        compare(try applied(on: connection), engine: connection.engine)
    }

    /// Applies what is missing, each migration in a transaction of its own, and returns the versions it applied. Any number of processes may
    /// call it at once: they take turns, and each migration is applied once. Throws where the state is `refused`.
    public func migrate(_ connection: any MigrationConnection) throws(DatabaseError) -> [Int64] {
        switch connection.engine {
        case .postgres:
            // A session lock, given back when the connection ends. Whoever waits longer than a migration should take is told so.
            try connection.execute("SET lock_timeout = '60s'; SELECT pg_advisory_lock(7239046125); SET lock_timeout = '2s'")
        case .sqlite:
            // Each BEGIN EXCLUSIVE below is the lock; the connection waits for it as long as its busy timeout says.
            break
        }
        var done: [Int64] = []
        var attempt = 1
        while let migration = try next(on: connection) {
            do throws(DatabaseError) {
                guard try apply(migration, on: connection) else { continue }
            } catch {
                // A lock on a table that others use is waited for briefly, since whoever comes after waits behind it, and asked for again.
                guard error.kind == .conflict, connection.engine == .postgres, attempt < Self.lockAttempts else { throw error }
                attempt += 1
                continue
            }
            attempt = 1
            done.append(migration.version)
        }
        return done
    }

    /// How often two seconds are waited for a lock: for half a minute in all, besides the time of the migration itself.
    private static let lockAttempts = 15

    /// Applies a migration in a transaction of its own; false where another has done so meanwhile.
    private func apply(_ migration: Migration, on connection: any MigrationConnection) throws(DatabaseError) -> Bool {
        try connection.execute(begin(connection.engine))
        do throws(DatabaseError) {
            guard try applied(on: connection).allSatisfy({ $0.version < migration.version }) else {
                try connection.execute("ROLLBACK")
                return false
            }
            try connection.execute(table)
            try connection.execute(migration.script(for: connection.engine))
            try connection.execute(
                """
                INSERT INTO schema_migration (version, name, checksum, oldest_compatible, applied_at)
                VALUES (\(migration.version), '\(migration.name)', '\(migration.checksum(for: connection.engine))',
                    \(migration.oldestCompatible), now_ms())
                """)
            try connection.execute("COMMIT")
            return true
        } catch {
            // What failed is what is told; a rollback that fails too adds nothing to it.
            try? connection.execute("ROLLBACK")
            throw DatabaseError(error.kind, "migration \(migration.version) (\(migration.name)): \(error.message)")
        }
    }

    private func next(on connection: any MigrationConnection) throws(DatabaseError) -> Migration? {
        switch try state(of: connection) {
        case .current, .newerButCompatible: return nil
        case .refused(let why): throw DatabaseError(.mistake, why)
        case .pending(let versions): return migrations.first { $0.version == versions.first }
        }
    }

    private struct Applied {
        let version: Int64
        let checksum: String
        let oldestCompatible: Int64
    }

    private let table = """
        CREATE TABLE IF NOT EXISTS schema_migration (
            version BIGINT NOT NULL,
            name TEXT NOT NULL,
            checksum TEXT NOT NULL,
            oldest_compatible BIGINT NOT NULL,
            applied_at BIGINT NOT NULL,
            CONSTRAINT schema_migration_pkey PRIMARY KEY (version)
        )
        """

    private func begin(_ engine: Engine) -> String {
        switch engine {
        case .sqlite: "BEGIN EXCLUSIVE"
        case .postgres: "BEGIN"
        }
    }

    private func applied(on connection: any MigrationConnection) throws(DatabaseError) -> [Applied] {
        let exists =
            switch connection.engine {
            case .sqlite: "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'"
            case .postgres: "SELECT count(*) FROM pg_catalog.pg_class WHERE oid = to_regclass('schema_migration')"
            }
        guard var count = try connection.query(exists).first, try count.integer() > 0 else { return [] }
        var result: [Applied] = []
        for row in try connection.query("SELECT version, checksum, oldest_compatible FROM schema_migration ORDER BY version") {
            var row = row
            result.append(Applied(version: try row.integer(), checksum: try row.text(), oldestCompatible: try row.integer()))
        }
        return result
    }

    private func compare(_ applied: [Applied], engine: Engine) -> State {
        let own = migrations.last?.version ?? 0
        for found in applied where found.version <= own {
            guard let known = migrations.first(where: { $0.version == found.version }) else {
                return .refused("The database has migration \(found.version), which this program does not know.")
            }
            guard known.checksum(for: engine) == found.checksum else {
                return .refused(
                    "Migration \(found.version) (\(known.name)) was applied with another text than this program has. Run the release that applied it."
                )
            }
        }
        let newestApplied = applied.last?.version ?? 0
        let missing = migrations.map(\.version).filter { version in !applied.contains { $0.version == version } }
        if let gap = missing.first, gap < newestApplied {
            return .refused("The database lacks migration \(gap) but has migration \(newestApplied): it was not made by any release.")
        }
        if let newest = applied.last, newest.version > own {
            guard newest.oldestCompatible <= own else {
                return .refused(
                    "The database has schema version \(newest.version), which needs a program of version \(newest.oldestCompatible) or newer; "
                        + "this one has \(own). Upgrade this instance.")
            }
            return .newerButCompatible(version: newest.version)
        }
        return missing.isEmpty ? .current : .pending(missing)
    }
}
