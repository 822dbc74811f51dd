import Contract
import Identity
import Store

extension ChannelRecord {
    /// As the API shows it.
    var info: ChannelInfo {
        ChannelInfo(
            channelARN: arn, channelName: name, channelStatus: StreamStatus(status),
            channelType: ChannelType(rawValue: channelType), creationTime: Timestamp(millisecondsSinceEpoch: creationTime),
            singleMasterConfiguration: SingleMasterConfiguration(messageTtlSeconds: Int(messageTtlSeconds)), version: version)
    }

    var isDeleting: Bool { status == .deleting }
}

extension Call {
    /// The channel in whatever status.
    func channel(_ key: ResourceKey) async throws(OperationError) -> ChannelRecord {
        guard let found = try await plane.ask({ store throws(Store.Failure) in try await store.channel(key) }) else {
            throw .channelNotFound
        }
        return found
    }
}
