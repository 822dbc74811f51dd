import IPAddresses
import Store

/// The proxies that outgoing requests go through, as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` name them (either case; the lower one counts).
///
/// A proxy resolves the names of receivers by itself, so `delivery-networks` judges only addresses that stand in URLs, and what else must not be
/// reached is for the proxy to refuse.
public struct OutgoingProxy: Sendable, Hashable {
    /// Where a proxy listens.
    struct Server: Sendable, Hashable {
        let host: String
        let port: Int
        /// `user:password`, if the URL names them.
        let credentials: String?
    }

    /// Why the environment names no usable proxy. The text is for operators.
    public struct Fault: Error, CustomStringConvertible { public let description: String }

    private let secure: Server?
    private let plain: Server?
    private let exceptions: [String]

    /// No proxy.
    public static let none = OutgoingProxy()

    private init() { (secure, plain, exceptions) = (nil, nil, []) }

    /// From the environment of the process.
    public init(environment: [String: String]) throws(Fault) {
        func value(_ name: String) -> (name: String, text: String)? {
            for name in [name.lowercased(), name] { if let text = environment[name], !text.isEmpty { return (name, text) } }
            return nil
        }
        secure = if let (name, text) = value("HTTPS_PROXY") { try Self.server(text, name) } else { nil }
        plain = if let (name, text) = value("HTTP_PROXY") { try Self.server(text, name) } else { nil }
        exceptions = (value("NO_PROXY")?.text ?? "").split(separator: ",").map { entry in entry.lowercased().filter { $0 != " " } }
    }

    /// Not echoed where it is wrong: it may hold a password.
    private static func server(_ text: String, _ name: String) throws(Fault) -> Server {
        var rest = text[...]
        if let scheme = rest.firstRange(of: "://") {
            guard rest[..<scheme.lowerBound].lowercased() == "http" else {
                throw Fault(description: "\(name): deliveries go through proxies that are spoken to by http:// only")
            }
            rest = rest[scheme.upperBound...]
        }
        var credentials: String?
        if let at = rest.lastIndex(of: "@") {
            credentials = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        guard let target = try? WebTarget("http://\(rest)"), target.pathAndQuery == "/" else {
            throw Fault(description: "\(name): is not the URL of a proxy, such as http://proxy.example.com:3128")
        }
        return Server(host: target.host, port: target.port, credentials: credentials)
    }

    /// The proxy that a target is reached through; nil where it is reached directly, as this machine always is.
    func server(for target: WebTarget) -> Server? {
        guard let server = target.isSecure ? secure : plain else { return nil }
        return isException(target) ? nil : server
    }

    private func isException(_ target: WebTarget) -> Bool {
        let host = target.host.hasSuffix(".") ? String(target.host.dropLast()) : target.host
        let address = IPAddress(host)
        if IPAddress.isLoopback(host: host) || host.hasSuffix(".localhost") { return true }
        return exceptions.contains { entry in
            if entry == "*" { return true }
            if let address, let network = IPNetwork(entry) { return network.contains(address) }
            var name = entry[...]
            if address == nil, let colon = name.lastIndex(of: ":") {
                guard name[name.index(after: colon)...] == String(target.port) else { return false }
                name = name[..<colon]
            }
            if name.hasPrefix("*.") { name = name.dropFirst() }
            if name.hasPrefix(".") { return host.hasSuffix(name) || host == name.dropFirst() }
            return host == name || host.hasSuffix(".\(name)")
        }
    }
}
