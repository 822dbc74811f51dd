public import SQL
public import Store

extension Store {
    /// Fails an edge configuration whose agent has said nothing for too long; false where it is not as it was found any more.
    public func failOverdueEdgeConfiguration(_ found: EdgeRecord, changeToken: String) async throws(DatabaseError) -> Bool {
        guard case .settled(let failed) = EdgeStatusMachine.next(found.status, .timedOut) else { return false }
        let change = Change(
            token: changeToken, operation: EventName.edgeConfigurationStatusChange.rawValue, keyID: "weir", requestID: "", retry: nil)
        return try await moveEdgeConfiguration(
            found, .settled(status: failed, details: "The edge agent did not answer in time."), onlyOverdue: true, change)
    }
}
