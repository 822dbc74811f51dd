public import NIOCore

/// The way back to the client of a route that streams its answer.
///
/// The status is 200. The head goes out with the first call of `start` or `write`. Until then the route may throw an `OperationError`, which
/// the client then gets as its answer; after that the only way to tell of a failure is in the stream's own format, or to throw, which cuts
/// the connection so that the client cannot take what it has for the whole.
///
/// Threads: any one task at a time.
public protocol ResponseWriter: Sendable {
    /// Sends the head at once, before there is anything to write.
    /// - Parameters:
    ///   - length: How many bytes will be written, where that is known; an answer of another length is cut.
    ///   - headers: More headers, by their names; each value a text that HTTP allows.
    func start(contentType: String, length: Int?, headers: [(name: String, value: String)]) async throws(ClientLeft)

    /// Sends bytes, and returns when the connection can take more: a client that does not read holds its caller back. Throws where the client
    /// is gone or has taken nothing for as long as it may.
    func write(_ bytes: ByteBuffer) async throws(ClientLeft)

    /// Calls `handler` when the instance is asked to stop, at once where it is so already. The stream is to end then; it has as long as
    /// requests in flight have (`stop-seconds`). The body of the request ends where it stands, unless `bodyGoesOn`: then the call ends it,
    /// by reading no more of it. One handler, the last one given.
    func whenDraining(bodyGoesOn: Bool, _ handler: @escaping @Sendable () -> Void)
}

extension ResponseWriter {
    /// Calls `handler` when the instance is asked to stop; the body of the request ends where it stands.
    public func whenDraining(_ handler: @escaping @Sendable () -> Void) { whenDraining(bodyGoesOn: false, handler) }

    /// Sends the head at once, with no more headers than every answer has.
    public func start(contentType: String, length: Int? = nil) async throws(ClientLeft) {
        try await start(contentType: contentType, length: length, headers: [])
    }
}

/// The client of a stream is gone: nothing more reaches it.
public struct ClientLeft: Error, Sendable {
    public init() {}
}
