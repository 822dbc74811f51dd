/// A query string in the form that is signed: every name and value decoded and encoded again by the rules of AWS, sorted by
/// encoded name and then by encoded value.
///
/// It takes time in proportion to the query (times the logarithm of the number of parameters), and at most three times its space.
struct CanonicalQuery {
    /// A parameter's place in `encoded`.
    private struct Parameter {
        var name: Range<Int>
        var value: Range<Int>
    }

    private var encoded: [UInt8] = []
    private var parameters: [Parameter] = []

    init(_ rawQuery: String?) {
        guard let rawQuery, !rawQuery.isEmpty else { return }
        let raw = rawQuery.utf8.span
        encoded.reserveCapacity(raw.count + raw.count / 4)
        var start = 0
        while start < raw.count {
            let end = raw.firstIndex(of: UInt8(ascii: "&"), in: start..<raw.count)
            if start < end {
                let equals = raw.firstIndex(of: UInt8(ascii: "="), in: start..<end)
                let name = appendReencoded(raw, start..<equals)
                let value = appendReencoded(raw, min(equals + 1, end)..<end)
                parameters.append(Parameter(name: name, value: value))
            }
            start = end + 1
        }
        if parameters.count > 1 { sort() }
    }

    /// The values of a parameter, decoded.
    /// - Parameter name: The name, made of unreserved characters only.
    func values(of name: String) -> [[UInt8]] {
        parameters.filter { encoded[$0.name].elementsEqual(name.utf8) }.map { decoded($0.value) }
    }

    /// Appends the canonical text.
    /// - Parameter excluded: A parameter to leave out.
    func append(to bytes: inout [UInt8], leavingOut excluded: String?) {
        var isFirst = true
        for parameter in parameters {
            if let excluded, encoded[parameter.name].elementsEqual(excluded.utf8) { continue }
            if !isFirst { bytes.append(UInt8(ascii: "&")) }
            isFirst = false
            bytes.append(contentsOf: encoded[parameter.name])
            bytes.append(UInt8(ascii: "="))
            bytes.append(contentsOf: encoded[parameter.value])
        }
    }

    private mutating func sort() {
        let encoded = self.encoded
        parameters.sort { left, right in
            let (leftName, rightName) = (encoded[left.name], encoded[right.name])
            return leftName.elementsEqual(rightName)
                ? encoded[left.value].lexicographicallyPrecedes(encoded[right.value])
                : leftName.lexicographicallyPrecedes(rightName)
        }
    }

    /// A `+` is a space, as in the forms that SDKs send; a `%` without two hexadecimal digits stands for itself.
    private mutating func appendReencoded(_ raw: Span<UInt8>, _ range: Range<Int>) -> Range<Int> {
        let start = encoded.count
        var index = range.lowerBound
        while index < range.upperBound {
            let byte = raw[index]
            if byte == UInt8(ascii: "%"), index + 2 < range.upperBound, let high = raw[index + 1].hexadecimalValue,
                let low = raw[index + 2].hexadecimalValue
            {
                encoded.append(percentEncoding: high << 4 | low)
                index += 3
            } else {
                encoded.append(percentEncoding: byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
                index += 1
            }
        }
        return start..<encoded.count
    }

    /// Everything in `encoded` is well formed, so a `%` is always followed by two digits.
    private func decoded(_ range: Range<Int>) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = encoded[range]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.popFirst()?.hexadecimalValue, let low = rest.popFirst()?.hexadecimalValue {
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        return bytes
    }
}

extension Span<UInt8> {
    /// The place of the first such byte in the range; its end when there is none.
    fileprivate func firstIndex(of byte: UInt8, in range: Range<Int>) -> Int {
        var index = range.lowerBound
        while index < range.upperBound, self[index] != byte { index += 1 }
        return index
    }
}

extension UInt8 {
    /// What the byte counts as a hexadecimal digit of either case; nil when it is none.
    fileprivate var hexadecimalValue: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    /// Whether a URI may hold the byte as it is: RFC 3986, section 2.3.
    fileprivate var isUnreserved: Bool {
        switch self {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

extension [UInt8] {
    /// Appends a byte as URIs write it: as it is when unreserved, else `%` and two upper-case digits.
    mutating func append(percentEncoding byte: UInt8) {
        if byte.isUnreserved {
            append(byte)
        } else {
            append(UInt8(ascii: "%"))
            append(hexadecimalDigits[Int(byte >> 4)])
            append(hexadecimalDigits[Int(byte & 15)])
        }
    }
}

private let hexadecimalDigits = Array("0123456789ABCDEF".utf8)
