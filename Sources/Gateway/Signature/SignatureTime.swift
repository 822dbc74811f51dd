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
        let date = CivilDate(year: number(0, 4), month: number(4, 2), day: number(6, 2))
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
        let date = CivilDate(daysSinceEpoch: dayNumber)
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

/// A day of the Gregorian calendar, years 0 to 9999.
private struct CivilDate {
    var year: Int
    var month: Int
    var day: Int

    init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// Counts in years that begin on the first of March, so that the leap day is the last of its year.
    init(daysSinceEpoch: Int) {
        let days = daysSinceEpoch + Self.daysFromYearZeroToEpoch
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0)
    }

    /// From 0000-03-01 to 1970-01-01.
    private static let daysFromYearZeroToEpoch = 719_468

    var exists: Bool {
        (1...12).contains(month) && day >= 1 && day <= lengthOfMonth
    }

    private var lengthOfMonth: Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }

    var daysSinceEpoch: Int {
        let fromMarch = month <= 2 ? year - 1 : year
        let era = (fromMarch >= 0 ? fromMarch : fromMarch - 399) / 400
        let yearOfEra = fromMarch - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - Self.daysFromYearZeroToEpoch
    }
}
