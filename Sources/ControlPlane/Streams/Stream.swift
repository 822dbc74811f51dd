import Contract
import Identity
import Store

extension StreamRecord {
    /// As the API shows it.
    var info: StreamInfo {
        StreamInfo(
            creationTime: Timestamp(millisecondsSinceEpoch: creationTime), dataRetentionInHours: Int(dataRetentionInHours),
            deviceName: deviceName, kmsKeyID: kmsKeyID, mediaType: mediaType, status: StreamStatus(status), streamARN: arn,
            streamName: name, version: version)
    }

    var isDeleting: Bool { status == .deleting }
}

extension StreamStatus {
    /// As the API shows it, of streams and channels.
    init(_ status: ResourceStatus) {
        self =
            switch status {
            case .creating: .creating
            case .active: .active
            case .updating: .updating
            case .deleting: .deleting
            }
    }
}

extension Call {
    /// The stream in whatever status.
    func stream(_ key: ResourceKey) async throws(OperationError) -> StreamRecord {
        guard let found = try await plane.ask({ store throws(Store.Failure) in try await store.stream(key) }) else {
            throw .streamNotFound
        }
        return found
    }
}
