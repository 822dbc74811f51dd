import Contract
public import SQL
public import Store

extension Store {
    /// Fails an edge configuration whose agent has said nothing for too long; false where it is not as it was found any more.
    public func failOverdueEdgeConfiguration(_ found: EdgeRecord, changeToken: String) async throws(DatabaseError) -> Bool {
        guard let status = found.status, case .settled(let failed) = EdgeStatusMachine.next(status, .timedOut) else { return false }
        let change = Change(token: changeToken, operation: Self.edgeStatusChangeEvent, keyID: "weir", requestID: "", retry: nil)
        return try await moveEdgeConfiguration(
            found, .settled(status: failed.rawValue, details: "The edge agent did not answer in time."), onlyOverdue: true, change)
    }
}
