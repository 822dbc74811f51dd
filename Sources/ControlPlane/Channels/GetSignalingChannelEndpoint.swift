import Contract
import Identity
import Store

extension GetSignalingChannelEndpoint: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let channel = try await call.channel(key)
        guard !channel.isDeleting else { throw .channelNotFound }
        // Each protocol once. The role does not matter here: masters and viewers find this deployment at the same addresses.
        let asked = Set(input.singleMasterChannelEndpointConfiguration?.protocols ?? [.wss, .https])
        if asked.contains(.webrtc), channel.mediaStorageStreamARN == nil {
            throw OperationError(
                .invalidArgument,
                "Protocols has WEBRTC, which needs media storage: enable it for the channel \(channel.name) with UpdateMediaStorageConfiguration."
            )
        }
        var endpoints: [ResourceEndpointListItem] = []
        for channelProtocol in ChannelProtocol.allCases where asked.contains(channelProtocol) {
            endpoints.append(
                ResourceEndpointListItem(protocol: channelProtocol, resourceEndpoint: try await call.endpoint(channelProtocol, of: key)))
        }
        return Output(resourceEndpointList: endpoints)
    }
}

extension Call {
    /// Where a channel is reached by a protocol.
    fileprivate func endpoint(_ channelProtocol: ChannelProtocol, of key: ResourceKey) async throws(OperationError) -> String {
        let endpoints = plane.rules.endpoints
        return switch channelProtocol {
        case .wss: try await address(endpoints.wss, of: key, webSocket: true)
        case .https: try await address(endpoints.https, of: key)
        case .webrtc: try await address(endpoints.webrtc, of: key)
        }
    }
}
