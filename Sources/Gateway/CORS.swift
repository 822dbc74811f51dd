import NIOHTTP1

// Cross-origin requests: browsers ask before they call, and look at what the answer allows.
extension Gateway {
    /// The answer to a browser that asks whether it may call; nil for any other request.
    func preflight(_ head: HTTPRequestHead) -> Reply? {
        guard head.method == .OPTIONS, let origin = head.headers.first(name: "origin"), isAllowed(origin),
            head.headers.contains(name: "access-control-request-method")
        else { return nil }
        var reply = Reply(status: 200)
        reply.add("Access-Control-Allow-Methods", "POST")
        // Signing clients send headers of their own making; what guards the call is its signature, not the list of its headers.
        reply.add("Access-Control-Allow-Headers", head.headers.first(name: "access-control-request-headers") ?? "*")
        reply.add("Access-Control-Max-Age", "600")
        return reply
    }

    /// What lets a web page of an allowed origin read the answer.
    func corsHeaders(origin: String?) -> [(name: String, value: String)] {
        guard let origin, isAllowed(origin) else { return [] }
        return [
            ("Access-Control-Allow-Origin", origin), ("Vary", "Origin"),
            ("Access-Control-Expose-Headers", "x-amzn-RequestId, x-amzn-ErrorType, Date"),
        ]
    }

    /// Whether web pages of this origin may call.
    func isAllowed(_ origin: String) -> Bool {
        configuration.corsOrigins.contains { $0 == "*" || $0 == origin }
    }
}
