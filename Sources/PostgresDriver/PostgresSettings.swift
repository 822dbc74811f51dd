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
    private let password: String?

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
        password = options["password"]
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

    /// Sets the session up, in one statement after connecting: poolers refuse such settings among the start-up parameters.
    /// `synchronous_commit` stays as the server has it.
    func sessionSetup(for role: Role) -> Statement<Void> {
        let statement = role == .requests ? configuration.statementTimeout.milliseconds : 0
        let lock = role == .requests ? configuration.lockTimeout.milliseconds : 0
        let settings = [
            ("statement_timeout", "\(statement)"),
            ("lock_timeout", "\(lock)"),
            ("idle_in_transaction_session_timeout", "\(statement)"),
            ("default_transaction_isolation", "read committed"),
            ("standard_conforming_strings", "on"),
        ]
        let calls = settings.map { "set_config('\($0.0)', '\($0.1)', false)" }
        return Statement("session_setup", "SELECT \(calls.joined(separator: ", "))")
    }

    /// How long the server may say nothing while it owes an answer, before the connection counts as lost; nil for ever.
    /// It cuts a statement off itself after the statement timeout; only a stuck machine or network stays silent for longer.
    var silenceLimit: Duration? {
        configuration.statementTimeout > .zero ? configuration.statementTimeout + .seconds(5) : nil
    }

    /// Text of libpq's without the password.
    func redact(_ text: String) -> String {
        guard let password, !password.isEmpty else { return text }
        return text.split(separator: password, omittingEmptySubsequences: false).joined(separator: "***")
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
