import Contract

/// An instant of the signature protocol, in whole seconds. Its text is ISO 8601 in the basic format: `20231107T044734Z`.
struct SignatureTime: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// Seconds since 1970-01-01T00:00:00Z.
    let secondsSinceEpoch: Int

    init(secondsSinceEpoch: Int) {
        self.secondsSinceEpoch = secondsSinceEpoch
    }

    /// Reads exactly `YYYYMMDD'T'HHMMSS'Z'`; nil for any other form and for a date or time that does not exist. A leap second does not.
    init?(_ text: String) {
        let bytes = text.utf8.span
        guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
        for index in 0..<15 where index != 8 && !bytes[index].isASCIIDigit { return nil }
        func number(_ first: Int, _ length: Int) -> Int {
            var number = 0
            for index in first..<(first + length) { number = number * 10 + Int(bytes[index] - UInt8(ascii: "0")) }
            return number
        }
        let date = CalendarDay(year: number(0, 4), month: number(4, 2), day: number(6, 2))
        let (hour, minute, second) = (number(9, 2), number(11, 2), number(13, 2))
        guard date.exists, hour < 24, minute < 60, second < 60 else { return nil }
        secondsSinceEpoch = date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Whole days since 1970-01-01.
    var dayNumber: Int {
        // Rounds down before 1970 as well, where `/` would round up.
        (secondsSinceEpoch - ((secondsSinceEpoch % 86_400) + 86_400) % 86_400) / 86_400
    }

    /// The day in UTC: `20231107`.
    var day: String {
        String(description.prefix(8))
    }

    var description: String {
        let date = CalendarDay(daysSinceEpoch: dayNumber)
        let second = secondsSinceEpoch - dayNumber * 86_400
        var text: [UInt8] = []
        text.reserveCapacity(16)
        func append(_ number: Int, digits: Int) {
            var unit = digits == 4 ? 1000 : 10
            while unit > 0 {
                text.append(UInt8(ascii: "0") + UInt8(number / unit % 10))
                unit /= 10
            }
        }
        append(date.year, digits: 4)
        append(date.month, digits: 2)
        append(date.day, digits: 2)
        text.append(UInt8(ascii: "T"))
        append(second / 3600, digits: 2)
        append(second / 60 % 60, digits: 2)
        append(second % 60, digits: 2)
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    static func < (left: SignatureTime, right: SignatureTime) -> Bool {
        left.secondsSinceEpoch < right.secondsSinceEpoch
    }

    static func + (time: SignatureTime, seconds: Int) -> SignatureTime {
        SignatureTime(secondsSinceEpoch: time.secondsSinceEpoch + seconds)
    }

    static func - (time: SignatureTime, seconds: Int) -> SignatureTime {
        SignatureTime(secondsSinceEpoch: time.secondsSinceEpoch - seconds)
    }
}
