import Crypto
import Foundation
import Testing

@testable import Gateway

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
    var expires: Int?

    static func all() throws -> [Vector] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appendingPathComponent("Vectors/signature/requests.json"))
        return try JSONDecoder().decode([Vector].self, from: data)
    }

    var request: SignedRequest {
        SignedRequest(
            method: method,
            rawPath: path,
            rawQuery: query,
            headers: headers.map { SignedRequest.Header(name: $0[0], value: $0[1]) }
        )
    }

    var time: SignatureTime { SignatureTime(secondsSinceEpoch: now) }
}

@Suite("Requests signed by botocore")
struct SignatureVectorTests {
    private let verifier = SignatureVerifier()

    @Test("Each verifies, and says who signed it")
    func accepted() throws {
        let vectors = try Vector.all()
        #expect(vectors.count >= 200)
        for (number, vector) in vectors.enumerated() {
            let parsed = try verifier.parse(vector.request)
            #expect(parsed.accessKeyID == vector.accessKeyID)
            #expect(parsed.region == vector.region)
            #expect(parsed.sessionToken == vector.token)
            #expect(parsed.time == vector.time)
            #expect(parsed.form == (vector.form == "header" ? .header : .query(expiresAfter: vector.expires)))
            let refusal = verifier.refusal(of: vector.request, body: Array(vector.body), secret: vector.secret, now: vector.time)
            #expect(refusal == nil, "vector \(number): \(vector.path) \(vector.query ?? "")")
        }
    }

    @Test("None verifies with one thing changed")
    func altered() throws {
        for (number, vector) in try Vector.all().enumerated() {
            func expectRefusal(
                _ what: String,
                body: [UInt8]? = nil,
                secret: String? = nil,
                now: Int? = nil,
                _ alter: (inout SignedRequest) -> Void = { _ in }
            ) {
                var request = vector.request
                alter(&request)
                let refusal = verifier.refusal(
                    of: request,
                    body: body ?? Array(vector.body),
                    secret: secret ?? vector.secret,
                    now: SignatureTime(secondsSinceEpoch: now ?? vector.now)
                )
                #expect(refusal != nil, "vector \(number) verifies with another \(what)")
            }

            expectRefusal("method") { $0.method = $0.method == "POST" ? "PUT" : "POST" }
            expectRefusal("path") { $0.rawPath += "x" }
            expectRefusal("query") { $0.rawQuery = $0.rawQuery.map { $0 + "&x" } ?? "x" }
            expectRefusal("query, by a signature parameter") { request in
                request.rawQuery = (request.rawQuery.map { $0 + "&" } ?? "") + "X-Amz-Signature=0"
            }
            expectRefusal("query value") { request in
                guard let query = request.rawQuery, let equals = query.firstIndex(of: "=") else { return request.rawPath += "x" }
                request.rawQuery = query[...equals] + "x" + query[query.index(after: equals)...]
            }
            expectRefusal("body", body: vector.body.isEmpty ? [0] : [vector.body[0] ^ 1] + vector.body.dropFirst())
            expectRefusal("key", secret: vector.secret + "x")
            expectRefusal("time, too early", now: vector.now - 301)
            expectRefusal("time, too late", now: vector.now + (vector.expires ?? 300) + 1)
            expectRefusal("signature digit") { request in
                let place = "Signature="
                for index in request.headers.indices where request.headers[index].name == "Authorization" {
                    request.headers[index].value = flipping(after: place, in: request.headers[index].value)
                }
                if vector.form == "query" { request.rawQuery = flipping(after: place, in: request.rawQuery ?? "") }
            }
            for name in try verifier.parse(vector.request).signedHeaders {
                for index in vector.request.headers.indices where vector.request.headers[index].name.lowercased() == name {
                    expectRefusal("value of \(name)") { $0.headers[index].value += "x" }
                    expectRefusal("number of \(name)") { $0.headers.append($0.headers[index]) }
                    expectRefusal("presence of \(name)") { $0.headers.remove(at: index) }
                }
            }
        }
    }

