import Contract
import Store

extension StreamRecord {
    /// As the API shows it.
    var info: StreamInfo {
        StreamInfo(
            creationTime: Timestamp(millisecondsSinceEpoch: creationTime), dataRetentionInHours: Int(dataRetentionInHours),
            deviceName: deviceName, kmsKeyID: kmsKeyID, mediaType: mediaType, status: StreamStatus(rawValue: status), streamARN: arn,
            streamName: name, version: version)
    }

    var isDeleting: Bool { status == StreamStatus.deleting.rawValue }
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
