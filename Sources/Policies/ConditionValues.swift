extension Double {
    /// A decimal number; nil for anything else, also for the names of numbers that are none.
    init?(policyNumber text: String) {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }), let value = Double(text), value.isFinite
        else { return nil }
        self = value
    }
}

/// Milliseconds since the epoch, from a date of ISO 8601 (`2026-01-31`, or with a time and its zone) or from seconds; nil for anything else.
func policyDate(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-") else {
        guard let seconds = Double(policyNumber: text), abs(seconds) < 1e12 else { return nil }
        return Int64((seconds * 1000).rounded(.down))
    }
    var reader = DateReader(bytes: bytes[...])
    return reader.date()
}

/// Reads a date from its start.
private struct DateReader {
    var bytes: ArraySlice<UInt8>

    private mutating func digits(_ count: Int, _ range: ClosedRange<Int64>) -> Int64? {
        let taken = bytes.prefix(count)
        guard taken.count == count, taken.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        bytes = bytes.dropFirst(count)
        let value = taken.reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
        return range.contains(value) ? value : nil
    }

    private mutating func take(_ character: UInt8) -> Bool {
        guard bytes.first == character else { return false }
        bytes.removeFirst()
        return true
    }

    mutating func date() -> Int64? {
        guard let year = digits(4, 1...9999), take(UInt8(ascii: "-")), let month = digits(2, 1...12), take(UInt8(ascii: "-")),
            let day = digits(2, 1...Self.length(month, year))
        else { return nil }
        let midnight = Self.days(year, month, day) * 86_400_000
        if bytes.isEmpty { return midnight }
        guard take(UInt8(ascii: "T")), let hour = digits(2, 0...23), take(UInt8(ascii: ":")), let minute = digits(2, 0...59) else {
            return nil
        }
        var time = (hour * 60 + minute) * 60_000
        if take(UInt8(ascii: ":")) {
            guard let second = digits(2, 0...60) else { return nil }
            time += second * 1000
            if take(UInt8(ascii: ".")) {
                let fraction = bytes.prefix { (0x30...0x39).contains($0) }
                guard !fraction.isEmpty else { return nil }
                bytes = bytes.dropFirst(fraction.count)
                time +=
                    fraction.prefix(3).reduce(Int64(0)) { $0 * 10 + Int64($1 - 0x30) }
                    * (fraction.count == 1 ? 100 : fraction.count == 2 ? 10 : 1)
            }
        }
        guard let zone = zone(), bytes.isEmpty else { return nil }
        return midnight + time - zone
    }

    /// Milliseconds ahead of UTC.
    private mutating func zone() -> Int64? {
        if take(UInt8(ascii: "Z")) { return 0 }
        let sign: Int64 = take(UInt8(ascii: "+")) ? 1 : take(UInt8(ascii: "-")) ? -1 : 0
        guard sign != 0, let hours = digits(2, 0...23), take(UInt8(ascii: ":")), let minutes = digits(2, 0...59) else { return nil }
        return sign * (hours * 60 + minutes) * 60_000
    }

    private static func length(_ month: Int64, _ year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from 1970-01-01, counting years from March so that a leap day is the last of its year.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let (year, month) = month > 2 ? (year, month - 3) : (year - 1, month + 9)
        return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
    }
}
