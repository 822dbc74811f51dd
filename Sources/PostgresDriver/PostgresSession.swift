internal import CPostgres
internal import Glibc
internal import SQL

/// An open session with the server: libpq's connection, closed when it goes out of use.
///
/// Threads: stays on the one that made it.
struct PostgresSession: ~Copyable {
    let connection: OpaquePointer
    let notices: PostgresNotices

    private init(_ connection: OpaquePointer, _ notices: PostgresNotices) {
        self.connection = connection
        self.notices = notices
        notices.receive(from: connection)
    }

    /// Connects and logs in, which blocks for up to the connect timeout for each address.
    static func open(_ settings: PostgresSettings, log: @escaping (String) -> Void) throws(DatabaseError) -> PostgresSession {
        var names = CStrings()
        var values = CStrings()
        for (name, value) in settings.keywords {
            guard names.append(name), values.append(value) else {
                throw DatabaseError(.mistake, "the setting \(name) of the Postgres connection holds U+0000")
            }
        }
        _ = names.append(nil)
        _ = values.append(nil)
        let opened = names.withPointers { names in
            values.withPointers { values in PQconnectdbParams(names.baseAddress, values.baseAddress, 1) }
        }
        guard let opened else { throw DatabaseError(.unavailable, "no memory for a connection") }
        let session = PostgresSession(opened, PostgresNotices(log: log))
        guard session.isOpen else { throw DatabaseError(.unavailable, settings.redact(session.errorText)) }
        guard PQserverVersion(opened) >= oldestServer else {
            throw DatabaseError(
                .unavailable, "the Postgres server has version \(session.told("server_version") ?? "?"); 15 or newer is needed")
        }
        if let encoding = session.told("server_encoding"), encoding != "UTF8" {
            throw DatabaseError(.unavailable, "the Postgres database is encoded in \(encoding); make one with ENCODING 'UTF8'")
        }
        return session
    }

    deinit {
        PQfinish(connection)
    }

    /// Whether the connection is open, as far as libpq has noticed.
    var isOpen: Bool { PQstatus(connection) == CONNECTION_OK && !notices.isEnding }

    /// The server's process, as it was told at the login.
    var process: Int32 { PQbackendPID(connection) }

    // As libpq counts: two digits for the major version, four for the minor one.
    private static let oldestServer: Int32 = 15_00_00

    private func told(_ parameter: String) -> String? {
        PQparameterStatus(connection, parameter).map { String(cString: $0) }
    }

    /// What libpq says is wrong.
    var errorText: String { Self.oneLine(PQerrorMessage(connection)) }

    /// libpq's messages have lines; logs have one.
    static func oneLine(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        return String(cString: text).split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }.joined(separator: "; ")
    }
}
