import Crypto
import Testing

@testable import Gateway

@Suite("Rules of verification")
struct SignatureRuleTests {
    private let verifier = SignatureVerifier()
    private let signer = SignatureTestSigner()

    @Test(
        "Five minutes either way, inclusive",
        arguments: [
            ("20231107T045234Z", nil),
            ("20231107T044234Z", nil),
            (
                "20231107T045235Z",
                "Signature expired: 20231107T044734Z is now earlier than 20231107T044735Z (20231107T045235Z - 5 min.)"
            ),
            (
                "20231107T044233Z",
                "Signature not yet current: 20231107T044734Z is still later than 20231107T044733Z (20231107T044233Z + 5 min.)"
            ),
            (
                "20231107T045805Z",
                "Signature expired: 20231107T044734Z is now earlier than 20231107T045305Z (20231107T045805Z - 5 min.)"
            ),
        ] as [(SignatureTime, String?)])
    func skew(now: SignatureTime, message: String?) {
        #expect(verifier.refusal(of: signer.request(), now: now) == message.map { .invalid($0) })
    }

    @Test("The date is judged before the signature")
    func order() {
        let refusal = verifier.refusal(of: signer.request(), secret: "another", now: "20231107T050000Z")
        #expect(refusal?.message.hasPrefix("Signature expired: ") == true)
    }

    @Test(
        "A presigned request is good for as long as it says",
        arguments: [
            ("60", "20231107T044834Z", nil),
            ("60", "20231107T044835Z", "Signature expired: 20231107T044834Z is now earlier than 20231107T044835Z."),
            ("1", "20231107T044735Z", nil),
            ("604800", "20231114T044734Z", nil),
            ("604800", "20231114T044735Z", "Signature expired: 20231114T044734Z is now earlier than 20231114T044735Z."),
            (nil, "20231107T045234Z", nil),
            (
                nil, "20231107T045235Z",
                "Signature expired: 20231107T044734Z is now earlier than 20231107T044735Z (20231107T045235Z - 5 min.)"
            ),
            (
                "604800", "20231107T044233Z",
                "Signature not yet current: 20231107T044734Z is still later than 20231107T044733Z (20231107T044233Z + 5 min.)"
            ),
        ] as [(String?, SignatureTime, String?)])
    func presigned(expires: String?, now: SignatureTime, message: String?) {
        let request = signer.presigned(date: "20231107T044734Z", expires: expires)
        #expect(verifier.refusal(of: request, now: now) == message.map { .invalid($0) })
    }

    @Test("A lifetime that AWS would not take is refused", arguments: ["0", "604801", "-1", "1.5", "60s", "99999999999999999999"])
    func lifetime(expires: String) {
        let request = signer.presigned(date: "20231107T044734Z", expires: expires)
        let expected = SignatureError.incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
        #expect(verifier.refusal(of: request, now: "20231107T044734Z") == expected)
    }

    @Test(
        "The host may have been signed without its port or with a default one",
        arguments: [
            ("localhost:4321", "localhost:4321", true),
            ("localhost:4321", "localhost", true),
            ("localhost", "localhost:443", true),
            ("localhost", "localhost:80", true),
            ("[::1]:4321", "[::1]", true),
            ("[::1]", "[::1]:443", true),
            ("localhost", "localhost:4321", false),
            ("localhost:4321", "localhost:443", false),
            ("[::1]", "[:", false),
            ("::1", ":", false),
            ("localhost:", "localhost", false),
            ("localhost:x", "localhost", false),
            ("localhost:4321", "otherhost", false),
        ])
    func host(sent: String, signed: String, isAccepted: Bool) {
        let refusal = verifier.refusal(of: signer.request(sentHost: sent, signedHost: signed), now: "20231107T044734Z")
        #expect(refusal == (isAccepted ? nil : .mismatch))
    }

    enum Declared: Sendable { case nothing, body, empty, unsigned, upperCase, streaming, blank }
    enum Signed: Sendable { case body, empty, unsigned, streaming, blank }

