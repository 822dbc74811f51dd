import Store

/// A request to be posted.
struct Post: Sendable {
    let target: WebTarget
    /// Besides `Host` and `Content-Length`.
    let headers: [(name: String, value: String)]
    let body: [UInt8]
    /// Whether the operator named the target: then it may be anywhere.
    let isTrusted: Bool
}

/// The part of an answer that counts.
struct PostAnswer: Sendable {
    let status: Int
    /// The header `Retry-After`.
    let retryAfter: String?
    /// The header `Date`.
    let date: String?
    /// The first bytes of the body, which may have been cut off.
    let excerpt: [UInt8]

    init(status: Int, retryAfter: String? = nil, date: String? = nil, excerpt: [UInt8] = []) {
        self.status = status
        self.retryAfter = retryAfter
        self.date = date
        self.excerpt = excerpt
    }
}

/// Posts requests. Ends soon after its task was cancelled.
protocol Transport: Sendable {
    /// - Throws: Where no head of an answer came within `limit`, or the target may not be connected to.
    func post(_ request: Post, within limit: Duration) async throws(DeliveryFault) -> PostAnswer

    /// Sockets that are open, unused ones included.
    var sockets: Int { get }

    /// Ends all connections; nothing is posted afterwards.
    func close() async
}
