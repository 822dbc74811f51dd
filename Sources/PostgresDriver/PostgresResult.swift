internal import CPostgres
internal import SQL

/// A result of libpq's, freed when it goes out of use.
///
/// Threads: stays on the one that owns the connection.
struct PostgresResult: ~Copyable {
    private let pointer: OpaquePointer

    /// Takes ownership; nil where libpq has no result to give.
    init?(_ pointer: OpaquePointer?) {
        guard let pointer else { return nil }
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    /// What the result means to the pipeline.
    func event() -> PostgresPipeline.Event {
        switch PQresultStatus(pointer) {
        case PGRES_TUPLES_OK:
            do throws(DatabaseError) { return .rows(try rows()) } catch { return .unreadable(error.message) }
        case PGRES_COMMAND_OK, PGRES_EMPTY_QUERY: return .rows([])
        case PGRES_PIPELINE_SYNC: return .synchronised
        case PGRES_PIPELINE_ABORTED: return .aborted
        case PGRES_FATAL_ERROR: return failure().map { .failure($0) } ?? .lost(errorText)
        case let status: return .lost("an unexpected result (\(String(cString: PQresStatus(status))))")
        }
    }

    /// The server's error; nil where libpq itself raised one, because the connection is gone.
    func failure() -> PostgresFailure? {
        guard let sqlState = field(PGFieldSQLState) else { return nil }
        return PostgresFailure(
            sqlState: sqlState,
            isFatal: field(PGFieldSeverity) == "FATAL" || field(PGFieldSeverity) == "PANIC",
            isFromServer: field(PGFieldSourceFunction) != nil,
            constraint: field(PGFieldConstraintName),
            message: field(PGFieldPrimaryMessage) ?? ""
        )
    }

    /// Whether a command succeeded, with or without rows.
    var isSuccess: Bool {
        let status = PQresultStatus(pointer)
        return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK || status == PGRES_EMPTY_QUERY
    }

    /// The rows, as values that no longer need the result.
    func rows() throws(DatabaseError) -> [Row] {
        let kinds = try columnKinds()
        let count = PQntuples(pointer)
        var rows: [Row] = []
        rows.reserveCapacity(Int(count))
        for row in 0..<count {
            var values: [SQLValue] = []
            values.reserveCapacity(kinds.count)
            for (column, kind) in kinds.enumerated() { values.append(try value(row, Int32(column), kind)) }
            rows.append(Row(values))
        }
        return rows
    }

    private enum ColumnKind {
        case integer
        case text
        case boolean
        case void
    }

    private func columnKinds() throws(DatabaseError) -> [ColumnKind] {
        var kinds: [ColumnKind] = []
        for column in 0..<PQnfields(pointer) {
            // The numbers are those of pg_type, the same in every server.
            switch PQftype(pointer, column) {
            case 20, 21, 23: kinds.append(.integer)
            case 19, 25, 1043: kinds.append(.text)
            case 16: kinds.append(.boolean)
            case 2278: kinds.append(.void)
            case let type:
                throw DatabaseError(.mistake, "column \(column + 1) is of the type with oid \(type), which is neither an integer nor text")
            }
        }
        return kinds
    }

    private func value(_ row: Int32, _ column: Int32, _ kind: ColumnKind) throws(DatabaseError) -> SQLValue {
        guard PQgetisnull(pointer, row, column) == 0 else { return .null }
        let bytes = UnsafeRawBufferPointer(start: PQgetvalue(pointer, row, column), count: Int(PQgetlength(pointer, row, column)))
        switch kind {
        case .text: return .text(String(decoding: bytes, as: UTF8.self))
        case .boolean: return .integer(bytes.first == UInt8(ascii: "t") ? 1 : 0)
        case .void: return .null
        case .integer:
            guard let integer = Int64(String(decoding: bytes, as: UTF8.self)) else {
                throw DatabaseError(.mistake, "column \(column + 1) is not a decimal integer of 64 bits")
            }
            return .integer(integer)
        }
    }

    private var errorText: String { PostgresSession.oneLine(PQresultErrorMessage(pointer)) }

    private func field(_ code: Int32) -> String? {
        PQresultErrorField(pointer, code).map { String(cString: $0) }
    }
}

/// What the server said beside its answers on one connection, instead of libpq's habit of printing it to stderr.
///
/// Threads: libpq calls it on the thread that owns the connection, and only from within a call on that connection.
final class PostgresNotices {
    private let log: (String) -> Void
    /// The server announced, while nothing was asked of it, that it ends the session.
    private(set) var isEnding = false
    private var isAboutReplication = false

    /// `log` gets one line for each notice.
    init(log: @escaping (String) -> Void) {
        self.log = log
    }

    /// Whether a commit was reported as not replicated since the last call.
    func takeReplicationWarning() -> Bool {
        defer { isAboutReplication = false }
        return isAboutReplication
    }

    /// Takes libpq's notices of a connection over. The caller keeps this object alive for as long as the connection.
    func receive(from connection: OpaquePointer) {
        let receiver: PQnoticeReceiver = { context, result in
            guard let context else { return }
            Unmanaged<PostgresNotices>.fromOpaque(context).takeUnretainedValue().note(result)
        }
        _ = PQsetNoticeReceiver(connection, receiver, Unmanaged.passUnretained(self).toOpaque())
    }

    // libpq frees a notice after the call.
    private func note(_ notice: OpaquePointer?) {
        func field(_ code: Int32) -> String? { PQresultErrorField(notice, code).map { String(cString: $0) } }
        let severity = field(PGFieldSeverity) ?? "NOTICE"
        if severity == "FATAL" || severity == "PANIC" { isEnding = true }
        if field(PGFieldSourceFunction) == "SyncRepWaitForLSN" { isAboutReplication = true }
        let failure = PostgresFailure(
            sqlState: field(PGFieldSQLState) ?? "00000", isFatal: isEnding, isFromServer: true, constraint: nil,
            message: field(PGFieldPrimaryMessage) ?? "")
        log("\(severity) \(failure.description)")
    }
}
