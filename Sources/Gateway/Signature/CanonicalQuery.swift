import Planes

/// A query string in the form that is signed: every name and value decoded and encoded again by the rules of AWS, sorted by
/// encoded name and then by encoded value.
///
/// It takes time in proportion to the query (times the logarithm of the number of parameters), and space in proportion to it.
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
        encoded.reserveCapacity(rawQuery.utf8.count + rawQuery.utf8.count / 4)
        for pair in rawQuery.utf8.split(separator: UInt8(ascii: "&")) {
            let parts = pair.split(separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let name = appendReencoded(parts[0])
            let value = parts.count > 1 ? appendReencoded(parts[1]) : encoded.count..<encoded.count
            parameters.append(Parameter(name: name, value: value))
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

    /// Decoded as forms encode, which SDKs send.
    private mutating func appendReencoded(_ raw: Substring.UTF8View) -> Range<Int> {
        let start = encoded.count
        for byte in raw.formDecoded { encoded.append(percentEncoding: byte) }
        return start..<encoded.count
    }

    private func decoded(_ range: Range<Int>) -> [UInt8] {
        Substring(String(decoding: encoded[range], as: UTF8.self)).utf8.formDecoded
    }
}

extension UInt8 {
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
