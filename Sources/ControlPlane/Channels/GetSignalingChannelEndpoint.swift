import Contract
import Identity
import Store

extension GetSignalingChannelEndpoint: Rule {
    static func answer(_ input: Input, _ key: ResourceKey, _ call: Call) async throws(OperationError) -> Output {
        let channel = try await call.channel(key)
        guard !channel.isDeleting else { throw .channelNotFound }
        let role = input.singleMasterChannelEndpointConfiguration?.role
        // Each protocol once.
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
                ResourceEndpointListItem(
                    protocol: channelProtocol, resourceEndpoint: try await call.endpoint(channelProtocol, of: key, for: role)))
        }
        return Output(resourceEndpointList: endpoints)
    }
}

extension Call {
    /// Where a channel is reached by a protocol.
    fileprivate func endpoint(
        _ channelProtocol: ChannelProtocol, of key: ResourceKey, for role: ChannelRole?
    ) async throws(OperationError) -> String {
        let endpoints = plane.rules.endpoints
        return switch channelProtocol {
        case .wss: try await webSocketEndpoint(endpoints.wss, of: key, for: role)
        case .https: try await address(endpoints.https, of: key, role: "signaling")
        case .webrtc: try await address(endpoints.webrtc, of: key, role: "signaling")
        }
    }

    /// Where WebSockets are opened: masters and viewers are told apart by the host, m or v in place of `{role}`, or else by the path.
    private func webSocketEndpoint(
        _ address: AdvertisedEndpoints.Address, of key: ResourceKey, for role: ChannelRole?
    ) async throws(OperationError) -> String {
        switch address {
        case .fixed(let url): return url.replacing("{role}", with: role == .master ? "m" : "v")
        case .echo, .instance:
            let host = try await self.address(address, of: key, role: "signaling", webSocket: true)
            return role.map { "\(host)/\($0.rawValue.lowercased())" } ?? host
        }
    }
}
