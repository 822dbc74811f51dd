/// What a request says about its signature, well formed and in scope, but not verified.
struct ParsedSignature: Sendable {
    /// Where the signature stood.
    enum Form: Equatable, Sendable {
        /// In the `Authorization` header.
        case header
        /// In the query, as in a presigned URL; `expiresAfter` is how many seconds it is good for, 1 to 604,800, nil when it does not say.
        case query(expiresAfter: Int?)

        /// The query parameter that holds the signature and so is not signed itself.
        var signatureParameter: String? {
            switch self {
            case .header: nil
            case .query: "X-Amz-Signature"
            }
        }
    }

    /// A request with more signed headers than this is refused. SDKs sign two to twelve.
    static let maximumSignedHeaders = 100

    /// Where the signature stood.
    let form: Form
    /// The access key id: 1 to 128 printable ASCII characters.
    let accessKeyID: String
    /// The region of the credential scope: 1 to 32 of `[a-z0-9-]`.
    let region: String
    /// When the request was signed. Its day is the day of the credential scope.
    let time: SignatureTime
    /// The text of `time`, as it was sent and is signed.
    let date: String
    /// The names of the signed headers: lower case, ascending, each once, `host` among them.
    let signedHeaders: [String]
    /// The session token, signed or not; nil when there is none or it is empty.
    let sessionToken: String?
    /// The signature's 32 bytes; empty when its text is not 64 lower-case hexadecimal digits, so that it equals no signature.
    let signature: [UInt8]

    /// Reads the signature of a request.
    /// - Throws: In this order: no signature; two of them; missing or malformed parts; a scope that is not of this service and day;
    ///   an access key id that nobody can have.
    init(_ request: SignedRequest, service: String) throws(SignatureError) {
        let query = CanonicalQuery(request.rawQuery)
        let authorization = request.value(of: "authorization")
        let isInQuery = !query.values(of: "X-Amz-Algorithm").isEmpty
        let fields: Fields
        switch (authorization, isInQuery) {
        case (nil, false):
            throw .missing
        case (.some, true):
            throw .invalid("Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
        case (nil, true):
            fields = try Fields(query)
        case (let authorization?, false):
            fields = try Fields(authorization: authorization, of: request)
        }

        let credential = fields.credential.parts(between: UInt8(ascii: "/"), atMost: 6)
        guard credential.count == 5 else {
            throw .incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.")
        }
        let signedHeaders = try Self.names(of: fields.signedHeaders)
        guard let time = SignatureTime(fields.date) else {
            throw .incomplete("Date must be in ISO-8601 'basic format', like 20231107T044734Z. See http://en.wikipedia.org/wiki/ISO_8601")
        }
        try Self.check(scope: credential, service: service, date: fields.date)
        guard (1...128).contains(credential[0].count), credential[0].allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .unrecognizedClient
        }

        form = fields.form
        accessKeyID = String(decoding: credential[0], as: UTF8.self)
        region = String(decoding: credential[2], as: UTF8.self)
        self.time = time
        date = fields.date
        self.signedHeaders = signedHeaders
        sessionToken = fields.sessionToken
        signature = Self.bytes(ofHexadecimal: fields.signature)
    }

    /// Refuses a request with one of these headers, given in lower case, that is none of the signed ones: anybody under way could have added it.
    func requireSigned(_ names: [String], in request: SignedRequest) throws(SignatureError) {
        for name in names where !signedHeaders.contains(name) && request.headers.contains(where: { $0.name.isHeaderName(name) }) {
            throw .invalid("'\(name)' is in the HTTP request, and must be named as a SignedHeader.")
        }
    }

