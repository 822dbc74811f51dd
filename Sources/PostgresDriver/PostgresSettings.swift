internal import CPostgres
internal import SQL

/// Everything needed to open a session: the connection string with the configuration around it.
struct PostgresSettings: Sendable {
    /// How the session is used, which decides its time limits.
    enum Role: Sendable {
        /// Short statements, limited as configured.
        case requests
        /// Migrations, which may take as long as they need.
        case migration
    }

    let configuration: PostgresDatabase.Configuration
    private let connectionInfo: String
    /// Never shown: taken out of whatever libpq says.
    private let secrets: [String]

    /// Refuses what libpq cannot parse. The message never quotes the string, since it may hold a password.
    init(_ connectionInfo: String, _ configuration: PostgresDatabase.Configuration) throws(DatabaseError) {
        guard configuration.connections > 0, configuration.queueLimit > 0 else {
            throw DatabaseError(.mistake, "at least one connection and room for one waiting request are needed")
        }
        let options = try Self.parse(connectionInfo)
        if let host = options["host"], host.contains("@") {
            throw DatabaseError(
                .mistake, "the host in the Postgres connection string holds an @: is one in the password not written as %40?")
        }
        self.configuration = configuration
        self.connectionInfo = connectionInfo
        secrets = [options["password"], options["sslpassword"]].compactMap { $0 }.filter { !$0.isEmpty }
    }

    /// Keywords and values as `PQconnectdbParams` takes them; of two with the same name the later one holds.
    var keywords: [(name: String, value: String)] {
        [
            ("connect_timeout", String(configuration.connectTimeout.components.seconds)),
            ("keepalives_idle", String(configuration.keepaliveIdle.components.seconds)),
            ("keepalives_interval", String(configuration.keepaliveInterval.components.seconds)),
            ("keepalives_count", "3"),
            ("tcp_user_timeout", String(configuration.tcpUserTimeout.milliseconds)),
            // A standby would refuse every write; with several hosts, this finds the one that takes them.
            ("target_session_attrs", "read-write"),
            ("fallback_application_name", configuration.applicationName),
            ("dbname", connectionInfo),
            ("client_encoding", "UTF8"),
        ]
    }

    /// What the first statement of a session tells.
    struct Session: Sendable {
        /// A pooler stands in between and may give each transaction another session of the server: nothing set here would be there in the
        /// next one, and other clients would find it.
        let isPooled: Bool
        /// The isolation level of a transaction that asks for none.
        let isolation: String
    }

    /// Sets the session up, in one statement after connecting: poolers refuse such settings among the start-up parameters. Behind a pooler it
    /// sets nothing. One is recognised by its answer to the login, which names another process than the one that runs the statement.
    /// `synchronous_commit` stays as the server has it.
    func sessionSetup(for role: Role, process: Int32) -> Statement<Session> {
        var settings = [("default_transaction_isolation", "read committed"), ("standard_conforming_strings", "on")]
        switch role {
        case .requests: settings += limits
        case .migration: settings += timeLimits.map { ($0.name, "0") }
        }
        return Statement(
            "session_setup",
            """
            SELECT pg_backend_pid() <> \(process), current_setting('default_transaction_isolation'),
                CASE WHEN pg_backend_pid() = \(process) THEN concat(\(Self.calls(settings, isLocal: false))) END
            """
        ) { row throws(DatabaseError) in Session(isPooled: try row.integer() == 1, isolation: try row.text()) }
    }

    /// Limits the transaction that it begins: behind a pooler, the first statement of each.
    var transactionLimits: String { "SELECT \(Self.calls(limits, isLocal: true))" }

    private var limits: [(name: String, value: String)] { Self.planning + timeLimits }

    /// All statements are written for an index. A session keeps a plan that it made while a table was empty, when reading all of it cost nothing, and
    /// would still read all of it in the storm that comes then. Where there is no other way to read a table, it seems so dear to the planner that it
    /// would compile the statement first.
    private static let planning = [(name: "enable_seqscan", value: "off"), (name: "jit", value: "off")]

    private var timeLimits: [(name: String, value: String)] {
        [
            ("statement_timeout", "\(configuration.statementTimeout.milliseconds)"),
            ("lock_timeout", "\(configuration.lockTimeout.milliseconds)"),
            ("idle_in_transaction_session_timeout", "\(configuration.statementTimeout.milliseconds)"),
        ]
    }

    private static func calls(_ settings: [(String, String)], isLocal: Bool) -> String {
        settings.map { "set_config('\($0.0)', '\($0.1)', \(isLocal))" }.joined(separator: ", ")
    }

    /// Text of libpq's without the passwords.
    func redact(_ text: String) -> String {
        secrets.reduce(text) { $0.split(separator: $1, omittingEmptySubsequences: false).joined(separator: "***") }
    }

    private static func parse(_ connectionInfo: String) throws(DatabaseError) -> [String: String] {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connectionInfo, &message) else {
            defer { PQfreemem(message) }
            throw DatabaseError(.mistake, "the Postgres connection string is wrong: \(unquoted(message))")
        }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    // libpq quotes what it does not understand, and that may be the password: what stands before the quotation is fixed text.
    private static func unquoted(_ message: UnsafeMutablePointer<CChar>?) -> String {
        guard let message else { return "out of memory" }
        let fixed = String(cString: message).prefix { $0 != "\"" && $0 != "\n" }
        return "\(fixed)..."
    }
}

extension Duration {
    /// Whole milliseconds, rounded towards zero.
    var milliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
