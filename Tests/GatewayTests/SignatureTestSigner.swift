import Crypto

@testable import Gateway

/// Signs simple requests from a canonical request written out by hand, so that tests do not lean on the code they test.
struct SignatureTestSigner {
    var accessKeyID = "AKIDEXAMPLE"
    var secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    var region = "us-west-2"
    var service = "kinesisvideo"

    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    /// A POST to `/describeStream` that signs `host` and `x-amz-date`, in the `Authorization` header.
    func request(
        date: String = "20231107T044734Z",
        sentHost: String = "localhost:4321",
        signedHost: String? = nil,
        payloadHash: String = emptyHash,
        otherHeaders: [SignedRequest.Header] = []
    ) -> SignedRequest {
        let canonical = """
            POST
            /describeStream

            host:\(signedHost ?? sentHost)
            x-amz-date:\(date)

            host;x-amz-date
            \(payloadHash)
            """
        let authorization =
            "AWS4-HMAC-SHA256 Credential=\(accessKeyID)/\(scope(date)), SignedHeaders=host;x-amz-date, "
            + "Signature=\(signature(of: canonical, date: date))"
        return SignedRequest(
            method: "POST",
            rawPath: "/describeStream",
            rawQuery: nil,
            headers: [
                .init(name: "Host", value: sentHost), .init(name: "X-Amz-Date", value: date),
                .init(name: "Authorization", value: authorization),
            ] + otherHeaders
        )
    }

    /// A GET of `/` that signs `host`, in the query.
    func presigned(date: String, expires: String?) -> SignedRequest {
        let credential = "\(accessKeyID)/\(scope(date))".split(separator: "/").joined(separator: "%2F")
        let query =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=\(credential)&X-Amz-Date=\(date)"
            + (expires.map { "&X-Amz-Expires=\($0)" } ?? "") + "&X-Amz-SignedHeaders=host"
        let canonical = "GET\n/\n\(query)\nhost:localhost\n\nhost\n\(Self.emptyHash)"
        return SignedRequest(
            method: "GET",
            rawPath: "/",
            rawQuery: "\(query)&X-Amz-Signature=\(signature(of: canonical, date: date))",
            headers: [.init(name: "host", value: "localhost")]
        )
    }

    private func scope(_ date: String) -> String {
        "\(date.prefix(8))/\(region)/\(service)/aws4_request"
    }

    private func signature(of canonical: String, date: String) -> String {
        let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope(date))\n\(hexadecimal(SHA256.hash(data: Array(canonical.utf8))))"
        var key = Array("AWS4\(secret)".utf8)
        for part in [String(date.prefix(8)), region, service, "aws4_request", text] {
            key = Array(HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: SymmetricKey(data: key)))
        }
        return hexadecimal(key)
    }
}

func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

extension SignatureVerifier {
    /// Parses and verifies in one step, and says what was refused.
    func refusal(
        of request: SignedRequest,
        body: [UInt8] = [],
        secret: String = SignatureTestSigner().secret,
        now: SignatureTime,
        payload: PayloadRule = .exact
    ) -> SignatureError? {
        do throws(SignatureError) {
            let parsed = try parse(request)
            try verify(parsed, of: request, body: body.span.bytes, secret: secret, now: now, payload: payload)
            return nil
        } catch {
            return error
        }
    }
}

extension SignatureTime: ExpressibleByStringLiteral {
    /// A time of a test; one that does not exist is the start of the epoch.
    public init(stringLiteral text: String) {
        self = SignatureTime(text) ?? SignatureTime(secondsSinceEpoch: 0)
    }
}
