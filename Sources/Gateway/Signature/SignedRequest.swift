/// A request as it was received, before any decoding: what a signature is calculated over, apart from the body.
///
/// HTTP libraries tend to keep the host apart from the other headers; whoever builds this value puts it back as a header named
/// `host`, with exactly the text the client sent.
struct SignedRequest: Sendable {
    /// One header line. The name is matched without regard to case.
    struct Header: Sendable {
        var name: String
        var value: String
    }

    /// The method as received, upper case.
    var method: String
    /// The request target up to the first `?`, still percent-encoded.
    var rawPath: String
    /// What follows the first `?`, still percent-encoded; nil or empty when there is none.
    var rawQuery: String?
    /// The header lines in the order received; a name may come more than once.
    var headers: [Header]

    /// The value of a header, its lines joined with commas as HTTP defines it; nil when the request has none.
    /// - Parameter name: The name in lower case.
    func value(of name: String) -> String? {
        var found: String?
        for header in headers where header.name.isHeaderName(name) {
            guard found != nil else {
                found = header.value
                continue
            }
            // In place: a copy for each line would let a request with thousands of them take quadratic time.
            found?.append(",")
            found?.append(header.value)
        }
        return found
    }
}

extension String {
    /// Whether this header name is the given lower-case one, ignoring the case of ASCII letters.
    func isHeaderName(_ name: String) -> Bool {
        utf8.count == name.utf8.count && orderAsHeaderName(against: name) == 0
    }

    /// Compares this header name, with its ASCII letters in lower case, with a lower-case name: negative, zero or positive, by bytes.
    func orderAsHeaderName(against name: String) -> Int {
        let left = utf8.span
        let right = name.utf8.span
        for index in 0..<min(left.count, right.count) {
            let difference = Int(left[index].asciiLowercased) - Int(right[index])
            if difference != 0 { return difference }
        }
        return left.count - right.count
    }
}

extension UInt8 {
    /// The byte, in lower case when it is an ASCII letter.
    var asciiLowercased: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }

    /// Whether the byte is an ASCII digit.
    var isASCIIDigit: Bool {
        self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9")
    }

    /// Whether the byte separates words in a header value. A tab counts, as it does for the AWS SDKs.
    var isHeaderSpace: Bool {
        self == UInt8(ascii: " ") || self == UInt8(ascii: "\t")
    }
}
