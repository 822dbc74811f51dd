/// A moment of the proleptic Gregorian calendar in UTC, from and to milliseconds since the epoch.
struct UTCTime {
    var year: Int64
    var month: Int64
    var day: Int64
    /// Since midnight.
    var milliseconds: Int64

    /// From milliseconds since the epoch.
    init(milliseconds epochMilliseconds: Int64) {
        let perDay: Int64 = 86_400_000
        milliseconds = ((epochMilliseconds % perDay) + perDay) % perDay
        // Days since the first of March of the year 0, in eras of 400 years: February, whose length varies, is the last month of a year.
        let days = (epochMilliseconds - milliseconds) / perDay + 719_468
        let era = (days >= 0 ? days : days - 146_096) / 146_097
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * monthFromMarch + 2) / 5 + 1
        month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    init(year: Int64, month: Int64, day: Int64, milliseconds: Int64) {
        self.year = year
        self.month = month
        self.day = day
        self.milliseconds = milliseconds
    }

    /// Milliseconds since the epoch.
    var epochMilliseconds: Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = (year >= 0 ? year : year - 399) / 400
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400_000 + milliseconds
    }

    /// Such as `2024-01-17T11:10:36.421Z`.
    var iso8601: String {
        let seconds = milliseconds / 1000
        return "\(padded(year, 4))-\(padded(month))-\(padded(day))T\(padded(seconds / 3600)):\(padded(seconds / 60 % 60))"
            + ":\(padded(seconds % 60)).\(padded(milliseconds % 1000, 3))Z"
    }

    private func padded(_ number: Int64, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}
