import Crypto

/// How strictly the body must be the one that was signed.
enum PayloadRule: Sendable {
    /// The hash that was signed is the body's. For every operation whose body is read whole before it is answered.
    case exact
    /// A client may also have signed the literal `UNSIGNED-PAYLOAD` or the hash of an empty body. For bodies that are streamed.
    case unsignedAllowed
}

/// Verifies AWS Signature Version 4, in a header or in the query, over a request as it was received.
///
/// The caller parses, looks up the secret of the access key id and verifies. Checks come in the order of AWS, and the first that
/// fails is the answer:
/// 1. ``parse(_:)``: there is a signature, and only one; all its parts are there and well formed; its scope is this service, a region
///    and the day of its date;
/// 2. the caller: the access key id is known (``SignatureError/unrecognizedClient``), its session goes on
///    (``SignatureError/expiredToken``);
/// 3. ``verify(_:of:body:secret:now:payload:)``: the date is within five minutes of now; then the payload hash, the signed headers
///    and the signature.
///
/// `host` must be signed, but may have been signed without the port it was sent with, with a default port it was sent without, or without the
/// brackets of an IPv6 address: official clients do the first and the last. A path that begins with two slashes may have been signed as it
/// stands. Headers that were not signed are not covered; the date always is, being part of what is signed.
///
/// Threads: a value may be used from any number of threads at once; copies share the cache of signing keys.
struct SignatureVerifier: Sendable {
    /// How far the date of a request may be from now, in seconds, either way.
    static let maximumSkew = 300

    private let service: String
    private let keys: SigningKeyCache

    /// - Parameters:
    ///   - service: The service name in the credential scope.
    ///   - keyCapacity: How many signing keys each of the two generations of the cache holds.
    init(service: String = "kinesisvideo", keyCapacity: Int = 4096) {
        self.service = service
        keys = SigningKeyCache(capacity: keyCapacity)
    }

    /// How many codes of HMAC were computed, for tests.
    var computed: Int { keys.computed }

    /// Reads the signature of a request. What it returns is a claim until ``verify(_:of:body:secret:now:payload:)`` accepts it.
    func parse(_ request: SignedRequest) throws(SignatureError) -> ParsedSignature {
        try ParsedSignature(request, service: service)
    }

    /// Accepts the request, by returning, if it was signed with the secret.
    /// - Parameters:
    ///   - parsed: What ``parse(_:)`` returned for this request.
    ///   - request: The request.
    ///   - body: Its whole body; empty for one that is streamed.
    ///   - secret: The secret access key of `parsed.accessKeyID`.
    ///   - now: The time of this deployment.
    ///   - payload: How strictly the body is taken.
    func verify(
        _ parsed: ParsedSignature,
        of request: SignedRequest,
        body: RawSpan,
        secret: String,
        now: SignatureTime,
        payload: PayloadRule = .exact
    ) throws(SignatureError) {
        try checkTime(of: parsed, now: now)
        let payloadHashes = try payloadHashes(request.value(of: "x-amz-content-sha256"), body: body, rule: payload)

        let owner = SigningKeyCache.Owner(accessKeyID: parsed.accessKeyID, dayNumber: parsed.time.dayNumber, region: parsed.region)
        let cached = keys.key(of: owner, secret: secret)
        func derived() -> SigningKeyCache.SigningKey {
            keys.derived(from: secret, day: parsed.time.day, region: parsed.region, service: service)
        }
        let key = cached ?? derived()

        func isSigned(host: String?, pathAsSent: Bool = false) throws(SignatureError) -> Bool {
            let canonical = try CanonicalRequest(request, signedAs: parsed, host: host, pathAsSent: pathAsSent)
            for hash in payloadHashes where isSignature(of: canonical, payloadHash: hash, by: key, parsed: parsed) { return true }
            return false
        }
        var isAccepted = try isSigned(host: nil)
        if !isAccepted {
            let hosts = [nil] + otherHosts(request.value(of: "host") ?? "")
            for host in hosts.dropFirst() where !isAccepted { isAccepted = try isSigned(host: host) }
            // An endpoint that ends in a slash makes `//path`, which some clients sign as it stands.
            if request.rawPath.hasPrefix("//") {
                for host in hosts where !isAccepted { isAccepted = try isSigned(host: host, pathAsSent: true) }
            }
        }
        guard isAccepted else {
            // Whether a key is in use makes no difference to whoever has not its secret: it was derived for nothing.
            if cached != nil { _ = derived() }
            throw .mismatch
        }
        if cached == nil { keys.keep(key, of: owner, secret: secret) }
    }

