import Foundation
import Identity
import Locking
import Logging
import TestSupport
import Testing

@testable import Gateway

/// What the log tells at the level debug of a signature that fails: enough to find out what was changed on the way, and nothing secret.
@Suite struct SignatureDiagnosisTests {
    private func diagnosis(_ request: SignedRequest, body: String = "") throws -> SignatureDiagnosis {
        let verifier = SignatureVerifier()
        let bytes = Array(body.utf8)
        let diagnosis = SignatureDiagnosis(try verifier.parse(request), request, body: bytes.span.bytes, verifier)
        return try #require(diagnosis)
    }

    private func request(
        path: String = "/describeStream", query: String? = nil, headers: [(String, String)] = [], signed: String = "host;x-amz-date"
    ) -> SignedRequest {
        SignedRequest(
            method: "POST", rawPath: path, rawQuery: query,
            headers: ([
                ("Host", "gate.example.com:8443"), ("X-Amz-Date", "20231107T044734Z"),
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIATEST/20231107/us-east-1/kinesisvideo/aws4_request, SignedHeaders=\(signed), "
                        + "Signature=\(String(repeating: "ab", count: 32))"
                ),
            ] + headers).map { SignedRequest.Header(name: $0.0, value: $0.1) })
    }

    @Test func `the canonical request and the string to sign are as AWS defines them`() throws {
        let diagnosis = try diagnosis(request(), body: "{}")
        #expect(
            diagnosis.canonicalRequest == """
                POST
                /describeStream

                host:gate.example.com:8443
                x-amz-date:20231107T044734Z

                host;x-amz-date
                44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
                """)
        #expect(
            diagnosis.stringToSign.hasPrefix("AWS4-HMAC-SHA256\n20231107T044734Z\n20231107/us-east-1/kinesisvideo/aws4_request\n"))
        #expect(diagnosis.suspects == ["host: gate.example.com:8443"])
    }

    @Test func `neither signature nor session token nor cookie is told`() throws {
        let token = "IQoJsecret"
        let one = try diagnosis(
            request(
                headers: [("X-Amz-Security-Token", token), ("Cookie", token)],
                signed: "authorization;cookie;host;x-amz-date;x-amz-security-token"))
        let two = try diagnosis(request(query: "X-Amz-Security-Token=\(token)&SessionToken=\(token)&X-Am%7a-Security-Token=\(token)&a=b"))
        for told in [one, two] {
            let text = told.canonicalRequest + told.stringToSign + told.suspects.joined()
            #expect(!text.contains(token) && !text.contains("abab"))
        }
        #expect(one.canonicalRequest.contains("x-amz-security-token:(secret)\n"))
        #expect(two.canonicalRequest.contains("a=b"))
    }

    @Test func `what a proxy may have changed is named`() throws {
        let told = try diagnosis(
            request(
                path: "//describeStream",
                headers: [("Via", "1.1 edge"), ("User-Agent", "x"), ("X-Amz-Content-Sha256", String(repeating: "0", count: 64))],
                signed: "host;user-agent;x-amz-content-sha256;x-amz-date"), body: "{}")
        #expect(
            told.suspects == [
                "host: gate.example.com:8443", "path: //describeStream", "signed headers: user-agent",
                "it came through a proxy, which has added: via",
                "body: what arrived, 2 bytes, has another hash than x-amz-content-sha256 says",
            ])
    }

    @Test func `a long request is cut`() throws {
        let told = try diagnosis(request(query: String(repeating: "a=b&", count: 50_000)))
        #expect(told.canonicalRequest.utf8.count < 9000)
    }
}
