public import SQL

extension TestDatabase {
    /// Puts every edge configuration into a status, with a deadline where that status has one.
    public func setEdgeStatus(_ status: String) throws(DatabaseError) {
        let isAwaited = ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"].contains(status)
        let deadline = isAwaited ? "\(clock.now + Fixture.edgeTimeout)" : "NULL"
        try execute("UPDATE edge_configuration SET sync_status = '\(status)', deadline = \(deadline)")
    }
}
