import AsyncHTTPClient
package import NIOCore
import NIOHTTP1
import NIOSSL
import Signing

/// The network.
package struct HTTPClientExchange: Exchange {
    private let client: HTTPClient
    private let tls: Current<TLSConfiguration>

    /// Connects for as long as `body` takes.
    ///
    /// - Parameters:
    ///   - caFile: A PEM file of the authorities to trust in place of the system's.
    ///   - silence: How long the server may send nothing while an answer is due; nil for ever.
    package static func open<Result>(
        caFile: String?, silence: TimeAmount? = .seconds(60), _ body: (HTTPClientExchange) async throws -> Result
    ) async throws -> Result {
        let tls = try tls(caFile)
        return try await HTTPClient.withHTTPClient(configuration: configuration(silence)) { client in
            try await body(HTTPClientExchange(client: client, tls: Current(tls)))
        }
    }

    package func trust(caFile: String?) throws(SettingsFault) {
        tls.set(try Self.tls(caFile))
    }

    private static func tls(_ caFile: String?) throws(SettingsFault) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        guard let caFile else { return tls }
        // Read here, so that a wrong file is an error at the start rather than at each connection.
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(caFile)
            guard !certificates.isEmpty else { throw SettingsFault("it holds no certificate") }
            tls.trustRoots = .certificates(certificates)
        } catch {
            throw SettingsFault("\(caFile) is not a PEM file of certificates to trust: \(error).")
        }
        return tls
    }

    private static func configuration(_ silence: TimeAmount?) -> HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: silence), decompression: .disabled)
        configuration.httpVersion = .http1Only
        // Shorter than servers keep idle connections, so that hardly a request meets one that is just being closed.
        configuration.connectionPool.idleTimeout = .seconds(30)
        // The agent has a back-off of its own, and an operator wants to read of the first failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    package func post(_ request: OutgoingRequest, within deadline: Duration) async throws -> ReceivedAnswer {
        var outgoing = outgoing(request)
        outgoing.body = .bytes(request.body)
        let answer = try await execute(outgoing, .now() + TimeAmount(deadline))
        return try await Self.whole(answer)
    }

    /// Throws `ServerIsNotTrusted` where another try would fail alike.
    private func execute(_ request: HTTPClientRequest, _ deadline: NIODeadline) async throws -> HTTPClientResponse {
        do {
            return try await client.execute(request, deadline: deadline)
        } catch let error as NIOSSLExtraError where error == .failedToValidateHostname {
            throw ServerIsNotTrusted(description: "its certificate is for another name")
        } catch NIOSSLError.handshakeFailed(let cause) where "\(cause)".contains("CERTIFICATE_VERIFY_FAILED") {
            throw ServerIsNotTrusted(description: "its certificate is not of an authority that is trusted here, or not of this time")
        } catch NIOSSLError.handshakeFailed(let cause) where "\(cause)".contains("WRONG_VERSION_NUMBER") {
            throw ServerIsNotTrusted(description: "it does not speak TLS")
        }
    }

    private static func whole(_ answer: HTTPClientResponse) async throws -> ReceivedAnswer {
        // A thousand configurations take some two megabytes.
        let body = try await answer.body.collect(upTo: 16 * 1024 * 1024)
        return ReceivedAnswer(
            status: Int(answer.status.code), errorType: answer.headers.first(name: "x-amzn-ErrorType"), body: Array(body.readableBytesView))
    }

    private func outgoing(_ request: OutgoingRequest) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .POST
        outgoing.tlsConfiguration = tls.value
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        return outgoing
    }

    /// Posts a request whose answer comes as a stream, perhaps while the request's body is still being sent.
    ///
    /// - Parameters:
    ///   - body: What to send, in chunks; nil for the request's own body.
    ///   - began: Called when the head of an answer of status 200 came.
    ///   - take: Called with the parts of that answer's body, in order.
    /// - Returns: The answer. Where its status is 200 it is without its body, which `take` has got to its end.
    /// - Throws: Where no whole answer came. There is no deadline but that for connecting.
    package func stream(
        _ request: OutgoingRequest, sending body: AsyncStream<ByteBuffer>?, began: () -> Void, take: (ByteBuffer) async throws -> Void
    ) async throws -> ReceivedAnswer {
        var outgoing = outgoing(request)
        outgoing.body = body.map { .stream($0, length: .unknown) } ?? .bytes(request.body)
        let answer = try await execute(outgoing, .distantFuture)
        guard answer.status == .ok else { return try await Self.whole(answer) }
        began()
        for try await part in answer.body { try await take(part) }
        return ReceivedAnswer(status: 200, errorType: nil, body: [])
    }
}
