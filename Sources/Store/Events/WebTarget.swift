import FoundationEssentials
import IPAddresses

/// A URL that is posted to, taken apart so that what is resolved and checked is what is connected to. The rules of the API, the commands and
/// delivery all read URLs by it, so none takes what another could never reach.
public struct WebTarget: Sendable, Hashable {
    public let isSecure: Bool
    /// In lower case; an IPv6 address without brackets.
    public let host: String
    public let port: Int
    /// As it is sent: with the host as above, without user, password and fragment.
    public let url: String
    /// Path and query as they are sent.
    public let pathAndQuery: String
    /// The value of the `Host` header.
    public let hostHeader: String

    /// Why a text cannot be posted to. The text is for operators and for who configures a stream.
    public struct Fault: Error, CustomStringConvertible { public let description: String }

    public init(_ text: String) throws(Fault) {
        // Other characters than these would be encoded by one reader and not by another: international names are written in their ASCII form.
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw Fault(
                description: "the URL holds a character that must be encoded: a space, a control character or one that is not ASCII")
        }
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(), scheme == "https" || scheme == "http",
            let encodedHost = parts.encodedHost?.lowercased(), !encodedHost.isEmpty
        else { throw Fault(description: "it is not a URL that begins with https:// and a host") }
        guard parts.user == nil, parts.password == nil else { throw Fault(description: "the URL names a user, which is not sent") }
        isSecure = scheme == "https"
        let isAddress = encodedHost.hasPrefix("[") && encodedHost.hasSuffix("]")
        let literal = isAddress ? String(encodedHost.dropFirst().dropLast()) : encodedHost
        guard isAddress ? IPAddress(literal)?.isIPv4 == false : Self.isName(literal) else {
            throw Fault(description: "the host of the URL is neither a name of letters, digits, hyphens and dots nor an address")
        }
        host = literal
        let standardPort = isSecure ? 443 : 80
        port = parts.port ?? standardPort
        guard (1...65_535).contains(port) else { throw Fault(description: "the port of the URL is not one from 1 to 65535") }
        hostHeader = port == standardPort ? encodedHost : "\(encodedHost):\(port)"
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        pathAndQuery = parts.percentEncodedQuery.map { "\(path)?\($0)" } ?? path
        url = "\(scheme)://\(hostHeader)\(pathAndQuery)"
    }

    /// Whether names and IPv4 addresses may be written so: labels of at most 63 bytes, at most 253 in all.
    private static func isName(_ text: String) -> Bool {
        let labels = (text.hasSuffix(".") ? text.dropLast() : text[...]).split(separator: ".", omittingEmptySubsequences: false)
        return text.utf8.count <= 253
            && labels.allSatisfy { label in
                (1...63).contains(label.utf8.count)
                    && label.utf8.allSatisfy {
                        switch $0 {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                            UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
    }
}
