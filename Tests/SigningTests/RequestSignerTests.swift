import Contract
import Crypto
import Foundation
import Testing

@testable import Signing

/// A request that botocore signed; `Tests/Vectors/signature/generate.py` says how.
private struct Vector: Decodable {
    var form: String
    var accessKeyID: String
    var secret: String
    var token: String?
    var region: String
    var now: Int
    var method: String
    var path: String
    var query: String?
    var headers: [[String]]
    var body: Data

    /// Those signed in the header and without a query, as that is all that the signer does.
    static func all() throws -> [Vector] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appendingPathComponent("Vectors/signature/requests.json"))
        return try JSONDecoder().decode([Vector].self, from: data).filter { $0.form == "header" && $0.query == nil }
    }

    func values(_ name: String) -> [String] { headers.filter { $0[0].lowercased() == name }.map { $0[1] } }

    /// What stands after `name=` in the Authorization header.
    func part(_ name: String) -> String {
        let value = values("authorization").first ?? ""
        guard let range = value.range(of: name + "=") else { return "" }
        return String(value[range.upperBound...].prefix { $0 != "," })
    }

    /// Some vectors were signed for the host with another port than they were sent to, as some clients do.
    var hosts: [String] {
        let sent = values("host").first ?? ""
        let bare = sent.hasSuffix("]") ? sent : sent.replacing(/:[0-9]+$/, with: "")
        return [sent, bare, bare + ":443", bare + ":80"]
    }

    func authorization(host: String) -> String? {
        let signed = Set(part("SignedHeaders").split(separator: ";").map(String.init))
        let added: Set = ["x-amz-date", "x-amz-security-token", "host"]
        let others = headers.filter { signed.contains($0[0].lowercased()) && !added.contains($0[0].lowercased()) }
        let credentials = Credentials(accessKeyID: accessKeyID, secretAccessKey: secret, sessionToken: token)
        return RequestSigner(credentials: credentials, region: region, service: "kinesisvideo").headers(
            signing: others.map { RequestSigner.Header($0[0], $0[1]) } + [RequestSigner.Header("Host", host)], method: method, path: path,
            body: Array(body), at: Date(timeIntervalSince1970: Double(now))
        ).last?.value
    }
}

@Suite("Signing")
struct RequestSignerTests {
    @Test("Gives the signatures of botocore")
    func botocore() throws {
        let vectors = try Vector.all()
        #expect(vectors.count >= 70)
        var asSent = 0
        for (number, vector) in vectors.enumerated() {
            let expected = vector.values("authorization").first
            #expect(vector.hosts.contains { vector.authorization(host: $0) == expected }, "vector \(number): \(vector.path)")
            if vector.authorization(host: vector.hosts[0]) == expected { asSent += 1 }
        }
        #expect(asSent >= 45)
    }

    struct Published: Sendable, CustomTestStringConvertible {
        var name: String
        var headers: [RequestSigner.Header] = []
        var body = ""
        var token: String?
        var signedHeaders: String
        var signature: String

        var testDescription: String { name }
    }

    private static let token =
        "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi"
        + "/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPk"
        + "UL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

    @Test(
        "Gives the signatures of the published test suite",
        arguments: [
            Published(
                name: "post-vanilla", signedHeaders: "host;x-amz-date",
                signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
            Published(
                name: "post-header-key-sort", headers: [.init("My-Header1", "value1")], signedHeaders: "host;my-header1;x-amz-date",
                signature: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"),
            Published(
                name: "post-x-www-form-urlencoded", headers: [.init("Content-Type", "application/x-www-form-urlencoded")],
                body: "Param1=value1", signedHeaders: "content-type;host;x-amz-date",
                signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
            Published(
                name: "post-sts-header-before", token: token, signedHeaders: "host;x-amz-date;x-amz-security-token",
                signature: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"),
        ])
    func suite(_ published: Published) {
        let credentials = Credentials(
            accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", sessionToken: published.token)
        let headers = RequestSigner(credentials: credentials, region: "us-east-1", service: "service").headers(
            signing: [.init("Host", "example.amazonaws.com")] + published.headers, path: "/", body: Array(published.body.utf8),
            at: Date(timeIntervalSince1970: 1_440_938_160))
        #expect(headers.first == .init("X-Amz-Date", "20150830T123600Z"))
        #expect(headers.contains { $0.name == "X-Amz-Security-Token" } == (published.token != nil))
        #expect(
            headers.last?.value
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=\(published.signedHeaders), Signature=\(published.signature)")
    }

    @Test("Gives the published key of a day, for another service")
    func key() {
        let credentials = Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
        let key = RequestSigner(credentials: credentials, region: "us-east-1", service: "iam").signingKey(day: "20150830")
        #expect(key == SymmetricKey(data: Self.bytes("c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9")))
    }

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        let digits = Array(hexadecimal)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(String(digits[$0...$0 + 1]), radix: 16) ?? 0 }
    }

    @Test("A key shows its id only")
    func secrecy() {
        let credentials = Credentials(accessKeyID: "AKID", secretAccessKey: "hush", sessionToken: "hush")
        var dumped = ""
        dump(credentials, to: &dumped)
        for text in ["\(credentials)", String(reflecting: credentials), dumped] {
            #expect(text.contains("AKID"))
            #expect(!text.contains("hush"))
        }
    }
}
