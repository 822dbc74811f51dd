public import HummingbirdCore
public import NIOCore

/// What an operator decides about the way in.
public struct GatewayConfiguration: Sendable {
    /// How callers prove who they are.
    public enum Authentication: Sendable {
        /// Signature Version 4, by an access key of the deployment. nil allows every region that a signature names.
        case signature(regions: Set<String>?)
        /// Not at all: whoever can reach the server acts for this account in this region.
        case none(account: String, region: String)
    }

    public var authentication: Authentication
    /// Origins of web pages that may call, such as `https://console.example.com`; `*` allows all.
    public var corsOrigins: [String]
    /// Whether clients speak TLS to this server, which decides the scheme of echoed endpoints.
    public var isTLS: Bool
    /// Whether calls are answered, or only the pages for operators.
    public var servesAPI: Bool
    /// The largest body that is read, in bytes.
    public var bodyLimit: Int
    /// How long a request may take to arrive.
    public var arrivalLimit: TimeAmount

    public init(
        authentication: Authentication, corsOrigins: [String] = [], isTLS: Bool = false, servesAPI: Bool = true,
        bodyLimit: Int = 1 << 20,
        arrivalLimit: TimeAmount = .seconds(30)
    ) {
        self.authentication = authentication
        self.corsOrigins = corsOrigins
        self.isTLS = isTLS
        self.servesAPI = servesAPI
        self.bodyLimit = bodyLimit
        self.arrivalLimit = arrivalLimit
    }
}

extension GatewayConfiguration {
    /// How connections are kept: requests that take too long to arrive are refused, connections that are idle are closed.
    public var connection: HTTP1Channel.Configuration {
        let arrivalLimit = arrivalLimit
        return HTTP1Channel.Configuration(
            additionalChannelHandlers: [RequestDeadline(limit: arrivalLimit)], idleTimeout: .seconds(75),
            httpDecoderConfiguration: .init(maxHeaderFieldSize: 32 << 10, maxHeaderListSize: 64 << 10, maxHeaderFieldCount: 200))
    }
}
