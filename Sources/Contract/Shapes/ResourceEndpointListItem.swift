/// An endpoint of a channel.
public struct ResourceEndpointListItem: Sendable, Hashable {
    public let `protocol`: ChannelProtocol?
    public let resourceEndpoint: String?

    public init(protocol: ChannelProtocol?, resourceEndpoint: String?) {
        self.protocol = `protocol`
        self.resourceEndpoint = resourceEndpoint
    }

    static let shape = structure(
        "ResourceEndpointListItem", Self.init,
        optional("Protocol", .enumeration(ChannelProtocol.self), \.protocol, "What is spoken there."),
        optional("ResourceEndpoint", .string(), \.resourceEndpoint, "A URL without trailing slash."))
}
