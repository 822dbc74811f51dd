import Contract
import NIOHTTP1
import Planes

// Cross-origin requests: browsers ask before they call, and look at what the answer allows.
extension Gateway {
    /// The answer to a browser that asks whether it may call; nil for any other request.
    func preflight(_ exchange: Exchange) -> Reply? {
        let head = exchange.head
        guard head.method == .OPTIONS, let origin = head.headers.first(name: "origin"), isAllowed(origin, at: head),
            head.headers.contains(name: "access-control-request-method")
        else { return nil }
        var reply = Reply(status: 200)
        reply.add("Access-Control-Allow-Methods", exchange.pathOperation?.bearer == nil ? "POST" : "GET, HEAD")
        // Signing clients send headers of their own making; what guards the call is its signature, not the list of its headers.
        reply.add("Access-Control-Allow-Headers", head.headers.first(name: "access-control-request-headers") ?? "*")
        reply.add("Access-Control-Max-Age", "600")
        return reply
    }

    /// What lets a web page of an allowed origin read the answer.
    func corsHeaders(_ head: HTTPRequestHead) -> [(name: String, value: String)] {
        guard let origin = head.headers.first(name: "origin"), isAllowed(origin, at: head) else { return [] }
        return [
            ("Access-Control-Allow-Origin", origin), ("Vary", "Origin"),
            ("Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, Date"),
        ]
    }

    /// Whether web pages of this origin may call. What a token opens is for players, which have origins of their own.
    func isAllowed(_ origin: String, at head: HTTPRequestHead) -> Bool {
        var origins = configuration.corsOrigins
        if case .found(let route) = routes.match(method: "GET", path: head.routePath), route.bearer != nil {
            origins = configuration.playbackOrigins
        }
        return origins.contains { $0 == "*" || $0 == origin }
    }
}
