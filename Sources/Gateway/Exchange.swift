import Contract
import Identity
import NIOHTTP1
import Planes

/// A request on its way, and what becomes known of it.
struct Exchange: Sendable {
    let head: HTTPRequestHead
    let requestID: String
    /// Seconds of the gateway's clock, when the head was there.
    let start: Double
    /// What method and path name.
    let match: Routes<RoutedOperation>.Match
    let peer: Peer
    /// Known once the signature is verified.
    var caller: Caller?
    /// Present where a token of a session is what permits the request.
    var bearer: Bearer?
    /// The access key that the request names, before anything of it is verified.
    var claimedKeyID: String?
    var resourceName: String?
    /// What the caller must be allowed to do; known once the input is decoded.
    var access: Access?
    /// What the audit log tells of the input; null where it tells nothing.
    var parameters = JSONValue.null
    /// What the audit log tells of credentials that the call gave out; nil where it gave none.
    var granted: JSONValue?
    /// Whether the audit log was told of the call.
    var isWrittenDown = false
    var error: OperationError?
    /// What a device has proved by TLS that it is, in DER, where devices are listened for.
    let certificate: [UInt8]?
    /// Whose certificate that is, where it is one that counts.
    var device: Device?
    /// Whether it is asked for by operators' tools, again and again: it gets no line in the log.
    var isOperatorPage = false

    init(
        head: HTTPRequestHead, requestID: String, start: Double, routes: Routes<RoutedOperation>, peer: Peer, certificate: [UInt8]? = nil
    ) {
        self.head = head
        self.requestID = requestID
        self.start = start
        // A client that asks for the head of an answer has the body left out.
        match = routes.match(method: head.method == .HEAD ? "GET" : head.method.rawValue, path: head.routePath)
        self.peer = peer
        self.certificate = certificate
    }

    /// What method and path name, if anything.
    var operation: RoutedOperation? { if case .found(let operation) = match { operation } else { nil } }

    /// What the path names, by whatever method, if anything.
    var pathOperation: RoutedOperation? {
        switch match {
        case .found(let operation), .otherMethod(_, let operation): operation
        case .unknown: nil
        }
    }
}

/// The two ends of a connection.
struct Peer: Sendable {
    /// The address of whoever connected; empty where it is not known.
    let address: String
    /// The port that they connected to; nil where it is none.
    let localPort: Int?
    /// Whether the address is a proxy's, with clients of its own behind it.
    var isProxy = false
    /// Whether the connection is one of the last there are, which are kept for the pages of operators.
    var isForOperators = false
    /// Whether it is where devices are listened for: TLS has asked for a certificate.
    var isDevice = false
}

extension HTTPRequestHead {
    /// The target up to a question mark, as it was sent.
    var path: Substring {
        uri.utf8.firstIndex(of: UInt8(ascii: "?")).map { uri[..<$0] } ?? uri[...]
    }

    /// The path with one slash at its start: an endpoint that ends in a slash makes two.
    var routePath: Substring {
        let path = path
        let afterSlashes = path.utf8.firstIndex { $0 != UInt8(ascii: "/") } ?? path.endIndex
        guard path.utf8.distance(from: path.startIndex, to: afterSlashes) > 1 else { return path }
        return path[path.utf8.index(before: afterSlashes)...]
    }

    /// What follows the question mark, as it was sent; nil where there is none.
    var query: Substring? {
        guard let mark = uri.utf8.firstIndex(of: UInt8(ascii: "?")) else { return nil }
        return uri[uri.utf8.index(after: mark)...]
    }

    /// The length of the body as the head tells it; nil where it does not, or is not read.
    var announcedLength: Int? { headers.first(name: "content-length").flatMap { Int($0) } }

    /// Whether the client holds the body back until it is told to go on.
    var expectsContinue: Bool { headers.first(name: "expect")?.lowercased() == "100-continue" }
}

extension HTTPHeaders {
    /// Without the spaces and tabs that may follow a value and are no part of it (RFC 9110, section 5.5): the decoder takes away those before it alone.
    var withoutTrailingSpace: HTTPHeaders {
        func isSpace(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        guard contains(where: { $0.value.utf8.last.map(isSpace) ?? false }) else { return self }
        return HTTPHeaders(
            map { name, value in
                let end = value.utf8.lastIndex { !isSpace($0) }.map { value.utf8.index(after: $0) } ?? value.startIndex
                return (name, String(value[..<end]))
            })
    }
}

extension String {
    /// Short enough to be repeated to the client who sent it.
    var shortened: String { utf8.count <= 128 ? self : String(prefix(64)) + "..." }
}
