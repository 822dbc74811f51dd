import Foundation
import Identity
import Signing
import TestSupport

@testable import Gateway

/// A request with whatever is wrong with it.
struct TestRequest {
    var method = "POST"
    var path = "/describeStream"
    var region = Fixture.region
    /// As it is sent; nil for the address and port of the server.
    var host: String?
    /// As it is signed, where that is something else.
    var signedHost: String?
    var signedPath: String?
    var headers: [(String, String)] = []
    /// Headers that are signed, and sent only where they are among `headers`.
    var signedOnly: [(String, String)] = []
    var body = #"{"StreamName":"gate"}"#
    var isChunked = false
    /// Signed by this key, if any.
    var key: AccessKey?

    func text(_ port: Int) -> String {
        let host = host ?? "127.0.0.1:\(port)"
        var all = [("Host", host)] + headers
        if let key {
            let signer = RequestSigner(
                credentials: Credentials(accessKeyID: key.id, secretAccessKey: key.secret), region: region, service: "kinesisvideo")
            let signed = [("Host", signedHost ?? host)] + headers + signedOnly
            all += signer.headers(
                signing: signed.map { RequestSigner.Header($0.0, $0.1) }, method: method, path: signedPath ?? path, body: Array(body.utf8),
                at: Date()
            ).map { ($0.name, $0.value) }
        }
        all.append(isChunked ? ("Transfer-Encoding", "chunked") : ("Content-Length", String(body.utf8.count)))
        let head = "\(method) \(path) HTTP/1.1\r\n" + all.map { "\($0.0): \($0.1)\r\n" }.joined() + "\r\n"
        return head + (isChunked ? "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n0\r\n\r\n" : body)
    }
}

extension LoopbackGateway {
    /// The answer to a request on a connection of its own.
    func answer(_ request: TestRequest) async throws -> RawConnection.Answer {
        try await RawConnection.with(port) { connection in
            try await connection.send(request.text(port))
            return try await connection.answer(isHead: request.method == "HEAD")
        }
    }
}
