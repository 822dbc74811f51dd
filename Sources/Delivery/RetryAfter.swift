import Contract

/// The header by which a receiver says when to come again: seconds, or a date.
enum RetryAfter {
    /// No receiver can hold its events back for longer than an hour, in milliseconds.
    static let longest: Int64 = 60 * 60 * 1000

    /// Milliseconds to wait; nil where the text is neither. `date` is the time of the answer by the receiver's clock, if it said so: the date
    /// was made by that clock; `now` is ours, in milliseconds since the epoch.
    static func milliseconds(_ text: String, date: String?, now: Int64) -> Int64? {
        let text = text.trimmedSpace
        if !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            guard let seconds = Int64(text), seconds < longest / 1000 else { return longest }
            return seconds * 1000
        }
        guard let moment = httpDate(text) else { return nil }
        return min(max(moment - (date.flatMap { httpDate($0.trimmedSpace) } ?? now), 0), longest)
    }

    /// Milliseconds since the epoch of a date such as `Sun, 06 Nov 1994 08:49:37 GMT`, the one form that HTTP has servers write (RFC 9110,
    /// section 5.6.7).
    static func httpDate(_ text: String) -> Int64? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        let parts = text.split(separator: " ", omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0].utf8.count == 4, parts[0].hasSuffix(","), parts[5] == "GMT",
            let day = number(parts[1], 2), let month = months.firstIndex(of: String(parts[2])), let year = number(parts[3], 4)
        else { return nil }
        let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3, let hour = number(clock[0], 2), let minute = number(clock[1], 2), let second = number(clock[2], 2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        let date = CalendarDay(year: year, month: month + 1, day: day)
        guard date.exists else { return nil }
        return Int64(date.daysSinceEpoch * 86_400 + hour * 3600 + minute * 60 + second) * 1000
    }

    private static func number(_ text: Substring, _ digits: Int) -> Int? {
        text.utf8.count == digits && text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(text) : nil
    }
}

extension String {
    /// Without spaces and tabs around it.
    fileprivate var trimmedSpace: String {
        var rest = self[...]
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
