import Glibc
import Seeded
import Testing

@testable import Gateway

@Suite("Parsing of signatures")
struct SignatureParsingTests {
    private let verifier = SignatureVerifier()

    static let digits = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"
    static let credential = "Credential=AKIDEXAMPLE/20231107/us-west-2/kinesisvideo/aws4_request"
    static let names = "SignedHeaders=host;x-amz-date"

    private static func request(_ authorization: String?, query: String? = nil, date: String? = "20231107T044734Z") -> SignedRequest {
        var headers = [SignedRequest.Header(name: "host", value: "localhost")]
        if let date { headers.append(.init(name: "x-amz-date", value: date)) }
        if let authorization { headers.append(.init(name: "authorization", value: authorization)) }
        return SignedRequest(method: "POST", rawPath: "/", rawQuery: query, headers: headers)
    }

    private func refusal(_ request: SignedRequest) -> SignatureError? {
        do throws(SignatureError) {
            _ = try verifier.parse(request)
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "Any spacing",
        arguments: [
            "AWS4-HMAC-SHA256 \(credential), \(names), Signature=\(digits)",
            "AWS4-HMAC-SHA256 \(credential),\(names),Signature=\(digits)",
            "AWS4-HMAC-SHA256   \(credential) ,\t\(names) , Signature=\(digits)  ",
            "AWS4-HMAC-SHA256\t\(credential) \(names) Signature=\(digits)",
            "  AWS4-HMAC-SHA256 Signature=\(digits),\(names),\(credential),",
            "AWS4-HMAC-SHA256 \(credential), \(names), Signature=\(digits), Later=part",
        ])
    func spacing(authorization: String) throws {
        let parsed = try verifier.parse(Self.request(authorization))
        #expect(parsed.accessKeyID == "AKIDEXAMPLE")
        #expect(parsed.region == "us-west-2")
        #expect(parsed.signedHeaders == ["host", "x-amz-date"])
        #expect(hexadecimal(parsed.signature) == Self.digits)
        #expect(parsed.form == .header)
    }

    static let scopeFaults =
        "Credential should be scoped to a valid region. Credential should be scoped to correct service: 'kinesisvideo'. "
        + "Credential should be scoped with a valid terminator: 'aws4_request'. Date in Credential scope does not match YYYYMMDD from "
        + "ISO-8601 version of date from HTTP: '20231107', from '20231107T044734Z'."
    static let notNames = "SignedHeaders must be names of headers in lower case and ascending order, separated by semicolons."
    static let notPair = "Authorization header has a part that is not a valid key=value pair (missing equal-sign)."

    @Test(
        "What is wrong with a header",
        arguments: [
            (nil, .missing),
            ("", .missing),
            ("Bearer abc", .missing),
            ("Basic YTpi", .missing),
            (
                "AWS4-HMAC-SHA512 \(credential), \(names), Signature=\(digits)",
                .incomplete("Unsupported AWS 'algorithm': use 'AWS4-HMAC-SHA256'.")
            ),
            (
                "AWS4-HMAC-SHA256",
                .incomplete(
                    "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. "
                        + "Authorization header requires 'SignedHeaders' parameter.")
            ),
            ("AWS4-HMAC-SHA256 \(credential), \(names)", .incomplete("Authorization header requires 'Signature' parameter.")),
            (
                "AWS4-HMAC-SHA256 \(credential), SignedHeaders=, Signature=a",
                .incomplete("Authorization header requires 'SignedHeaders' parameter.")
            ),
            ("AWS4-HMAC-SHA256 Credential= a/b, \(names), Signature=\(digits)", .incomplete(notPair)),
            ("AWS4-HMAC-SHA256 \(credential), \(names), \(digits)", .incomplete(notPair)),
            (
                "AWS4-HMAC-SHA256 \(credential), \(names), Signature=a, Signature=b",
                .incomplete("Authorization header has more than one 'Signature' parameter.")
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/b/c/d, \(names), Signature=\(digits)",
                .incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
            ),
            (
                "AWS4-HMAC-SHA256 Credential=a/b/c/d/e/f, \(names), Signature=\(digits)",
                .incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
            ),
            (
                "AWS4-HMAC-SHA256 \(credential), SignedHeaders=x-amz-date, Signature=\(digits)",
                .incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
            ),
            ("AWS4-HMAC-SHA256 \(credential), SignedHeaders=host;host, Signature=\(digits)", .incomplete(notNames)),
            ("AWS4-HMAC-SHA256 \(credential), SignedHeaders=x-amz-date;host, Signature=\(digits)", .incomplete(notNames)),
            ("AWS4-HMAC-SHA256 \(credential), SignedHeaders=Host, Signature=\(digits)", .incomplete(notNames)),
            ("AWS4-HMAC-SHA256 \(credential), SignedHeaders=;host, Signature=\(digits)", .incomplete(notNames)),
            ("AWS4-HMAC-SHA256 Credential=k/20231108/US/s3/aws4, \(names), Signature=\(digits)", .invalid(scopeFaults)),
            (
                "AWS4-HMAC-SHA256 Credential=k/20231107/us-west-2/s3/aws4_request, \(names), Signature=\(digits)",
                .invalid("Credential should be scoped to correct service: 'kinesisvideo'.")
            ),
            (
                "AWS4-HMAC-SHA256 Credential=/20231107/us-west-2/kinesisvideo/aws4_request, \(names), Signature=\(digits)",
                .unrecognizedClient
            ),
            (
                "AWS4-HMAC-SHA256 Credential=\u{E9}/20231107/us-west-2/kinesisvideo/aws4_request, \(names), Signature=\(digits)",
                .unrecognizedClient
            ),
        ] as [(String?, SignatureError)])
    func header(authorization: String?, expected: SignatureError) {
        #expect(refusal(Self.request(authorization)) == expected)
    }

    @Test("The date: from x-amz-date, else from Date, only in the basic format")
    func date() throws {
        let authorization = "AWS4-HMAC-SHA256 \(Self.credential), \(Self.names), Signature=\(Self.digits)"
        let expected = SignatureError.incomplete(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
        #expect(refusal(Self.request(authorization, date: nil)) == expected)
        #expect(refusal(Self.request(authorization, date: "")) == expected)

        var request = Self.request(authorization, date: nil)
        request.headers.append(.init(name: "Date", value: "20231107T044734Z"))
        #expect(try verifier.parse(request).time == "20231107T044734Z")

        let malformed = SignatureError.incomplete(
            "Date must be in ISO-8601 'basic format', like 20231107T044734Z. See http://en.wikipedia.org/wiki/ISO_8601")
        for date in ["Tue, 07 Nov 2023 04:47:34 GMT", "20231107", "2023-11-07T04:47:34Z"] {
            #expect(refusal(Self.request(authorization, date: date)) == malformed)
        }
        request = Self.request(authorization)
        request.headers.append(.init(name: "x-amz-date", value: "20231107T044734Z"))
        #expect(refusal(request) == malformed)
    }

    static let parameters =
        "X-Amz-Credential=AKIDEXAMPLE%2F20231107%2Fus-west-2%2Fkinesisvideo%2Faws4_request&X-Amz-Date=20231107T044734Z"
        + "&X-Amz-SignedHeaders=host&X-Amz-Signature=\(digits)"

    @Test(
        "What is wrong with a query",
        arguments: [
            (parameters, .missing),
            (
                "X-Amz-Algorithm=",
                .incomplete(
                    ["Algorithm", "Credential", "Signature", "SignedHeaders", "Date"]
                        .map { "AWS query-string parameters must include 'X-Amz-\($0)'. " }.joined()
                        + "Re-examine the query-string parameters.")
            ),
            (
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Algorithm=AWS4-HMAC-SHA256&" + parameters,
                .incomplete("AWS query-string parameters must include 'X-Amz-Algorithm' only once.")
            ),
            ("X-Amz-Algorithm=AWS4&" + parameters, .incomplete("Unsupported AWS 'algorithm': use 'AWS4-HMAC-SHA256'.")),
        ] as [(String, SignatureError)])
    func query(query: String, expected: SignatureError) {
        #expect(refusal(Self.request(nil, query: query)) == expected)
    }

    @Test("A header and a query together")
    func both() {
        let request = Self.request("AWS4-HMAC-SHA256", query: "X-Amz-Algorithm=AWS4-HMAC-SHA256&" + Self.parameters)
        let expected = SignatureError.invalid(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
        #expect(refusal(request) == expected)
    }

    @Test("Up to 100 signed headers, each of them present")
    func signedHeaders() throws {
        func authorization(_ count: Int) -> String {
            let names = (["host"] + (1..<count).map { "x-\(10_000 + $0)" }).joined(separator: ";")
            return "AWS4-HMAC-SHA256 \(Self.credential), SignedHeaders=\(names), Signature=\(Self.digits)"
        }
        #expect(try verifier.parse(Self.request(authorization(100))).signedHeaders.count == 100)
        for count in [101, 10_000] {
            #expect(refusal(Self.request(authorization(count))) == .incomplete("SignedHeaders must name at most 100 headers."))
        }
        let absent = SignatureError.incomplete("'x-10001' is named as a SignedHeader, but it does not exist in the HTTP request.")
        #expect(verifier.refusal(of: Self.request(authorization(2)), now: "20231107T044734Z") == absent)
    }

    @Test("A signature that is not 64 lower-case digits matches nothing", arguments: ["a", digits.uppercased(), digits + "0", "\u{E9}"])
    func signatureForm(digits: String) {
        let request = Self.request("AWS4-HMAC-SHA256 \(Self.credential), \(Self.names), Signature=\(digits)")
        #expect(verifier.refusal(of: request, now: "20231107T044734Z") == .mismatch)
    }

    @Test("Names, statuses and messages of the errors a caller throws")
    func errors() {
        #expect(SignatureError.status == 403)
        #expect(SignatureError.missing.kind.rawValue == "MissingAuthenticationTokenException")
        #expect(SignatureError.missing.message == "Missing Authentication Token")
        #expect(SignatureError.incomplete("").kind.rawValue == "IncompleteSignatureException")
        #expect(SignatureError.mismatch.kind.rawValue == "InvalidSignatureException")
        #expect(
            SignatureError.mismatch.message
                == "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and "
                + "signing method. Consult the service documentation for details.")
        #expect(SignatureError.unrecognizedClient.kind.rawValue == "UnrecognizedClientException")
        #expect(SignatureError.unrecognizedClient.message == "The security token included in the request is invalid.")
        #expect(SignatureError.expiredToken.kind.rawValue == "ExpiredTokenException")
    }

    @Test("Whatever is sent, it is refused with a short message that holds none of it", arguments: 0..<8)
    func fuzz(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let header = "AWS4-HMAC-SHA256 \(Self.credential), \(Self.names), Signature=\(Self.digits)"
        let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&" + Self.parameters
        var reachedTheSignature = 0
        for _ in 0..<2000 {
            let isHeader = Bool.random(using: &random)
            let text = mutated(isHeader ? header : query, using: &random)
            let request =
                isHeader
                ? Self.request(text, date: Bool.random(using: &random) ? "20231107T044734Z" : mutated("20231107T044734Z", using: &random))
                : Self.request(nil, query: text)
            let refusal = verifier.refusal(of: request, now: "20231107T044734Z")
            #expect(refusal != nil)
            #expect((refusal?.message.utf8.count ?? 0) < 700)
            #expect(refusal?.message.contains(Self.digits.prefix(16)) != true)
            if refusal == .mismatch { reachedTheSignature += 1 }
        }
        #expect(reachedTheSignature > 20)
    }

    /// The text with a few bytes changed, removed, doubled or moved.
    private func mutated(_ text: String, using random: inout SeededGenerator) -> String {
        var bytes = Array(text.utf8)
        let interesting = Array("=,;/ %&+\t\0\u{E9}Aa0".utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<6, using: &random) {
            case 0: bytes[index] = UInt8.random(in: 0...255, using: &random)
            case 1: bytes[index] = interesting[Int.random(in: 0..<interesting.count, using: &random)]
            case 2: bytes.remove(at: index)
            case 3: bytes.insert(interesting[Int.random(in: 0..<interesting.count, using: &random)], at: index)
            case 4: bytes.removeSubrange(index..<min(bytes.count, index + 30))
            default: bytes.insert(contentsOf: bytes[index..<min(bytes.count, index + 30)], at: index)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    enum Hostile: CaseIterable {
        case headers, repeated, parameters, segments, commas, parts, onePart

        func request(size: Int) -> SignedRequest {
            let start = "AWS4-HMAC-SHA256 \(credential), "
            let simple = "\(start)\(names), Signature=\(digits)"
            switch self {
            case .headers:
                let names = (0..<99).map { "x-\(10_000 + $0)" }
                var request = SignatureParsingTests.request(
                    "\(start)SignedHeaders=host;\(names.joined(separator: ";")), Signature=\(digits)")
                for number in 0..<size { request.headers.append(.init(name: names[number % 99], value: "v")) }
                return request
            case .repeated:
                var request = SignatureParsingTests.request(simple)
                for _ in 0..<size { request.headers.append(.init(name: "Authorization", value: String(repeating: "a", count: 100))) }
                return request
            case .parameters:
                return SignatureParsingTests.request(simple, query: (0..<size).map { "a\($0 % 7)=\($0)" }.joined(separator: "&"))
            case .segments:
                var request = SignatureParsingTests.request(simple)
                request.rawPath = String(repeating: "/a", count: size) + String(repeating: "/..", count: size)
                return request
            case .commas: return SignatureParsingTests.request("AWS4-HMAC-SHA256 " + String(repeating: ",", count: 10 * size))
            case .parts: return SignatureParsingTests.request("AWS4-HMAC-SHA256 " + String(repeating: "a=,", count: size))
            case .onePart: return SignatureParsingTests.request("AWS4-HMAC-SHA256 " + String(repeating: "a=", count: 10 * size))
            }
        }
    }

    @Test("Four times the hostile input takes about four times the work, not sixteen", .serialized, arguments: Hostile.allCases)
    func hostile(_ hostile: Hostile) {
        // The processor time of this thread, so that whatever else the machine does is not counted.
        func now() -> Int {
            var time = timespec()
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return time.tv_sec * 1_000_000_000 + time.tv_nsec
        }
        func least(size: Int) -> Int {
            let request = hostile.request(size: size)
            return (0..<7).map { _ in
                let start = now()
                let refusal = verifier.refusal(of: request, now: "20231107T044734Z")
                let taken = now() - start
                #expect(refusal != nil)
                return taken
            }.min() ?? 0
        }
        #expect(least(size: 16_000) < least(size: 4000) * 10)
    }
}
