import Files
import Glibc
import Identity
import Logging
import Migrations
import PostgresDriver
import Prometheus
import SQL
import SQLiteDriver
import Settings
import Store

/// The database of a deployment and what is kept beside it, opened as configured.
struct Deployment {
    let database: OpenDatabase
    let store: Store
    /// Whether another process may serve this deployment at the same time from the same SQLite file.
    private let isBeside: Bool
    private let dataDirectory: String
    private let masterKeyFile: String
    private let logger: Logger

    /// Why a deployment cannot be opened. The text is for operators.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// One of the two databases.
    enum OpenDatabase {
        case sqlite(SQLiteDatabase)
        case postgres(PostgresDatabase)

        /// Whether other instances may serve from it too.
        var isShared: Bool {
            switch self {
            case .sqlite: false
            case .postgres: true
            }
        }

        func migrationConnection() throws(DatabaseError) -> any MigrationConnection {
            switch self {
            case .sqlite(let database): try database.migrationConnection()
            case .postgres(let database): try database.migrationConnection()
            }
        }
    }

    /// Opens the deployment for as long as `body` takes. What was accepted is finished before the database is closed. On SQLite a server and a
    /// migration need the file for themselves; other commands work `beside` them. The
    /// driver tells of its work in `metrics`.
    static func open(
        _ configuration: ServerConfiguration, _ logger: Logger, beside: Bool = false, metrics: Registry = Registry(),
        _ body: (Deployment) async throws -> Void
    ) async throws {
        let deployment = try Deployment(configuration, logger, beside: beside, metrics)
        do {
            try await body(deployment)
        } catch {
            await deployment.close()
            throw error
        }
        await deployment.close()
    }

    private init(_ configuration: ServerConfiguration, _ logger: Logger, beside: Bool, _ metrics: Registry) throws {
        if beside { try Self.requireFile(configuration.database) } else { try PrivateFile.makeFolder(configuration.dataDirectory) }
        try PrivateFile.requireUnshared(configuration.dataDirectory)
        database = try Self.database(configuration, logger, beside: beside, metrics)
        store =
            switch database {
            case .sqlite(let database): Store(database)
            case .postgres(let database): Store(database)
            }
        isBeside = beside
        dataDirectory = configuration.dataDirectory
        masterKeyFile = configuration.masterKeyFile
        self.logger = logger
    }

    /// Refuses a SQLite file that is not there: it would be made, empty and of no use, in what is likely the wrong folder.
    private static func requireFile(_ database: ServerConfiguration.DatabaseLocation) throws {
        guard case .sqlite(let path) = database, access(path, F_OK) != 0 else { return }
        throw Failure(
            description:
                "There is no database at \(path). Is that the --data-dir of the server? weir serve makes one, and so does weir migrate.")
    }

    private static func database(
        _ configuration: ServerConfiguration, _ logger: Logger, beside: Bool, _ metrics: Registry
    ) throws -> OpenDatabase {
        do throws(DatabaseError) {
            switch configuration.database {
            case .sqlite(let path):
                var options = SQLiteDatabase.Configuration()
                options.isAlone = !beside
                options.metrics = metrics
                return .sqlite(try SQLiteDatabase(path: path, configuration: options))
            case .postgres(let info):
                var options = PostgresDatabase.Configuration()
                options.connections = configuration.postgresConnections
                options.preparedStatements = configuration.postgresPreparedStatements
                options.metrics = metrics
                return .postgres(try PostgresDatabase(connectionInfo: info, configuration: options, logger: logger))
            }
        } catch {
            throw Failure(description: "The database cannot be opened: \(error.message)")
        }
    }

    /// Reads the master key and checks that it is this deployment's. It is made where neither the file nor the deployment has one yet; a
    /// deployment that was set up with one is never given another.
    func masterKey() async throws -> MasterKey {
        if try PrivateFile.read(masterKeyFile) == nil {
            guard try await !AccessKeys.haveMasterKey(in: store) else {
                throw Failure(
                    description:
                        "\(masterKeyFile) is missing, and this database was set up with a master key: copy it from a backup or from "
                        + "another instance, or name it with --master-key-file.")
            }
            try PrivateFile.makeFolder(dataDirectory)
            _ = try PrivateFile.write(MasterKey.randomBytes(), to: masterKeyFile, replacing: false)
        }
        guard let bytes = try PrivateFile.read(masterKeyFile), let key = MasterKey(bytes) else {
            throw Failure(description: "\(masterKeyFile) holds neither a master key of 32 bytes nor two of them.")
        }
        try await AccessKeys(store: store, masterKey: key).checkMasterKey()
        return key
    }

    /// Reads the master key again, into every copy of it, if it is this deployment's.
    func reread(_ masterKey: MasterKey) async throws {
        guard let bytes = try PrivateFile.read(masterKeyFile), let key = MasterKey(bytes) else {
            throw Failure(description: "\(masterKeyFile) holds neither a master key of 32 bytes nor two of them.")
        }
        try await AccessKeys(store: store, masterKey: key).checkMasterKey()
        _ = masterKey.replace(by: bytes)
    }

    /// Sees to it that the schema is the one of this program: on a SQLite file of its own by migrating, else by refusing where it is not.
    func prepareSchema() throws {
        let migrator = Migrator(Migration.all)
        do throws(DatabaseError) {
            try requireRights()
            let connection = try database.migrationConnection()
            switch try migrator.state(of: connection) {
            case .current: return
            case .newerButCompatible(let version):
                logger.notice("the schema is newer than this program, and compatible", metadata: ["version": "\(version)"])
            case .refused(let why): throw DatabaseError(.mistake, why)
            case .pending(let versions):
                guard connection.engine == .sqlite, !isBeside else {
                    throw DatabaseError(
                        .mistake, "The schema lacks the migrations \(versions). Run `weir migrate` with the same configuration.")
                }
                let applied = try migrator.migrate(connection)
                logger.notice("migrated", metadata: ["versions": "\(applied)"])
            }
        } catch {
            throw Failure(description: error.message)
        }
    }

    private func requireRights() throws(DatabaseError) {
        guard case .postgres(let database) = database else { return }
        let missing = try database.missingRights()
        guard missing.isEmpty else {
            throw DatabaseError(
                .mistake, "The database role lacks \(missing.joined(separator: "; ")). Run ops/postgres-roles.sql, or grant it.")
        }
    }

    /// Applies the migrations that are missing, on either engine. Returns their versions.
    func migrate() throws -> [Int64] {
        do throws(DatabaseError) {
            return try Migrator(Migration.all).migrate(database.migrationConnection())
        } catch {
            throw Failure(description: error.message)
        }
    }

    private func close() async {
        switch database {
        case .sqlite(let database): database.close()
        case .postgres(let database): await database.close()
        }
    }
}