    /// A presigned URL that says how long it is good for is good for just as long; anything else has the skew either way.
    private func checkTime(of parsed: ParsedSignature, now: SignatureTime) throws(SignatureError) {
        let earliest = now - Self.maximumSkew
        let latest = now + Self.maximumSkew
        if parsed.time > latest {
            throw .invalid("Signature not yet current: \(parsed.time) is still later than \(latest) (\(now) + 5 min.)")
        }
        if case .query(let seconds?) = parsed.form {
            let end = parsed.time + seconds
            if end < now { throw .invalid("Signature expired: \(end) is now earlier than \(now).") }
        } else if parsed.time < earliest {
            throw .invalid("Signature expired: \(parsed.time) is now earlier than \(earliest) (\(now) - 5 min.)")
        }
    }

    /// The payload hashes a client that sent this body may have signed, as text, the likelier first.
    private func payloadHashes(_ declared: String?, body: RawSpan, rule: PayloadRule) throws(SignatureError) -> [[UInt8]] {
        let actual = body.isEmpty ? Self.emptyHash : Self.hexadecimalHash(of: body)
        guard let declared = declared.map({ Array($0.utf8) }) else {
            switch rule {
            case .exact: return [actual]
            case .unsignedAllowed: return body.isEmpty ? [actual] : [actual, Self.emptyHash]
            }
        }
        let accepted: [[UInt8]]
        switch rule {
        case .exact: accepted = [actual]
        case .unsignedAllowed: accepted = [actual, Self.emptyHash, Self.unsignedPayload]
        }
        guard accepted.contains(declared) else { throw .mismatch }
        return [declared]
    }

    /// What a client may have signed in place of the host that arrived.
    private func otherHosts(_ received: String) -> [String] {
        // botocore of 2022 and before signs an IPv6 address without its brackets.
        let unbracketed = received.utf8.first == UInt8(ascii: "[") ? [received.filter { $0 != "[" && $0 != "]" }] : []
        if let bare = received.withoutPort { return [bare] + unbracketed }
        return [received + ":443", received + ":80"] + unbracketed
    }

    private func isSignature(
        of canonical: CanonicalRequest,
        payloadHash: [UInt8],
        by key: SigningKeyCache.SigningKey,
        parsed: ParsedSignature
    ) -> Bool {
        keys.note(computed: 1)
        var signing = key
        signing.update(data: stringToSign(canonical, payloadHash: payloadHash, parsed: parsed))
        // This comparison takes the same time wherever the two differ.
        return signing.finalize() == parsed.signature
    }

    /// What is signed: the algorithm, the time, the scope and the hash of the canonical request.
    func stringToSign(_ canonical: CanonicalRequest, payloadHash: [UInt8], parsed: ParsedSignature) -> [UInt8] {
        var hasher = SHA256()
        canonical.bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        payloadHash.withUnsafeBytes { hasher.update(bufferPointer: $0) }

        var text: [UInt8] = []
        text.reserveCapacity(256)
        text.append(contentsOf: "AWS4-HMAC-SHA256\n".utf8)
        text.append(contentsOf: parsed.date.utf8)
        text.append(UInt8(ascii: "\n"))
        text.append(contentsOf: parsed.date.utf8.prefix(8))
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: parsed.region.utf8)
        text.append(UInt8(ascii: "/"))
        text.append(contentsOf: service.utf8)
        text.append(contentsOf: "/aws4_request\n".utf8)
        text.append(hexadecimal: hasher.finalize())
        return text
    }

    /// SHA-256 in lower-case hexadecimal digits.
    static func hexadecimalHash(of bytes: RawSpan) -> [UInt8] {
        var hasher = SHA256()
        bytes.withUnsafeBytes { hasher.update(bufferPointer: $0) }
        var text: [UInt8] = []
        text.reserveCapacity(64)
        text.append(hexadecimal: hasher.finalize())
        return text
    }

    private static let emptyHash = hexadecimalHash(of: [UInt8]().span.bytes)
    private static let unsignedPayload = Array("UNSIGNED-PAYLOAD".utf8)
}

extension [UInt8] {
    /// Appends two lower-case digits for each byte of a digest.
    fileprivate mutating func append(hexadecimal digest: SHA256.Digest) {
        func digit(_ value: UInt8) -> UInt8 { value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value }
        let first = count
        append(contentsOf: repeatElement(0, count: 2 * SHA256.byteCount))
        var digits = mutableSpan
        digest.withUnsafeBytes { bytes in
            for (index, byte) in bytes.enumerated() {
                digits[first + 2 * index] = digit(byte >> 4)
                digits[first + 2 * index + 1] = digit(byte & 15)
            }
        }
    }
}

extension String {
    /// The host without its port; nil when this host has none. The colons of a bracketed IPv6 address are not a port's.
    fileprivate var withoutPort: String? {
        guard let colon = utf8.lastIndex(of: UInt8(ascii: ":")) else { return nil }
        let port = utf8[utf8.index(after: colon)...]
        let host = self[..<colon]
        let isAddress = host.utf8.first == UInt8(ascii: "[") && host.utf8.last == UInt8(ascii: "]")
        guard !port.isEmpty, port.allSatisfy(\.isASCIIDigit), isAddress || !host.utf8.contains(UInt8(ascii: ":")) else { return nil }
        return String(host)
    }
}
