import Contract
import SQL
import Store

extension ResourceSubject {
    /// The stream whose edge configuration a call is about. There is none in the region af-south-1: reference, StartEdgeConfigurationUpdate.
    init(edgeStream name: String?, arn: String?, _ caller: Caller, _ operation: OperationID) throws(OperationError) {
        try caller.requireEdge(operation)
        try self.init(stream: name, arn: arn, caller, operation)
    }
}

extension Caller {
    /// Refuses the region where edge configurations are not offered.
    func requireEdge(_ operation: OperationID) throws(OperationError) {
        guard region != "af-south-1" else {
            throw OperationError(.accessDenied, "\(operation.rawValue) is not available in the region af-south-1.")
        }
    }

    /// Refuses a thing of another account, which no agent of this one could be, or of another region.
    func requireOwn(hubDeviceARN arn: String, _ operation: OperationID) throws(OperationError) {
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[4] == account else { throw .denied(self, operation, resource: arn) }
        guard parts[3] == region else {
            throw OperationError(
                .invalidArgument, "HubDeviceArn \(arn) is not of the region \(region), which the request was signed for.")
        }
    }
}

extension OperationError {
    static func edgeConfigurationNotFound(_ stream: String) -> OperationError {
        OperationError(.streamEdgeConfigurationNotFound, "The stream \(stream) has no edge configuration.")
    }

    static func edgeConfigurationBusy(_ found: EdgeRecord) -> OperationError {
        OperationError(
            .resourceInUse,
            "The edge configuration of the stream \(found.key.name) is \(found.syncStatus): wait until its agent is done, or its time is over."
        )
    }
}

extension EdgeRecord {
    var status: SyncStatus? { SyncStatus(rawValue: syncStatus) }

    /// As it was set.
    func edgeConfig() throws(OperationError) -> EdgeConfig { try EdgeConfig.stored(configuration) }

    /// What the agent has said of its jobs; nil where it has said nothing.
    var agentStatus: EdgeAgentStatus? {
        guard recorder != nil || uploader != nil else { return nil }
        return EdgeAgentStatus(
            lastRecorderStatus: recorder.map {
                LastRecorderStatus(
                    jobStatusDetails: $0.details, lastCollectedTime: Timestamp($0.collectedAt), lastUpdatedTime: Timestamp($0.updatedAt),
                    recorderStatus: RecorderStatus(rawValue: $0.status))
            },
            lastUploaderStatus: uploader.map {
                LastUploaderStatus(
                    jobStatusDetails: $0.details, lastCollectedTime: Timestamp($0.collectedAt), lastUpdatedTime: Timestamp($0.updatedAt),
                    uploaderStatus: UploaderStatus(rawValue: $0.status))
            })
    }
}

extension Timestamp {
    fileprivate init?(_ milliseconds: Int64?) {
        guard let milliseconds else { return nil }
        self.init(millisecondsSinceEpoch: milliseconds)
    }
}

extension Call {
    /// The edge configuration of a stream in whatever status.
    func edgeConfiguration(_ subject: ResourceSubject) async throws(OperationError) -> EdgeRecord {
        let stream = try await stream(subject)
        let found = try await plane.ask { store throws(DatabaseError) in
            try await store.edgeConfiguration(subject.key, streamARN: stream.arn)
        }
        guard let found else { throw .edgeConfigurationNotFound(stream.name) }
        return found
    }
}
