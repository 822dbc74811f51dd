public import SQL

extension TestDatabase {
    /// Has a channel store its media in a stream, whatever the status of either.
    public func map(_ channel: String, _ streamARN: String) throws(DatabaseError) {
        try execute("UPDATE channel SET media_storage_stream_arn = '\(streamARN)' WHERE name = '\(channel)'")
    }

    /// Puts every edge configuration into a status, with a deadline where that status has one.
    public func setEdgeStatus(_ status: String) throws(DatabaseError) {
        let isAwaited = ["SYNCING", "ACKNOWLEDGED", "DELETING", "DELETING_ACKNOWLEDGED"].contains(status)
        let deadline = isAwaited ? "\(clock.now + Fixture.edgeTimeout)" : "NULL"
        try execute("UPDATE edge_configuration SET sync_status = '\(status)', deadline = \(deadline)")
    }
}
