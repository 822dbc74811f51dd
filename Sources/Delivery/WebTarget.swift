import FoundationEssentials

/// A URL that is posted to, taken apart so that what is resolved and checked is what is connected to.
struct WebTarget: Sendable, Hashable {
    let isSecure: Bool
    /// In lower case; an IPv6 address without brackets.
    let host: String
    let port: Int
    /// As it is sent: with the host as above, without user, password and fragment.
    let url: String
    /// Path and query as they are sent.
    let pathAndQuery: String
    /// The value of the `Host` header.
    let hostHeader: String

    /// Why a text cannot be posted to. The text is for operators and for who configures a stream.
    struct Fault: Error, CustomStringConvertible {
        let description: String
    }

    init(_ text: String) throws(Fault) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), scheme == "https" || scheme == "http",
            let encodedHost = parts.encodedHost?.lowercased(), !encodedHost.isEmpty
        else { throw Fault(description: "it is not a URL that begins with https://") }
        guard parts.user == nil, parts.password == nil else { throw Fault(description: "the URL names a user, which is not sent") }
        isSecure = scheme == "https"
        let literal = encodedHost.hasPrefix("[") && encodedHost.hasSuffix("]") ? String(encodedHost.dropFirst().dropLast()) : encodedHost
        // Nothing that one reader would decode and another would not: international names are written in their ASCII form.
        guard literal.utf8.allSatisfy({ Self.isHostByte($0) }), literal.contains(":") == encodedHost.hasPrefix("[") else {
            throw Fault(description: "the host of the URL is not made of letters, digits, hyphens and dots")
        }
        host = literal
        let standardPort = isSecure ? 443 : 80
        port = parts.port ?? standardPort
        guard (1...65_535).contains(port) else { throw Fault(description: "the port of the URL is none") }
        hostHeader = port == standardPort ? encodedHost : "\(encodedHost):\(port)"
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        pathAndQuery = parts.percentEncodedQuery.map { "\(path)?\($0)" } ?? path
        url = "\(scheme)://\(hostHeader)\(pathAndQuery)"
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
            UInt8(ascii: "_"), UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
