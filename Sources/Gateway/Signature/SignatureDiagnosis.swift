/// What a signature would have to be of, for whoever looks for the reason why it is of something else: neither a key nor a signature, nor what the
/// request was authenticated by besides.
struct SignatureDiagnosis {
    /// As it arrived, with the hash of the payload at its end. Of a long one the beginning.
    let canonicalRequest: String
    let stringToSign: String
    /// What proxies change on the way, as it arrived: host, path, headers and body.
    let suspects: [String]

    private static let longest = 8192
    private static let secretHeaders: Set<String> = ["authorization", "cookie", "proxy-authorization", "x-amz-security-token"]
    private static let secretParameters: Set<String> = ["x-amz-security-token", "x-amz-signature", "sessiontoken"]
    /// Headers that proxies set, change or take out.
    private static let changedHeaders: Set<String> = [
        "accept-encoding", "cache-control", "connection", "content-length", "expect", "forwarded", "keep-alive", "te", "transfer-encoding",
        "user-agent", "via", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto", "x-real-ip",
    ]

    /// Nil where a header that was signed is not in the request, which the client is told.
    init?(_ parsed: ParsedSignature, _ request: SignedRequest, body: RawSpan, _ verifier: SignatureVerifier) {
        guard let canonical = try? CanonicalRequest(request, signedAs: parsed, host: nil) else { return nil }
        let hash = SignatureVerifier.hexadecimalHash(of: body)
        let declared = request.value(of: "x-amz-content-sha256").map { Array($0.utf8) }
        stringToSign = String(decoding: verifier.stringToSign(canonical, payloadHash: declared ?? hash, parsed: parsed), as: UTF8.self)

        var shown = request
        for index in shown.headers.indices where Self.secretHeaders.contains(shown.headers[index].name.lowercased()) {
            shown.headers[index].value = "(secret)"
        }
        shown.rawQuery = request.rawQuery.map { query in
            query.split(separator: "&", omittingEmptySubsequences: false).map { pair in
                let name = pair.prefix { $0 != "=" }
                let decoded = String(decoding: name.utf8.lazy.filter { $0 != UInt8(ascii: " ") }, as: UTF8.self).lowercased()
                // An encoded name is no client's: what hides behind it is not shown.
                return Self.secretParameters.contains(decoded) || name.contains("%") ? "\(name)=(secret)" : String(pair)
            }.joined(separator: "&")
        }
        let text = (try? CanonicalRequest(shown, signedAs: parsed, host: nil))?.bytes ?? []
        canonicalRequest = String(
            decoding: text.prefix(Self.longest) + (text.count > Self.longest ? Array("...".utf8) : declared ?? hash), as: UTF8.self)

        var suspects = ["host: \(request.value(of: "host") ?? "none")"]
        if request.rawPath.contains("%") || request.rawPath.contains("//") || request.rawPath.contains("/.")
            || request.rawPath.hasSuffix("/")
        {
            suspects.append("path: \(request.rawPath.prefix(256))")
        }
        let changed = parsed.signedHeaders.filter(Self.changedHeaders.contains)
        if !changed.isEmpty { suspects.append("signed headers: \(changed.joined(separator: ", "))") }
        let passed = ["forwarded", "via", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"].filter { request.value(of: $0) != nil }
        if !passed.isEmpty { suspects.append("it came through a proxy, which has added: \(passed.joined(separator: ", "))") }
        if let declared, declared != hash, declared != Array("UNSIGNED-PAYLOAD".utf8) {
            suspects.append("body: what arrived, \(body.byteCount) bytes, has another hash than x-amz-content-sha256 says")
        }
        self.suspects = suspects
    }
}
