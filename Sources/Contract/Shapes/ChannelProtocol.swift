/// What a peer speaks at an endpoint of a channel.
public enum ChannelProtocol: String, Sendable, CaseIterable {
    case wss = "WSS"
    case https = "HTTPS"
    case webrtc = "WEBRTC"
}