    private static func names(of list: ArraySlice<UInt8>) throws(SignatureError) -> [String] {
        let parts = list.parts(between: UInt8(ascii: ";"), atMost: maximumSignedHeaders + 1)
        guard parts.count <= maximumSignedHeaders else {
            throw .incomplete("SignedHeaders must name at most \(maximumSignedHeaders) headers.")
        }
        for (index, part) in parts.enumerated() {
            guard (1...128).contains(part.count), part.allSatisfy({ $0.isLowercaseHeaderNameByte }),
                index == 0 || parts[index - 1].lexicographicallyPrecedes(part)
            else {
                throw .incomplete("SignedHeaders must be names of headers in lower case and ascending order, separated by semicolons.")
            }
        }
        let names = parts.map { String(decoding: $0, as: UTF8.self) }
        guard names.contains("host") else {
            throw .incomplete("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        }
        return names
    }

    private static func check(scope: [ArraySlice<UInt8>], service: String, date: String) throws(SignatureError) {
        var faults: [String] = []
        if !(1...32).contains(scope[2].count) || !scope[2].allSatisfy({ $0.isRegionByte }) {
            faults.append("Credential should be scoped to a valid region.")
        }
        if !scope[3].spells(service) {
            faults.append("Credential should be scoped to correct service: '\(service)'.")
        }
        if !scope[4].spells("aws4_request") {
            faults.append("Credential should be scoped with a valid terminator: 'aws4_request'.")
        }
        let day = date.prefix(8)
        if !scope[1].spells(String(day)) {
            faults.append(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '\(day)', from '\(date)'.")
        }
        guard faults.isEmpty else { throw .invalid(faults.joined(separator: " ")) }
    }

    private static func bytes(ofHexadecimal digits: ArraySlice<UInt8>) -> [UInt8] {
        let digits = digits.span
        guard digits.count == 64 else { return [] }
        var bytes = [UInt8](repeating: 0, count: 32)
        for index in bytes.indices {
            guard let high = digits[2 * index].hexadecimalValue, let low = digits[2 * index + 1].hexadecimalValue else { return [] }
            bytes[index] = high << 4 | low
        }
        return bytes
    }
}

/// The parts of a signature, each present, taken out of a header or a query.
private struct Fields {
    var form: ParsedSignature.Form
    var credential: ArraySlice<UInt8>
    var signedHeaders: ArraySlice<UInt8>
    var signature: ArraySlice<UInt8>
    var date: String
    var sessionToken: String?

    /// Parts are separated by commas or spaces or both. A part that the scheme does not define is ignored.
    init(authorization: String, of request: SignedRequest) throws(SignatureError) {
        var words = Words(Array(authorization.utf8))
        guard let algorithm = words.next(), algorithm.starts(with: "AWS4-".utf8) else { throw .missing }
        guard algorithm.spells(algorithmName) else { throw .unsupportedAlgorithm }

        var (credential, signedHeaders, signature): (ArraySlice<UInt8>, ArraySlice<UInt8>, ArraySlice<UInt8>) = ([], [], [])
        func keep(_ value: ArraySlice<UInt8>, in slot: inout ArraySlice<UInt8>, _ name: String) throws(SignatureError) {
            guard slot.isEmpty else { throw .incomplete("Authorization header has more than one '\(name)' parameter.") }
            slot = value
        }
        while let part = words.next() {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else {
                throw .incomplete("Authorization header has a part that is not a valid key=value pair (missing equal-sign).")
            }
            let name = part[..<equals]
            let value = part[(equals + 1)...]
            if name.spells("Credential") {
                try keep(value, in: &credential, "Credential")
            } else if name.spells("SignedHeaders") {
                try keep(value, in: &signedHeaders, "SignedHeaders")
            } else if name.spells("Signature") {
                try keep(value, in: &signature, "Signature")
            }
        }

        let date = request.value(of: "x-amz-date") ?? request.value(of: "date") ?? ""
        var faults: [String] = []
        if credential.isEmpty { faults.append("Authorization header requires 'Credential' parameter.") }
        if signature.isEmpty { faults.append("Authorization header requires 'Signature' parameter.") }
        if signedHeaders.isEmpty { faults.append("Authorization header requires 'SignedHeaders' parameter.") }
        if date.isEmpty { faults.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.") }
        guard faults.isEmpty else { throw .incomplete(faults.joined(separator: " ")) }
        self.credential = credential
        self.signedHeaders = signedHeaders
        self.signature = signature
        self.date = date
        form = .header
        sessionToken = request.value(of: "x-amz-security-token").flatMap { $0.isEmpty ? nil : $0 }
    }

    init(_ query: CanonicalQuery) throws(SignatureError) {
        func value(_ name: String) throws(SignatureError) -> ArraySlice<UInt8> {
            let values = query.values(of: name)
            if values.count > 1 { throw .incomplete("AWS query-string parameters must include '\(name)' only once.") }
            return values.first?[...] ?? []
        }
        let algorithm = try value("X-Amz-Algorithm")
        credential = try value("X-Amz-Credential")
        signature = try value("X-Amz-Signature")
        signedHeaders = try value("X-Amz-SignedHeaders")
        let date = try value("X-Amz-Date")
        let faults = [
            ("Algorithm", algorithm), ("Credential", credential), ("Signature", signature), ("SignedHeaders", signedHeaders),
            ("Date", date),
        ]
        .filter { $0.1.isEmpty }
        .map { "AWS query-string parameters must include 'X-Amz-\($0.0)'. " }
        guard faults.isEmpty else { throw .incomplete(faults.joined() + "Re-examine the query-string parameters.") }
        guard algorithm.spells(algorithmName) else { throw .unsupportedAlgorithm }
        self.date = String(decoding: date, as: UTF8.self)

        let expires = try value("X-Amz-Expires")
        if expires.isEmpty {
            form = .query(expiresAfter: nil)
        } else {
            guard expires.allSatisfy(\.isASCIIDigit), let seconds = Int(String(decoding: expires, as: UTF8.self)),
                (1...604_800).contains(seconds)
            else {
                throw .incomplete("X-Amz-Expires must be a number of seconds from 1 to 604800.")
            }
            form = .query(expiresAfter: seconds)
        }
        let token = try value("X-Amz-Security-Token")
        sessionToken = token.isEmpty ? nil : String(decoding: token, as: UTF8.self)
    }
}

private let algorithmName = "AWS4-HMAC-SHA256"

extension SignatureError {
    fileprivate static let unsupportedAlgorithm = SignatureError.incomplete("Unsupported AWS 'algorithm': use '\(algorithmName)'.")
}

extension UInt8 {
    fileprivate var isLowercaseLetter: Bool {
        self >= UInt8(ascii: "a") && self <= UInt8(ascii: "z")
    }

    fileprivate var isRegionByte: Bool {
        isLowercaseLetter || isASCIIDigit || self == UInt8(ascii: "-")
    }

    /// Whether the byte may stand in a header's name (RFC 9110, section 5.6.2) and is no upper-case letter.
    fileprivate var isLowercaseHeaderNameByte: Bool {
        isRegionByte || "!#$%&'*+.^_`|~".utf8.contains(self)
    }

    /// What the byte is worth as a lower-case hexadecimal digit; nil where it is none.
    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}

// Each request passes through these, and those of the library for any sequence cost it several times as much.

extension ArraySlice<UInt8> {
    /// Whether these are the bytes of a text.
    fileprivate func spells(_ text: String) -> Bool {
        let (left, right) = (span, text.utf8.span)
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left[index] != right[index] { return false }
        return true
    }

    /// What stands between separators, empty parts too; the last of as many as there may be has the rest.
    fileprivate func parts(between separator: UInt8, atMost limit: Int) -> [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        parts.reserveCapacity(8)
        var start = startIndex
        for index in indices where self[index] == separator && parts.count + 1 < limit {
            parts.append(self[start..<index])
            start = index + 1
        }
        parts.append(self[start...])
        return parts
    }
}

/// The words of a header, between commas or spaces or both.
private struct Words {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func next() -> ArraySlice<UInt8>? {
        while position < bytes.count, isSeparator(bytes[position]) { position += 1 }
        let start = position
        while position < bytes.count, !isSeparator(bytes[position]) { position += 1 }
        return start < position ? bytes[start..<position] : nil
    }

    private func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ",") || byte.isHeaderSpace }
}
