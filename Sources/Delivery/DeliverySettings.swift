import NIOSSL
public import Signing
import Store

/// What an operator decides about how events are delivered.
public struct DeliverySettings: Sendable {
    /// Where URLs may lead.
    public var networks: AddressPolicy
    /// Whether URLs without TLS are posted to.
    public var allowsHTTP: Bool
    /// A PEM file of authorities that are trusted besides the system's.
    public var caFile: String?
    /// How long an answer may take.
    public var timeout: Duration
    /// How often an event is attempted before it is given up.
    public var attempts: Int64
    /// How long a destination may do nothing but fail before it is paused, in milliseconds.
    public var pauseAfter: Int64
    /// Where topics are published to; nil for AWS in the topic's region.
    public var snsEndpoint: String?
    /// What publishing is signed with.
    public var snsCredentials: Credentials?
    /// What receivers are reached through.
    public var proxy: OutgoingProxy
    /// Sockets that are open at once, those that wait for their next use included.
    public var mostSockets = 640

    public init(
        networks: AddressPolicy, allowsHTTP: Bool, caFile: String?, timeout: Duration, attempts: Int64, pauseAfter: Int64,
        snsEndpoint: String?, snsCredentials: Credentials?, proxy: OutgoingProxy = .none
    ) {
        self.networks = networks
        self.allowsHTTP = allowsHTTP
        self.caFile = caFile
        self.timeout = timeout
        self.attempts = attempts
        self.pauseAfter = pauseAfter
        self.snsEndpoint = snsEndpoint
        self.snsCredentials = snsCredentials
        self.proxy = proxy
    }

    /// Why no event can be delivered. The text is for operators.
    public struct Fault: Error, CustomStringConvertible {
        public let description: String
    }

    /// The network with these settings. Reads the file of authorities, so that a wrong one is an error at the start.
    func transport() throws(Fault) -> HTTPTransport {
        var roots: [NIOSSLCertificate] = []
        if let caFile {
            do {
                roots = try NIOSSLCertificate.fromPEMFile(caFile)
            } catch {
                throw Fault(description: "delivery-ca-file: \(caFile) is not a PEM file of certificates: \(error)")
            }
            guard !roots.isEmpty else { throw Fault(description: "delivery-ca-file: \(caFile) holds no certificate") }
        }
        return HTTPTransport(policy: networks, allowsHTTP: allowsHTTP, trustRoots: roots, mostSockets: mostSockets, proxy: proxy)
    }
}

extension DeliverySettings {
    /// Why a URL cannot be posted to, whatever its host resolves to; nil where it can. The text is for operators.
    public func fault(ofURL text: String) -> String? {
        do throws(WebTarget.Fault) {
            return try WebTarget(text).isSecure || allowsHTTP ? nil : "it begins with http://, which delivery-allow-http does not allow"
        } catch {
            return error.description
        }
    }
}
