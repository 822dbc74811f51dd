internal import SQL

/// An error as the server (or a pooler before it) answered it.
struct PostgresFailure: Sendable, Hashable {
    /// Five characters; the first two are the class (Postgres manual, appendix A).
    let sqlState: String
    /// The session ends with it (severity FATAL or PANIC).
    let isFatal: Bool
    /// It names the function that raised it: a server's own word. A pooler's says nothing about what the server behind it did.
    let isFromServer: Bool
    let constraint: String?
    /// The primary message; `description` decides whether it may be shown.
    let message: String

    /// A statement prepared earlier is gone, or its result type has changed. Nothing was executed; preparing it anew helps.
    var isStalePlan: Bool { sqlState == "26000" || sqlState == "0A000" }

    /// The server takes no writes, as a standby does: after a failover another one does, so the connection must be made anew.
    var isReadOnlyServer: Bool { sqlState == "25006" }

    /// What the caller may conclude, given that the server has rolled the work back.
    var kind: DatabaseError.Kind {
        switch sqlState {
        case "23505", "23514", "23503", "23P01": .constraint(constraint ?? "")
        case "40001", "40P01", "55P03": .conflict
        // Cut off after the statement timeout, or by an administrator: at once again, it would take as long.
        case "57014": .unavailable
        // The session is gone, not the statement wrong.
        case _ where isFatal: .unavailable
        // More or fewer arguments than the statement has parameters: the caller's error, though its class is a connection's.
        case "08P01": .mistake
        case "25006": .unavailable
        case let state where ["08", "53", "58"].contains(state.prefix(2)) || state.hasPrefix("57P"): .unavailable
        case _: .mistake
        }
    }

    /// The SQLSTATE, with the server's text only where its class cannot quote an argument. Classes 22 (data) and 23 (constraints) do.
    var description: String {
        let quotable = ["08", "0A", "25", "26", "28", "3D", "3F", "40", "42", "53", "54", "55", "57", "58"]
        return quotable.contains(String(sqlState.prefix(2))) ? "SQLSTATE \(sqlState), \(message)" : "SQLSTATE \(sqlState)"
    }

    /// The error for callers.
    func error(in statement: String?) -> DatabaseError {
        let hint = sqlState == "26000" || sqlState == "42P05" ? "; behind a transaction-mode pooler, switch prepared statements off" : ""
        return DatabaseError(kind, "\(statement.map { "\($0): " } ?? "")\(description)\(hint)")
    }
}
