import Contract
import IPAddresses
import NIOHTTP1

// The page of `weir media watch`: three files, the same for everybody. What it plays is in the address behind `#`, which browsers do not send.
extension Gateway {
    /// The answer to a GET or HEAD of one of its files; nil for any other request, and where archived media is not served.
    func watchPage(_ exchange: Exchange) -> Reply? {
        let head = exchange.head
        guard head.method == .GET || head.method == .HEAD, configuration.serves.contains(.archivedMedia), !exchange.peer.isForOperators
        else { return nil }
        let (contentType, body): (String, [UInt8])
        switch head.routePath {
        case "/watch": (contentType, body) = ("text/html; charset=utf-8", PackageResources.watch_html)
        case "/watch.css": (contentType, body) = ("text/css; charset=utf-8", PackageResources.watch_css)
        case "/watch.js": (contentType, body) = ("text/javascript; charset=utf-8", PackageResources.watch_js)
        default: return nil
        }
        guard isPrivate(exchange.peer) else {
            return Reply(
                status: 403, contentType: "text/plain; charset=utf-8",
                body: Array("What is watched here is secret: reach this server by TLS, or on its own machine.\n".utf8))
        }
        return Reply(status: 200, contentType: contentType, body: body).with(Self.watchHeaders)
    }

    /// Whether nobody else reads what goes over the connection. A proxy has its own way to its clients.
    private func isPrivate(_ peer: Peer) -> Bool {
        configuration.isTLS || peer.isProxy || IPAddress(peer.address).map { ($0.mappedIPv4 ?? $0).isLoopback } ?? false
    }

    private static let watchHeaders: [(name: String, value: String)] = [
        (
            "Content-Security-Policy",
            "default-src 'none'; script-src 'self'; connect-src 'self'; media-src 'self' blob:; style-src 'self'; base-uri 'none'; "
                + "form-action 'none'; frame-ancestors 'none'"
        ),
        ("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer"), ("Cache-Control", "no-store"),
    ]
}
