/// Which endpoints of a channel a peer asks for.
public struct SingleMasterChannelEndpointConfiguration: Sendable {
    public let protocols: [ChannelProtocol]?
    public let role: ChannelRole?

    static let shape = structure(
        "SingleMasterChannelEndpointConfiguration", Self.init,
        optional(
            "Protocols", .list(.enumeration(ChannelProtocol.self), count: 1...5), \.protocols,
            "The protocols to get an endpoint for; WEBRTC only where the channel stores its media."),
        optional("Role", .enumeration(ChannelRole.self), \.role, "As what the caller will take part in the channel."))
}
