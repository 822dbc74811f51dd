import Contract
import Identity
import Store

extension Call {
    /// Has the caller need to be allowed to reach a thing, and refuses one of another region.
    mutating func reach(hubDeviceARN arn: String) throws(OperationError) {
        access.resources.append(.thing(arn))
        let parts = arn.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[3] == caller.region else {
            throw OperationError(
                .invalidArgument, "HubDeviceArn \(arn) is not of the region \(caller.region), which the request was signed for.")
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
            "The edge configuration of the stream \(found.key.name) is \(found.status.rawValue): wait until its agent is done, or its time is over."
        )
    }
}

extension EdgeRecord {
    var syncStatus: SyncStatus { SyncStatus(status) }

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

extension SyncStatus {
    /// As the API shows it.
    init(_ status: EdgeStatus) {
        self =
            switch status {
            case .syncing: .syncing
            case .acknowledged: .acknowledged
            case .inSync: .inSync
            case .syncFailed: .syncFailed
            case .deleting: .deleting
            case .deleteFailed: .deleteFailed
            case .deletingAcknowledged: .deletingAcknowledged
            }
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
    func edgeConfiguration(_ key: ResourceKey) async throws(OperationError) -> EdgeRecord {
        let stream = try await stream(key)
        let found = try await plane.ask { store throws(Store.Failure) in
            try await store.edgeConfiguration(key, streamARN: stream.arn)
        }
        guard let found else { throw .edgeConfigurationNotFound(stream.name) }
        return found
    }
}
