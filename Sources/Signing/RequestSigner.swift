import Crypto
public import FoundationEssentials

/// Signs requests with AWS Signature Version 4 in the `Authorization` header.
public struct RequestSigner: Sendable {
    /// A header as it is sent.
    public struct Header: Sendable, Hashable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    private let credentials: Credentials
    private let region: String
    private let service: String

    public init(credentials: Credentials, region: String, service: String) {
        self.credentials = credentials
        self.region = region
        self.service = service
    }

    /// The headers that make a request a signed one: `X-Amz-Date`, `X-Amz-Security-Token` where the key is a temporary one, and `Authorization`.
    ///
    /// - Parameters:
    ///   - path: The path as it is sent, with its percent-encoding and without a query.
    ///   - headers: What else to sign; all of it must be sent as given, `Host` among it.
    ///   - time: Now. Servers refuse a time that is more than five minutes off.
    public func headers(
        signing headers: [Header], method: String = "POST", path: String, body: [UInt8], at time: Date
    ) -> [Header] {
        self.headers(
            signing: headers, method: method, canonicalPath: Self.canonicalPath(path), query: "",
            bodyHash: Self.hexadecimal(SHA256.hash(data: body)), at: time)
    }

    /// The same for S3, which takes the path as it is sent, and wants the body's hash among the headers.
    ///
    /// - Parameters:
    ///   - path: The path as it is sent: `percentEncoded` between its slashes.
    ///   - query: Names and values, not encoded yet; they are sent as `query(_:)` gives them.
    ///   - bodyHash: The SHA-256 of the body in hexadecimal digits.
    public func s3Headers(
        signing headers: [Header], method: String, path: String, query: [(name: String, value: String)], bodyHash: String, at time: Date
    ) -> [Header] {
        let hash = Header("x-amz-content-sha256", bodyHash)
        return [hash]
            + self.headers(
                signing: headers + [hash], method: method, canonicalPath: path, query: Self.query(query), bodyHash: bodyHash, at: time)
    }

    /// A query as it is signed and sent: in the order of the encoded names.
    public static func query(_ members: [(name: String, value: String)]) -> String {
        members.map { "\(percentEncoded($0.name))=\(percentEncoded($0.value))" }.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            .joined(separator: "&")
    }

    private func headers(
        signing headers: [Header], method: String, canonicalPath: String, query: String, bodyHash: String, at time: Date
    ) -> [Header] {
        let date = time.formatted(Date.ISO8601FormatStyle(dateSeparator: .omitted, timeSeparator: .omitted))
        var added = [Header("X-Amz-Date", date)]
        if let token = credentials.sessionToken { added.append(Header("X-Amz-Security-Token", token)) }

        let canonical = CanonicalHeaders(headers + added)
        let request = [
            method, canonicalPath, query, canonical.lines, canonical.names, bodyHash,
        ].joined(separator: "\n")
        let day = String(date.prefix(8))
        let scope = "\(day)/\(region)/\(service)/aws4_request"
        let text = "AWS4-HMAC-SHA256\n\(date)\n\(scope)\n\(Self.hexadecimal(SHA256.hash(data: Array(request.utf8))))"
        let signature = Self.hexadecimal(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: signingKey(day: day)))

        let credential = "Credential=\(credentials.accessKeyID)/\(scope)"
        added.append(
            Header("Authorization", "AWS4-HMAC-SHA256 \(credential), SignedHeaders=\(canonical.names), Signature=\(signature)"))
        return added
    }

    /// The key of the day: each part of the scope is signed with the key that the part before it gave.
    func signingKey(day: String) -> SymmetricKey {
        var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for part in [day, region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        return key
    }

    /// The path without empty and dot segments, percent-encoded once more than it is sent.
    private static func canonicalPath(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") {
            switch segment {
            case ".": continue
            case "..": _ = segments.popLast()
            default: segments.append(segment)
            }
        }
        guard !segments.isEmpty else { return "/" }
        let encoded = segments.map { "/" + percentEncoded($0) }.joined()
        return path.hasSuffix("/") ? encoded + "/" : encoded
    }

    /// With every byte percent-encoded but letters, digits and `- . _ ~`.
    public static func percentEncoded(_ segment: some StringProtocol) -> String {
        var encoded = ""
        for byte in segment.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + hexadecimal([byte]).uppercased()
            }
        }
        return encoded
    }

    /// Two lower-case digits for each byte.
    public static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Headers in the form in which they are signed.
private struct CanonicalHeaders {
    /// One line for each name, in the order of the names; each ends with a line feed.
    let lines: String
    /// The names, separated by semicolons.
    let names: String

    init(_ headers: [RequestSigner.Header]) {
        var values: [String: [String]] = [:]
        for header in headers { values[header.name.lowercased(), default: []].append(Self.trimmed(header.value)) }
        let sorted = values.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        lines = sorted.map { "\($0.key):\($0.value.joined(separator: ","))\n" }.joined()
        names = sorted.map(\.key).joined(separator: ";")
    }

    /// Without space around it, and with one space for each run of spaces and tabs in it.
    private static func trimmed(_ value: String) -> String {
        value.unicodeScalars.split { $0 == " " || $0 == "\t" }.map(String.init).joined(separator: " ")
    }
}
