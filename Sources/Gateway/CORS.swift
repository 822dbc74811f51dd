import HTTPTypes

// Cross-origin requests: browsers ask before they call, and look at what the answer allows.
extension Gateway {
    /// The answer to a browser that asks whether it may call; nil for any other request.
    func preflight(_ head: HTTPRequest) -> Reply? {
        guard head.method == .options, let origin = head.headerFields[.origin], isAllowed(origin),
            head.headerFields[.accessControlRequestMethod] != nil
        else { return nil }
        var reply = Reply(status: 200)
        reply.add(.accessControlAllowMethods, "POST")
        // Signing clients send headers of their own making; what guards the call is its signature, not the list of its headers.
        reply.add(.accessControlAllowHeaders, head.headerFields[.accessControlRequestHeaders] ?? "*")
        reply.add(.accessControlMaxAge, "600")
        return reply
    }

    func addCORSHeaders(to reply: inout Reply, origin: String?) {
        guard let origin, isAllowed(origin) else { return }
        reply.add(.accessControlAllowOrigin, origin)
        reply.add(.vary, "Origin")
        reply.add(.accessControlExposeHeaders, "x-amzn-RequestId, x-amzn-ErrorType, Date")
    }

    /// Whether web pages of this origin may call.
    func isAllowed(_ origin: String) -> Bool {
        configuration.corsOrigins.contains { $0 == "*" || $0 == origin }
    }
}
