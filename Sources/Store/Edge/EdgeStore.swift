public import SQL

extension Store {
    /// The edge configuration of a stream: of the incarnation that `streamARN` names, or of any.
    public func edgeConfiguration(_ key: ResourceKey, streamARN: String? = nil) async throws(DatabaseError) -> EdgeRecord? {
        try await database.read(EdgeStatements.find, key.arguments + [.text(streamARN)]).first
    }

    /// At most `limit` edge configurations of a thing, by the names of their streams in byte order, after `after`.
    public func edgeConfigurations(
        account: String, region: String, hubDeviceARN: String, after: String?, limit: Int
    ) async throws(DatabaseError) -> [EdgeRecord] {
        try await database.read(
            EdgeStatements.listOfHub,
            [.text(account), .text(region), .text(hubDeviceARN), .text(after ?? ""), .integer(Int64(limit))])
    }

    /// A number that changes whenever the work of a thing's agent changes; nil while the agent has none. Reading it costs the same however much
    /// work there is.
    public func edgeChanges(account: String, region: String, hubDeviceARN: String) async throws(DatabaseError) -> Int64? {
        try await database.read(EdgeStatements.changesOfHub, [.text(account), .text(region), .text(hubDeviceARN)]).first
    }

    /// At most `limit` edge configurations whose agent has said nothing for too long.
    public func overdueEdgeConfigurations(limit: Int) async throws(DatabaseError) -> [EdgeRecord] {
        try await database.read(EdgeStatements.listOverdue, [.integer(Int64(limit))])
    }

    /// How an operator's change of an edge configuration ended.
    public enum EdgeChange: Sendable {
        case accepted
        case streamNotFound
        /// What was read after the refusal.
        case refused(stream: ResourceState, configuration: EdgeRecord?)
    }

    /// Sets the edge configuration of an ACTIVE stream that keeps media, in JSON, unless it is SYNCING, DELETING or acknowledged, or another
    /// thing has it. The agent's next word is due after `timeout` milliseconds.
    public func startEdgeConfigurationUpdate(
        _ key: ResourceKey, hubDeviceARN: String, configuration: String, revision: String, timeout: Int64, _ change: Change
    ) async throws(DatabaseError) -> EdgeChange {
        try await changeEdge(
            key, EdgeStatements.start, .syncing,
            [.integer(key.creationTime), .text(hubDeviceARN), .text(configuration), .text(revision), .integer(timeout)], change)
    }

    /// Asks the agent to delete a configuration that is not at work. Its next word is due after `timeout` milliseconds.
    public func deleteEdgeConfiguration(
        _ key: ResourceKey, revision: String, timeout: Int64, _ change: Change
    ) async throws(DatabaseError) -> EdgeChange {
        try await changeEdge(
            key, EdgeStatements.delete, .deleting, [.integer(key.creationTime), .text(revision), .integer(timeout)], change)
    }

    private func changeEdge(
        _ key: ResourceKey, _ statement: Statement<String>, _ status: EdgeStatus, _ arguments: [SQLValue], _ change: Change
    ) async throws(DatabaseError) -> EdgeChange {
        var batch = Batch()
        batch.add(key.statements.lock, key.arguments)
        let guarded = batch.add(statement, key.arguments + [.text(change.token)] + arguments)
        batch.add(EdgeStatements.touchStream, key.arguments + [.text(change.token)])
        batch.addRecord(of: change, status: status.rawValue, on: key)
        switch try await commit(batch, guarded: guarded, change, key) {
        case .accepted: return .accepted
        case .violated(let other): throw DatabaseError(.mistake, "changing an edge configuration violated \(other)")
        case .refused:
            guard let stream = try await state(key) else { return .streamNotFound }
            return .refused(stream: stream, configuration: try await edgeConfiguration(key, streamARN: stream.arn))
        }
    }

    /// Where an edge configuration goes from where it was found.
    public enum EdgeMove: Sendable, Hashable {
        /// To a status that waits for the agent's next word, for so many milliseconds.
        case awaiting(status: EdgeStatus, timeout: Int64)
        case settled(status: EdgeStatus, details: String?)
        /// It is no more.
        case gone
    }

    /// Moves an edge configuration on from the revision and status in which it was found, and writes the event; with `onlyOverdue` only if the
    /// agent's word is overdue. False where it is not as it was found any more.
    public func moveEdgeConfiguration(
        _ found: EdgeRecord, _ move: EdgeMove, onlyOverdue: Bool = false, _ change: Change
    ) async throws(DatabaseError) -> Bool {
        let key = found.key
        var (status, details, timeout): (EdgeStatus, String?, Int64?) = (found.status, nil, nil)
        switch move {
        case .awaiting(let next, let milliseconds): (status, timeout) = (next, milliseconds)
        case .settled(let next, let text): (status, details) = (next, text)
        // The row stays as it is until it is removed below; its deadline only has to satisfy the constraint.
        case .gone: timeout = 0
        }
        var batch = Batch()
        batch.add(key.statements.lock, key.arguments)
        let moved = batch.add(
            EdgeStatements.move,
            key.arguments + [
                .text(change.token), .text(found.streamARN), .text(found.revision), .text(found.status.rawValue), .text(status.rawValue),
                .text(details),
                .integer(timeout), .integer(onlyOverdue ? 1 : 0),
            ])
        batch.add(EdgeStatements.touchStream, key.arguments + [.text(change.token)])
        batch.add(
            event: EventName.edgeConfigurationStatusChange.rawValue, status: move == .gone ? "DELETED" : status.rawValue, on: key,
            keyID: change.keyID,
            requestID: change.requestID, token: change.token)
        if move == .gone { batch.add(EdgeStatements.remove, key.arguments + [.text(change.token)]) }
        switch try await commit(batch, guarded: moved, change, key) {
        case .accepted: return true
        case .refused: return false
        case .violated(let other): throw DatabaseError(.mistake, "moving an edge configuration violated \(other)")
        }
    }

    /// Gives the agent `timeout` milliseconds for its next word. False where the configuration is not as it was found any more.
    public func extendEdgeDeadline(_ found: EdgeRecord, timeout: Int64) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let extended = batch.add(
            EdgeStatements.extendDeadline,
            found.key.arguments + [.text(found.streamARN), .text(found.revision), .text(found.status.rawValue), .integer(timeout)])
        return try await !write(batch).rows(extended).isEmpty
    }

    /// Keeps what the agent of a thing reports on its jobs for a stream; nil leaves what was reported before. False where the thing has no
    /// configuration of that stream.
    public func reportEdgeJobs(
        _ key: ResourceKey, streamARN: String, hubDeviceARN: String, recorder: EdgeRecord.JobReport?, uploader: EdgeRecord.JobReport?
    ) async throws(DatabaseError) -> Bool {
        var batch = Batch()
        let reported = batch.add(
            EdgeStatements.report,
            key.arguments + [
                .text(streamARN), .text(hubDeviceARN), .text(recorder?.status), .text(recorder?.details), .integer(recorder?.collectedAt),
                .text(uploader?.status), .text(uploader?.details), .integer(uploader?.collectedAt),
            ])
        return try await !write(batch).rows(reported).isEmpty
    }
}
