import Contract
import Store

/// A page of a list, and the token of the next where there is one.
struct Page<Record: Sendable>: Sendable {
    let rows: ArraySlice<Record>
    let nextToken: String?
}

extension Call {
    /// At most `limit` records after the place that `nextToken` holds. `read` returns those after a name, in the order of their names.
    func page<Record>(
        _ limit: Int, nextToken: String?, filter: String, name: KeyPath<Record, String>,
        _ read: (Store, _ after: String?, _ limit: Int) async throws(Store.Failure) -> [Record]
    ) async throws(OperationError) -> Page<Record> {
        let after = try plane.pageTokens.last(in: nextToken, filter: filter, self)
        // One more than fits tells whether another page follows.
        let found = try await plane.ask { store throws(Store.Failure) in try await read(store, after, limit + 1) }
        let rows = found.prefix(limit)
        guard found.count > limit, let last = rows.last else { return Page(rows: rows, nextToken: nil) }
        return Page(rows: rows, nextToken: plane.pageTokens.token(after: last[keyPath: name], filter: filter, self))
    }
}