    @Test(
        "What may be signed for a body",
        arguments: [
            // declared in x-amz-content-sha256, signed, accepted when exact, accepted when unsigned is allowed
            (.nothing, .body, true, true),
            (.nothing, .empty, false, true),
            (.nothing, .unsigned, false, false),
            (.body, .body, true, true),
            (.body, .empty, false, false),
            (.empty, .empty, false, true),
            (.unsigned, .unsigned, false, true),
            (.unsigned, .body, false, false),
            (.upperCase, .body, false, false),
            (.streaming, .streaming, false, false),
            (.blank, .blank, false, false),
        ] as [(Declared, Signed, Bool, Bool)])
    func payload(declared: Declared, signed: Signed, exact: Bool, unsignedAllowed: Bool) {
        let body = Array(#"{"StreamName":"camera"}"#.utf8)
        let hash = hexadecimal(SHA256.hash(data: body))
        let streaming = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        let value: String? =
            switch declared {
            case .nothing: nil
            case .body: hash
            case .empty: SignatureTestSigner.emptyHash
            case .unsigned: "UNSIGNED-PAYLOAD"
            case .upperCase: hash.uppercased()
            case .streaming: streaming
            case .blank: ""
            }
        let signedHash =
            switch signed {
            case .body: hash
            case .empty: SignatureTestSigner.emptyHash
            case .unsigned: "UNSIGNED-PAYLOAD"
            case .streaming: streaming
            case .blank: ""
            }
        let request = signer.request(
            payloadHash: signedHash, otherHeaders: value.map { [.init(name: "x-amz-content-sha256", value: $0)] } ?? [])
        let now: SignatureTime = "20231107T044734Z"
        #expect(verifier.refusal(of: request, body: body, now: now) == (exact ? nil : .mismatch))
        #expect(verifier.refusal(of: request, body: body, now: now, payload: .unsignedAllowed) == (unsignedAllowed ? nil : .mismatch))
    }

    @Test("A rotated secret is refused with the old signature and accepted with its own, whatever the cache holds")
    func rotation() {
        let now: SignatureTime = "20231107T044734Z"
        let rotated = SignatureTestSigner(secret: "another")
        for _ in 0..<3 {
            #expect(verifier.refusal(of: signer.request(), now: now) == nil)
            #expect(verifier.refusal(of: signer.request(), secret: "another", now: now) == .mismatch)
            #expect(verifier.refusal(of: rotated.request(), secret: "another", now: now) == nil)
            #expect(verifier.refusal(of: rotated.request(), now: now) == .mismatch)
        }
    }

    @Test("A header that the call acts upon must be signed")
    func unsignedHeader() throws {
        let added = SignedRequest.Header(name: "X-Amzn-Stream-Name", value: "gate")
        let request = signer.request(otherHeaders: [added])
        let parsed = try verifier.parse(request)
        #expect(verifier.refusal(of: request, now: "20231107T044734Z") == nil)
        try parsed.requireSigned(["x-amzn-stream-arn"], in: request)
        try parsed.requireSigned([], in: request)
        #expect(throws: SignatureError.self) { try parsed.requireSigned(["x-amzn-stream-arn", "x-amzn-stream-name"], in: request) }
    }

    @Test("A token that was not signed is passed on")
    func unsignedToken() throws {
        let request = signer.request(otherHeaders: [.init(name: "X-Amz-Security-Token", value: "token")])
        #expect(try verifier.parse(request).sessionToken == "token")
        #expect(verifier.refusal(of: request, now: "20231107T044734Z") == nil)
    }

    @Test("A request may be verified from many threads")
    func concurrent() async {
        let accepted = await withTaskGroup(of: Bool.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let signer = SignatureTestSigner(region: "region-\(number % 7)")
                    return verifier.refusal(of: signer.request(), now: "20231107T044734Z") == nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(accepted == 200)
    }
}

@Suite("Signing keys of the day")
struct SignatureKeyCacheTests {
    private func owner(_ number: Int) -> SigningKeyCache.Owner {
        SigningKeyCache.Owner(accessKeyID: "key-\(number)", dayNumber: 19_668, region: "us-west-2")
    }

    private let key = HMAC<SHA256>(key: SymmetricKey(data: [1, 2, 3]))

    @Test("Never more than two generations, and a key in use stays")
    func bounded() {
        let cache = SigningKeyCache(capacity: 8)
        for number in 0..<1000 {
            cache.keep(key, of: owner(number), secret: "secret")
            #expect(cache.count <= 16)
            #expect(cache.key(of: owner(0), secret: "secret") != nil)
        }
        #expect(cache.key(of: owner(1), secret: "secret") == nil)
    }

    @Test("Found only with its own secret, day and region")
    func owners() {
        let cache = SigningKeyCache(capacity: 8)
        cache.keep(key, of: owner(1), secret: "secret")
        #expect(cache.key(of: owner(1), secret: "secret") != nil)
        #expect(cache.key(of: owner(1), secret: "Secret") == nil)
        var other = owner(1)
        other.dayNumber += 1
        #expect(cache.key(of: other, secret: "secret") == nil)
        other = owner(1)
        other.region = "us-west-1"
        #expect(cache.key(of: other, secret: "secret") == nil)
    }
}

@Suite("Times of signatures")
struct SignatureTimeTests {
    @Test(
        "Reads and writes the basic format",
        arguments: [
            ("19700101T000000Z", 0), ("20231107T044734Z", 1_699_332_454), ("20000229T235959Z", 951_868_799),
            ("19691231T235959Z", -1), ("20380119T031408Z", 2_147_483_648), ("00000101T000000Z", -62_167_219_200),
            ("99991231T235959Z", 253_402_300_799), ("19000301T000000Z", -2_203_891_200),
        ])
    func known(text: String, seconds: Int) {
        #expect(SignatureTime(text)?.secondsSinceEpoch == seconds)
        #expect(SignatureTime(secondsSinceEpoch: seconds).description == text)
        #expect(SignatureTime(secondsSinceEpoch: seconds).day == text.prefix(8))
    }

    @Test("Every day of eight hundred years comes after the one before")
    func everyDay() {
        var before = "15991231T120000Z"
        for day in 0..<292_194 {
            let time = SignatureTime(secondsSinceEpoch: -11_676_096_000 + day * 86_400 + 43_200)
            let text = time.description
            if text <= before || SignatureTime(text) != time {
                Issue.record("\(text) after \(before)")
                return
            }
            before = text
        }
        #expect(before == "23991231T120000Z")
    }

    @Test(
        "Refuses every other form",
        arguments: [
            "", "20231107", "2023-11-07T04:47:34Z", "20231107T044734", "20231107T044734z", "20231107t044734Z", "20231107T044734ZZ",
            " 20231107T044734Z", "20231307T044734Z", "20230229T044734Z", "19000229T000000Z", "20231100T044734Z", "20231131T044734Z",
            "20231107T244734Z", "20231107T046034Z", "20231107T044760Z", "2023110T0447344Z", "+0231107T044734Z",
            "Tue, 07 Nov 2023 04:47:34 GMT", "２０231107T044734",
        ])
    func malformed(text: String) {
        #expect(SignatureTime(text) == nil)
    }
}
