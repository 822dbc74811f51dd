extension Substring.UTF8View {
    /// The bytes that a part of a query stands for, as forms encode them: `%` and two hexadecimal digits for a byte, `+` for a space. A `%` without
    /// two digits stands for itself.
    package var formDecoded: [UInt8] { Array(self)[...].formDecoded }
}

extension ArraySlice<UInt8> {
    var formDecoded: [UInt8] {
        guard contains(where: { $0 == UInt8(ascii: "%") || $0 == UInt8(ascii: "+") }) else { return Array(self) }
        var bytes: [UInt8] = []
        var rest = self
        while let byte = rest.popFirst() {
            let digits = rest.prefix(2)
            if byte == UInt8(ascii: "%"), let high = digits.first?.hexadecimalValue, let low = digits.dropFirst().first?.hexadecimalValue {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return bytes
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
}