    private func flipping(after place: String, in text: String) -> String {
        guard let range = text.range(of: place, options: .backwards) else { return text }
        var text = text
        let digit = text[range.upperBound]
        text.replaceSubrange(range.upperBound..<text.index(after: range.upperBound), with: digit == "0" ? "1" : "0")
        return text
    }
}

/// The signatures that AWS publishes with its description of the scheme, for the service `service` unless said otherwise.
@Suite("Published signatures")
struct SignaturePublishedTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var signature: String
        var method = "GET"
        var path = "/"
        var query: String?
        var headers: [[String]] = []
        var body = ""
        var signed = "host;x-amz-date"
        var service = "service"
        var host = "example.amazonaws.com"
    }

    static let examples = [
        Example(testDescription: "vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        Example(
            testDescription: "vanilla POST",
            signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            method: "POST"
        ),
        Example(
            testDescription: "relative path",
            signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            path: "/example1/example2/../.."
        ),
        Example(
            testDescription: "slashes",
            signature: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
            path: "//example//"
        ),
        Example(
            testDescription: "pointless dot",
            signature: "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5",
            path: "/./example"
        ),
        Example(
            testDescription: "space in the path",
            signature: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
            path: "/example space/"
        ),
        Example(
            testDescription: "UTF-8 in the path",
            signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
            path: "/\u{1234}"
        ),
        Example(
            testDescription: "order of query parameters",
            signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            query: "Param2=value2&Param1=value1"
        ),
        Example(
            testDescription: "UTF-8 in the query",
            signature: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            query: "\u{1234}=bar"
        ),
        Example(
            testDescription: "space in header values",
            signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
            headers: [["My-Header1", " value1"], ["My-Header2", " \"a   b   c\""]],
            signed: "host;my-header1;my-header2;x-amz-date"
        ),
        Example(
            testDescription: "repeated header",
            signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
            headers: [["My-Header1", "value2"], ["My-Header1", "value2"], ["My-Header1", "value1"]],
            signed: "host;my-header1;x-amz-date"
        ),
        Example(
            testDescription: "form body",
            signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            method: "POST",
            headers: [["Content-Type", "application/x-www-form-urlencoded"]],
            body: "Param1=value1",
            signed: "content-type;host;x-amz-date"
        ),
        Example(
            testDescription: "ListUsers of IAM",
            signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: [["Content-Type", "application/x-www-form-urlencoded; charset=utf-8"]],
            signed: "content-type;host;x-amz-date",
            service: "iam",
            host: "iam.amazonaws.com"
        ),
    ]

    @Test("Each verifies", arguments: examples)
    func accepted(_ example: Example) {
        let authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/\(example.service)/aws4_request, "
            + "SignedHeaders=\(example.signed), Signature=\(example.signature)"
        let headers = [["Host", example.host], ["X-Amz-Date", "20150830T123600Z"], ["Authorization", authorization]] + example.headers
        let request = SignedRequest(
            method: example.method,
            rawPath: example.path,
            rawQuery: example.query,
            headers: headers.map { .init(name: $0[0], value: $0[1]) }
        )
        let verifier = SignatureVerifier(service: example.service)
        #expect(verifier.refusal(of: request, body: Array(example.body.utf8), now: "20150830T123600Z") == nil)
    }

    @Test("The published derivation of a signing key gives the published key")
    func derivedKey() {
        let published = "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"
        let bytes = stride(from: 0, to: 64, by: 2).compactMap { UInt8(published.dropFirst($0).prefix(2), radix: 16) }
        var signing = SigningKeyCache(capacity: 1).derived(
            from: SignatureTestSigner().secret, day: "20150830", region: "us-east-1", service: "iam")
        signing.update(data: Array("text".utf8))
        #expect(signing.finalize() == HMAC<SHA256>.authenticationCode(for: Array("text".utf8), using: SymmetricKey(data: bytes)))
    }
}
