/// The text whose hash is signed, as AWS defines it for every service but S3, up to and including the line of signed header names.
/// The payload's hash is all that follows.
///
/// Building it takes time in proportion to the request (a logarithm of at most 100 signed names aside), whatever it holds.
struct CanonicalRequest {
    /// The bytes, ending with the line feed before the payload's hash.
    private(set) var bytes: [UInt8] = []

    /// - Parameters:
    ///   - request: The request as received.
    ///   - parsed: Its signature.
    ///   - host: The text to take for the `host` header; nil for the one received.
    ///   - pathAsSent: Whether the segments of the path are left as they are, empty ones too.
    /// - Throws: When a header that was signed is not in the request.
    init(
        _ request: SignedRequest, signedAs parsed: ParsedSignature, host: String?, pathAsSent: Bool = false
    ) throws(SignatureError) {
        bytes.reserveCapacity(1024)
        append(line: request.method)
        if pathAsSent {
            for byte in request.rawPath.utf8 {
                if byte == UInt8(ascii: "/") { bytes.append(byte) } else { bytes.append(percentEncoding: byte) }
            }
        } else {
            appendPath(request.rawPath)
        }
        bytes.append(UInt8(ascii: "\n"))
        CanonicalQuery(request.rawQuery).append(to: &bytes, leavingOut: parsed.form.signatureParameter)
        bytes.append(UInt8(ascii: "\n"))
        try appendHeaders(request.headers, signed: parsed.signedHeaders, host: host)
        bytes.append(UInt8(ascii: "\n"))
        appendNames(parsed.signedHeaders)
    }

    private mutating func append(line: String) {
        bytes.append(contentsOf: line.utf8)
        bytes.append(UInt8(ascii: "\n"))
    }

    /// Empty and `.` segments go, `..` takes the segment before it along, and what remains is encoded, including the `%` of an
    /// encoding that is already there.
    private mutating func appendPath(_ rawPath: String) {
        let start = bytes.count
        let raw = rawPath.utf8.span
        var index = 0
        while index < raw.count {
            let first = index
            while index < raw.count, raw[index] != UInt8(ascii: "/") { index += 1 }
            let segment = first..<index
            index += 1
            if segment.isEmpty || raw.isDots(segment, count: 1) { continue }
            if raw.isDots(segment, count: 2) {
                while bytes.count > start, bytes.removeLast() != UInt8(ascii: "/") {}
                continue
            }
            bytes.append(UInt8(ascii: "/"))
            for index in segment { bytes.append(percentEncoding: raw[index]) }
        }
        if bytes.count == start || raw[raw.count - 1] == UInt8(ascii: "/") { bytes.append(UInt8(ascii: "/")) }
    }

    private mutating func appendHeaders(
        _ headers: [SignedRequest.Header],
        signed names: [String],
        host: String?
    ) throws(SignatureError) {
        // Each line that was signed, in the order of the names and, within one name, in the order received.
        var lines: [(name: Int, header: Int)] = []
        lines.reserveCapacity(names.count)
        for (index, header) in headers.enumerated() {
            if let name = names.firstIndex(sortedHeaderName: header.name) { lines.append((name, index)) }
        }
        lines.sort { $0.name == $1.name ? $0.header < $1.header : $0.name < $1.name }

        var next = 0
        for (name, text) in names.enumerated() {
            guard next < lines.count, lines[next].name == name else {
                // The C producer signs it, and every proxy takes it out, as RFC 9110, section 7.6.1, asks: then it was what that producer sends.
                if text == "connection" {
                    append(line: "connection:keep-alive")
                    continue
                }
                throw .incomplete("'\(text)' is named as a SignedHeader, but it does not exist in the HTTP request.")
            }
            bytes.append(contentsOf: text.utf8)
            bytes.append(UInt8(ascii: ":"))
            let first = next
            while next < lines.count, lines[next].name == name {
                if let host, text == "host" {
                    if next == first { appendValue(host) }
                } else {
                    if next > first { bytes.append(UInt8(ascii: ",")) }
                    appendValue(headers[lines[next].header].value)
                }
                next += 1
            }
            bytes.append(UInt8(ascii: "\n"))
        }
    }

    /// The value without space around it, and with one space for each run of spaces and tabs in it.
    private mutating func appendValue(_ value: String) {
        let start = bytes.count
        let raw = value.utf8.span
        var isAfterSpace = false
        for index in 0..<raw.count {
            if raw[index].isHeaderSpace {
                isAfterSpace = true
                continue
            }
            if isAfterSpace, bytes.count > start { bytes.append(UInt8(ascii: " ")) }
            isAfterSpace = false
            bytes.append(raw[index])
        }
    }

    private mutating func appendNames(_ names: [String]) {
        for (index, name) in names.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ";")) }
            bytes.append(contentsOf: name.utf8)
        }
        bytes.append(UInt8(ascii: "\n"))
    }
}

extension [String] {
    /// Where a header's name stands in this list of lower-case names in ascending order; nil when it does not.
    fileprivate func firstIndex(sortedHeaderName header: String) -> Int? {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            let order = header.orderAsHeaderName(against: self[middle])
            if order == 0 { return middle }
            if order < 0 { high = middle } else { low = middle + 1 }
        }
        return nil
    }
}

extension Span<UInt8> {
    /// Whether the range is that many dots and nothing else.
    fileprivate func isDots(_ range: Range<Int>, count: Int) -> Bool {
        guard range.count == count else { return false }
        for index in range where self[index] != UInt8(ascii: ".") { return false }
        return true
    }
}
