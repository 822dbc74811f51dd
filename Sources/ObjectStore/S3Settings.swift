public import Signing

/// How an S3-compatible store is reached.
public struct S3Settings: Sendable {
    /// `http://HOST[:PORT]` or `https://HOST[:PORT]`; nil: AWS, in the region.
    public var endpoint: String?
    public var region: String
    public var credentials: Credentials
    /// A PEM file of authorities to trust in place of the system's.
    public var caFile: String?
    /// Whether the bucket is a part of the host's name rather than of the path. AWS wants it so; others mostly do not have such names.
    public var usesVirtualHosts: Bool
    public var limits = Limits()

    public init(endpoint: String?, region: String, credentials: Credentials, caFile: String? = nil, usesVirtualHosts: Bool? = nil) {
        self.endpoint = endpoint
        self.region = region
        self.credentials = credentials
        self.caFile = caFile
        self.usesVirtualHosts = usesVirtualHosts ?? (endpoint == nil)
    }

    /// Times and numbers.
    public struct Limits: Sendable {
        /// For one attempt, besides a second for each MiB that is sent or received.
        public var attempt = Duration.seconds(10)
        /// For all attempts of a call: none begins after it.
        public var call = Duration.seconds(20)
        /// The wait before the second attempt is at most this, before each further one at most twice as long; each is drawn at random.
        public var firstPause = Duration.milliseconds(100)
        public var longestPause = Duration.seconds(3)
        /// Connections to the store at a time.
        public var connections = 64

        public init() {}
    }

    /// The parts of the endpoint.
    struct Endpoint {
        let scheme: String
        /// With its port, if it has one.
        let authority: String
    }

    /// Refuses an endpoint that is not of the form above.
    func place() throws(BucketFailure) -> Endpoint {
        guard let endpoint else {
            return Endpoint(scheme: "https", authority: "s3.\(region).amazonaws.com\(region.hasPrefix("cn-") ? ".cn" : "")")
        }
        for scheme in ["http", "https"] where endpoint.hasPrefix("\(scheme)://") {
            var authority = endpoint.dropFirst(scheme.utf8.count + 3)
            if authority.hasSuffix("/") { authority.removeLast() }
            guard !authority.isEmpty, !authority.contains(where: { "/?#@ ".contains($0) }) else { break }
            return Endpoint(scheme: scheme, authority: String(authority))
        }
        throw .refused("the endpoint of the store is not of the form https://HOST[:PORT]")
    }
}
