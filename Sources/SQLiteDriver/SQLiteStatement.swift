import CSQLite
import SQL

/// A prepared statement of one connection.
///
/// Threads: belongs to its connection, which one thread uses at a time.
final class SQLiteStatement {
    /// The text it was prepared from.
    let sql: String
    private let handle: OpaquePointer
    /// SQLite's index of `$1`, `$2`, ...: it numbers named parameters by their first appearance in the text.
    private let parameters: [Int32]

    /// Takes over the handle. Nil when the parameters are not exactly `$1...$n`; the handle is then finalized.
    init?(_ handle: OpaquePointer, sql: String) {
        var parameters: [Int32] = []
        for number in 0..<sqlite3_bind_parameter_count(handle) {
            parameters.append(sqlite3_bind_parameter_index(handle, "$\(number + 1)"))
        }
        self.handle = handle
        self.sql = sql
        self.parameters = parameters
        if parameters.contains(0) { return nil }
    }

    deinit {
        sqlite3_finalize(handle)
    }

    /// The number of arguments it takes.
    var parameterCount: Int { parameters.count }

    /// Whether it leaves the database as it is.
    var isReadOnly: Bool { sqlite3_stmt_readonly(handle) != 0 }

    /// Binds as many arguments as there are parameters. Returns SQLite's result code.
    func bind(_ arguments: [SQLValue]) -> Int32 {
        for (index, argument) in zip(parameters, arguments) {
            let code =
                switch argument {
                case .null: sqlite3_bind_null(handle, index)
                case .integer(let value): sqlite3_bind_int64(handle, index, value)
                case .text(var value):
                    value.withUTF8 { weir_sqlite3_bind_text(handle, index, $0.baseAddress, sqlite3_uint64($0.count)) }
                }
            if code != SQLITE_OK { return code }
        }
        return SQLITE_OK
    }

    /// Goes on to the next row (`SQLITE_ROW`) or to the end (`SQLITE_DONE`); any other code is a failure.
    func step() -> Int32 {
        sqlite3_step(handle)
    }

    /// The current row. Nil when a column is a REAL or a BLOB, which Weir's schema does not have.
    func row() -> Row? {
        let count = Int(sqlite3_data_count(handle))
        let values = [SQLValue](unsafeUninitializedCapacity: count) { buffer, initialized in
            while initialized < count, let value = column(Int32(initialized)) {
                buffer.initializeElement(at: initialized, to: value)
                initialized += 1
            }
        }
        return values.count == count ? Row(values) : nil
    }

    private func column(_ index: Int32) -> SQLValue? {
        switch sqlite3_column_type(handle, index) {
        case SQLITE_INTEGER: return .integer(sqlite3_column_int64(handle, index))
        case SQLITE_NULL: return .null
        case SQLITE_TEXT:
            // In this order: the length is that of the encoding last asked for.
            let bytes = sqlite3_column_text(handle, index)
            let length = Int(sqlite3_column_bytes(handle, index))
            return .text(String(decoding: UnsafeBufferPointer(start: bytes, count: length), as: UTF8.self))
        default: return nil
        }
    }

    /// Ends the run, which ends the read transaction of a lone statement, and forgets the arguments.
    func reset() {
        sqlite3_reset(handle)
        if !parameters.isEmpty { sqlite3_clear_bindings(handle) }
    }
}
