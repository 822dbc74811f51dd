/// A day of the proleptic Gregorian calendar in UTC.
public struct CalendarDay: Hashable, Sendable {
    public let year: Int
    /// From 1 on.
    public let month: Int
    public let day: Int

    /// The date as it is written, which need not exist.
    public init(year: Int, month: Int, day: Int) {
        self.year = year
        self.month = month
        self.day = day
    }

    /// The day so many whole days after 1970-01-01.
    public init(daysSinceEpoch: Int) {
        // Years begin on the first of March, so that the leap day is the last of its year; 400 of them have equally many days.
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

    /// Whole days after 1970-01-01. A month from 1 to 12 may have up to 31 days here: what is beyond its end counts into the next.
    public var daysSinceEpoch: Int {
        let fromMarch = month <= 2 ? year - 1 : year
        let era = (fromMarch >= 0 ? fromMarch : fromMarch - 399) / 400
        let yearOfEra = fromMarch - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - Self.daysFromYearZeroToEpoch
    }

    /// Whether the calendar has this date.
    public var exists: Bool {
        (1...12).contains(month) && day >= 1 && day <= lengthOfMonth
    }

    private var lengthOfMonth: Int {
        if month == 2 { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28 }
        return [4, 6, 9, 11].contains(month) ? 30 : 31
    }
}

extension Timestamp {
    /// In UTC with milliseconds, such as `2024-01-17T11:10:36.421Z`.
    public var iso8601: String {
        let perDay: Int64 = 86_400_000
        // Rounds down before 1970 as well, where `/` would round up.
        let milliseconds = (millisecondsSinceEpoch % perDay + perDay) % perDay
        let date = CalendarDay(daysSinceEpoch: Int((millisecondsSinceEpoch - milliseconds) / perDay))
        func padded(_ number: Int, _ width: Int = 2) -> String {
            let digits = String(number)
            return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
        }
        let (seconds, rest) = Int(milliseconds).quotientAndRemainder(dividingBy: 1000)
        return "\(padded(date.year, 4))-\(padded(date.month))-\(padded(date.day))T\(padded(seconds / 3600)):\(padded(seconds / 60 % 60))"
            + ":\(padded(seconds % 60)).\(padded(rest, 3))Z"
    }
}
