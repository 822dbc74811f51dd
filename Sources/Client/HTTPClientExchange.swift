import AsyncHTTPClient
import NIOCore
import NIOHTTP1
import NIOSSL
import Signing

/// The network.
package struct HTTPClientExchange: Exchange {
    private let client: HTTPClient
    private let tls: Current<TLSConfiguration>

    /// Connects for as long as `body` takes.
    ///
    /// - Parameter caFile: A PEM file of the authorities to trust in place of the system's.
    package static func open<Result>(caFile: String?, _ body: (HTTPClientExchange) async throws -> Result) async throws -> Result {
        let tls = try tls(caFile)
        return try await HTTPClient.withHTTPClient(configuration: configuration) { client in
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

    private static var configuration: HTTPClient.Configuration {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10), read: .seconds(60)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        // Shorter than servers keep idle connections, so that hardly a request meets one that is just being closed.
        configuration.connectionPool.idleTimeout = .seconds(30)
        // The agent has a back-off of its own, and an operator wants to read of the first failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        return configuration
    }

    package func post(_ request: OutgoingRequest, within deadline: Duration) async throws -> ReceivedAnswer {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = .POST
        outgoing.tlsConfiguration = tls.value
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.body = .bytes(request.body)
        let answer = try await client.execute(outgoing, deadline: .now() + TimeAmount(deadline))
        // A thousand configurations take some two megabytes.
        let body = try await answer.body.collect(upTo: 16 * 1024 * 1024)
        return ReceivedAnswer(
            status: Int(answer.status.code), errorType: answer.headers.first(name: "x-amzn-ErrorType"), body: Array(body.readableBytesView))
    }
}
