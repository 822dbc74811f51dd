import Contract
import NIOHTTP1
import Planes

// What a request is refused for by its head, before its body is read and before anybody is asked who they are.
extension Gateway {
    func refuseByHead(_ exchange: Exchange) throws(OperationError) {
        let head = exchange.head
        guard !exchange.peer.isForOperators else {
            throw OperationError(.serviceUnavailable, "This server has as many connections as it takes. Try again.")
        }
        try refuseAmbiguity(head)
        guard !configuration.serves.isEmpty else {
            throw OperationError(
                .serviceUnavailable, "This instance works in the background and takes no calls: call one that has the role control.")
        }
        if exchange.pathOperation == nil { try refuseMedia(String(head.path)) }
        if case .socket = exchange.operation?.payload { try requireUpgrade(head) }
        if let encoding = head.headers.first(name: "content-encoding"), encoding.lowercased() != "identity" {
            throw OperationError(
                .malformedHTTPRequest, "The request has a Content-Encoding, which is not undone here: send the body as it is.")
        }
        // The client holds the body back until it is told to go on, which it is not.
        if head.headers.contains(name: "expect"), let length = head.announcedLength, length > configuration.bodyLimit, !exchange.isStreamed
        {
            throw tooLarge
        }
    }

    /// What two readers of the same request could take for two different requests.
    private func refuseAmbiguity(_ head: HTTPRequestHead) throws(OperationError) {
        let hosts = head.headers.count { $0.name.isHeaderName("host") }
        guard hosts == 1 || hosts == 0 && head.version.minor == 0 else {
            throw OperationError(.malformedHTTPRequest, "The request needs one Host header, and has \(hosts).")
        }
        guard head.version.minor > 0 || !head.headers.contains(name: "transfer-encoding") else {
            throw OperationError(.malformedHTTPRequest, "HTTP/1.0 knows no Transfer-Encoding.")
        }
        guard head.query?.hasRepeatedName != true else {
            throw OperationError(.malformedHTTPRequest, "The query has a parameter twice.")
        }
    }

    var tooLarge: OperationError {
        OperationError(.requestEntityTooLarge, "The request body is larger than \(configuration.bodyLimit) bytes, the most that is read.")
    }

    /// A path of media that is not served gets a plain word at once: such requests may stream a body without end.
    private func refuseMedia(_ path: String) throws(OperationError) {
        switch path {
        case "/joinStorageSession", "/joinStorageSessionAsViewer":
            throw OperationError(
                .unknownOperation,
                "\(path) asks this deployment to record what a master sends over WebRTC, which it cannot do yet: have it send media by PutMedia."
            )
        default: return
        }
    }
}

extension Substring {
    /// Whether this query has two parameters of one name, however they are encoded.
    fileprivate var hasRepeatedName: Bool {
        let names = utf8.split(separator: UInt8(ascii: "&")).map { pair in
            pair.prefix { $0 != UInt8(ascii: "=") }.formDecoded
        }
        return Set(names).count < names.count
    }
}

extension Exchange {
    /// Whether the route takes its body as a stream.
    var isStreamed: Bool { if case .stream = operation?.payload { true } else { false } }
}
