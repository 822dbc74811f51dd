/// A Quartz cron expression, taken apart into the values that its fields select.
///
/// The language is that of Quartz's CronTrigger tutorial: six or seven fields between spaces or tabs, without regard to case. Quartz's own
/// reader passes over much that it does not understand (`10pm` is 10, `MON/2` is MON, `5,,6` is `5,6`), so that a schedule silently means
/// something else than it says; here all of that is refused. Where the tutorial is silent, this follows Quartz: a range may run over the end
/// of its field (`22-2`, `FRI-MON`, `NOV-FEB`), save in the year, and `*` may stand in a list.
///
/// There is no clock in here: an expression whose years are all past is as good as any other.
struct QuartzExpression: Sendable, Hashable {
    /// Why a text is no Quartz expression: the field, the part of it that is wrong (in capitals) and the rule that it breaks, in printable
    /// ASCII and made for the eyes of the caller.
    struct Fault: Error, Sendable, Hashable {
        let reason: String
    }

    /// The one of the two day fields that is not `?`. A weekday is a day from Monday to Friday; days of the week count from 1, Sunday.
    enum Days: Sendable, Hashable {
        /// Days of the month, 1 to 31.
        case ofMonth(Set<Int>)
        /// As many days before the last day of the month, 0 to 30.
        case lastDay(offset: Int)
        /// The weekday nearest to a day of the month, within the month.
        case weekday(nearest: Int)
        /// The weekday nearest to as many days before the last day of the month, within the month.
        case lastWeekday(offset: Int)
        /// Days of the week, 1 to 7.
        case ofWeek(Set<Int>)
        /// The last such day of the week in the month.
        case last(dayOfWeek: Int)
        /// The first to fifth such day of the week in the month.
        case nth(Int, dayOfWeek: Int)
    }

    let seconds: Set<Int>
    let minutes: Set<Int>
    let hours: Set<Int>
    let days: Days
    /// 1 is January.
    let months: Set<Int>
    /// All of 1970 to 2099 where the expression names none.
    let years: Set<Int>

    /// From a text of at most 100 characters, which bounds the work.
    init(_ text: String) throws(Fault) {
        let length = text.unicodeScalars.count
        guard length <= 100 else { throw Fault(reason: "the expression has \(length) characters, but must have at most 100") }
        try self.init(fields: text.unicodeScalars.split { $0 == " " || $0 == "\t" }.map { String($0) })
    }

    /// From the texts of six or seven fields, in the order of the expression.
    init(fields: [String]) throws(Fault) {
        guard fields.count == 6 || fields.count == 7 else {
            let names = "seconds, minutes, hours, day of month, month, day of week and, where wanted, year"
            throw Fault(reason: "the expression must have 6 or 7 fields (\(names)), but has \(fields.count)")
        }
        seconds = try QuartzField.seconds.values(fields[0])
        minutes = try QuartzField.minutes.values(fields[1])
        hours = try QuartzField.hours.values(fields[2])
        let ofMonth = try QuartzField.dayOfMonth.daysOfMonth(fields[3])
        months = try QuartzField.month.values(fields[4])
        let ofWeek = try QuartzField.dayOfWeek.daysOfWeek(fields[5])
        years = try QuartzField.year.values(fields.count == 7 ? fields[6] : "*")
        switch (ofMonth, ofWeek) {
        case (let days?, nil), (nil, let days?): self.days = days
        case (nil, nil): throw Fault(reason: "the fields day of month and day of week are both ?, but only one of them may be")
        case (.some, .some): throw Fault(reason: "the fields day of month and day of week both select days, but one of them must be ?")
        }
        try refuseImpossibleDays()
    }

    /// The seven fields in normal form: numbers for names, no increments, runs of values as ranges, and always a year. `init(fields:)` makes
    /// an equal expression of them.
    var fields: [String] {
        let (ofMonth, ofWeek) = days.fields
        return [
            QuartzField.seconds.text(seconds), QuartzField.minutes.text(minutes), QuartzField.hours.text(hours),
            ofMonth, QuartzField.month.text(months), ofWeek, QuartzField.year.text(years),
        ]
    }

    /// Refuses days that no month of the expression has, which could never come: 30 February, or the 29th in years that are no leap years.
    private func refuseImpossibleDays() throws(Fault) {
        guard case .ofMonth(let days) = days, let first = days.min() else { return }
        // Every fourth year is a leap year from 1970 to 2099, the year 2000 included.
        let february = years.contains { $0.isMultiple(of: 4) } ? 29 : 28
        let longest = months.map { $0 == 2 ? february : [4, 6, 9, 11].contains($0) ? 30 : 31 }.max() ?? 31
        guard first <= longest else {
            throw QuartzField.dayOfMonth.fault(first, "no month of the expression has more than \(longest) days in its years")
        }
    }
}

extension QuartzExpression.Days {
    /// The texts of the fields day of month and day of week.
    fileprivate var fields: (ofMonth: String, ofWeek: String) {
        switch self {
        case .ofMonth(let days): (QuartzField.dayOfMonth.text(days), "?")
        case .lastDay(offset: 0): ("L", "?")
        case .lastDay(let offset): ("L-\(offset)", "?")
        case .weekday(let nearest): ("\(nearest)W", "?")
        case .lastWeekday(offset: 0): ("LW", "?")
        case .lastWeekday(let offset): ("L-\(offset)W", "?")
        case .ofWeek(let days): ("?", QuartzField.dayOfWeek.text(days))
        case .last(dayOfWeek: let dayOfWeek): ("?", "\(dayOfWeek)L")
        case .nth(let nth, let dayOfWeek): ("?", "\(dayOfWeek)#\(nth)")
        }
    }
}

/// A field by its name in the reasons of faults, and the table of what may stand in it.
private enum QuartzField: String {
    case seconds
    case minutes
    case hours
    case dayOfMonth = "day of month"
    case month
    case dayOfWeek = "day of week"
    case year

    var range: ClosedRange<Int> {
        switch self {
        case .seconds, .minutes: 0...59
        case .hours: 0...23
        case .dayOfMonth: 1...31
        case .month: 1...12
        case .dayOfWeek: 1...7
        case .year: 1970...2099
        }
    }

    /// Quartz's limits of an increment, save that it has none for years: a longer step than from the first to the last leads nowhere.
    var increments: ClosedRange<Int> {
        self == .year ? 1...(range.upperBound - range.lowerBound) : 1...range.upperBound
    }

    /// Other words for the values, from the first on.
    var names: [String] {
        switch self {
        case .month: ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
        case .dayOfWeek: ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
        case .seconds, .minutes, .hours, .dayOfMonth, .year: []
        }
    }

    var marks: String {
        switch self {
        case .dayOfMonth: ",-*?/LW"
        case .dayOfWeek: ",-*?/L#"
        case .seconds, .minutes, .hours, .month, .year: ",-*/"
        }
    }

    func fault(_ part: some CustomStringConvertible, _ rule: String) -> QuartzExpression.Fault {
        QuartzExpression.Fault(reason: "the field \(rawValue) has \(part), but \(rule)")
    }

    /// The end of a rule about a value.
    var allowed: String {
        let numbers = "between \(range.lowerBound) and \(range.upperBound)"
        guard let first = names.first, let last = names.last else { return numbers }
        return "\(numbers) or \(first) to \(last)"
    }
}

/// Reading.
extension QuartzField {
    /// What a field without special days selects.
    func values(_ text: String) throws(QuartzExpression.Fault) -> Set<Int> {
        try values(ofList: capitals(text))
    }

    /// What the day of month field selects; nil for `?`.
    func daysOfMonth(_ text: String) throws(QuartzExpression.Fault) -> QuartzExpression.Days? {
        let text = try capitals(text)
        if text == "?" { return nil }
        guard try isSpecial(text, "L", "W") else { return .ofMonth(try values(ofList: text)) }
        guard text.contains("L") else {
            guard text.hasSuffix("W"), let day = number(text.dropLast(), in: range) else {
                throw fault(text, "W must follow one number \(allowed)")
            }
            return .weekday(nearest: day)
        }
        let isWeekday = text.hasSuffix("W")
        let day = isWeekday ? text.dropLast() : text[...]
        guard let offset = day == "L" ? 0 : day.hasPrefix("L-") ? number(day.dropFirst(2), in: 0...30) : nil else {
            throw fault(text, "L must be L, LW, L-n or L-nW with an n between 0 and 30")
        }
        return isWeekday ? .lastWeekday(offset: offset) : .lastDay(offset: offset)
    }

    /// What the day of week field selects; nil for `?`.
    func daysOfWeek(_ text: String) throws(QuartzExpression.Fault) -> QuartzExpression.Days? {
        let text = try capitals(text)
        if text == "?" { return nil }
        guard try isSpecial(text, "L", "#") else { return .ofWeek(try values(ofList: text)) }
        // The last day of a week, not of a month.
        if text == "L" { return .ofWeek([range.upperBound]) }
        if let mark = text.firstIndex(of: "#") {
            guard let day = value(text[..<mark]), let nth = number(text[mark...].dropFirst(), in: 1...5) else {
                throw fault(text, "# must stand after one day \(allowed) and before a number between 1 and 5")
            }
            return .nth(nth, dayOfWeek: day)
        }
        guard text.hasSuffix("L"), let day = value(text.dropLast()) else {
            throw fault(text, "L must stand alone or after one day \(allowed)")
        }
        return .last(dayOfWeek: day)
    }

    /// The text in capitals, which after this are ASCII, of characters that have a place in the field.
    private func capitals(_ text: String) throws(QuartzExpression.Fault) -> String {
        let letters = names.isEmpty ? marks : marks + "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        let known = ("0123456789" + letters + letters.lowercased()).unicodeScalars
        guard let stranger = text.unicodeScalars.first(where: { !known.contains($0) }) else { return text.uppercased() }
        let hexadecimal = String(stranger.value, radix: 16, uppercase: true)
        let isPrintable = (0x21...0x7E).contains(stranger.value)
        throw fault(
            "the character "
                + (isPrintable ? String(stranger) : "U+" + String(repeating: "0", count: max(0, 4 - hexadecimal.count)) + hexadecimal),
            "only digits\(names.isEmpty ? "" : ", names") and \(marks.map { String($0) }.joined(separator: " ")) may stand there")
    }

    /// Whether one of two marks makes this a special day, which must be the only one in the field.
    private func isSpecial(_ text: String, _ first: Character, _ second: Character) throws(QuartzExpression.Fault) -> Bool {
        guard !text.contains("?") else { throw fault(text, "? must be the whole field") }
        let isSpecial = text.contains { $0 == first || $0 == second }
        guard !isSpecial || !text.contains(",") else { throw fault(text, "\(first) and \(second) must not stand in a list") }
        return isSpecial
    }

    private func values(ofList text: String) throws(QuartzExpression.Fault) -> Set<Int> {
        var values: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            guard !part.isEmpty else { throw fault(text, "a value must stand on both sides of every comma") }
            values.formUnion(try self.values(ofPart: part))
        }
        return values
    }

    /// One part of a list: what it selects without an increment, or every so many of them with one. An increment after one value counts to
    /// the end of the field, and one after nothing from its start.
    private func values(ofPart part: Substring) throws(QuartzExpression.Fault) -> Set<Int> {
        let pieces = part.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let base = pieces.first, pieces.count == 2 else { return Set(try span(part)) }
        guard let increment = number(pieces[1], in: increments) else {
            throw fault(part, "its increment must be between \(increments.lowerBound) and \(increments.upperBound)")
        }
        // Quartz would read the names and pass over the increment.
        guard !base.contains(where: \.isLetter) else { throw fault(part, "an increment must not follow names") }
        let selected = base.isEmpty ? Array(range) : try span(base)
        // A range of one value says where to stop, one value only where to start.
        let counted = selected.count == 1 && !base.contains("-") ? Array(selected[0]...range.upperBound) : selected
        return Set(stride(from: 0, to: counted.count, by: increment).map { counted[$0] })
    }

    /// The values of `*`, of one value or of a range, in the order in which they are counted: that of a range which runs over the end of the
    /// field begins with its first value.
    private func span(_ text: Substring) throws(QuartzExpression.Fault) -> [Int] {
        if text == "*" { return Array(range) }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false)
        guard ends.count <= 2, ends.count == 1 || !ends.contains("") else {
            throw fault(text, "a range must be two values with one - between them")
        }
        var values: [Int] = []
        for end in ends {
            guard let value = value(end) else { throw fault(end, "its values must be \(allowed)") }
            values.append(value)
        }
        guard values.count == 2 else { return values }
        guard ends[0].contains(where: \.isLetter) == ends[1].contains(where: \.isLetter) else {
            throw fault(text, "a range must be of two numbers or of two names")
        }
        if values[0] <= values[1] { return Array(values[0]...values[1]) }
        guard self != .year else { throw fault(text, "its range must not run backwards") }
        return Array(values[0]...range.upperBound) + Array(range.lowerBound...values[1])
    }

    private func value(_ text: Substring) -> Int? {
        names.firstIndex { $0 == text }.map { $0 + range.lowerBound } ?? number(text, in: range)
    }

    /// A number of any length, with or without zeros before it.
    private func number(_ text: Substring, in range: ClosedRange<Int>) -> Int? {
        guard text.allSatisfy(\.isNumber), let number = Int(text), range.contains(number) else { return nil }
        return number
    }
}

/// Writing.
extension QuartzField {
    func text(_ values: Set<Int>) -> String {
        if values.count == range.count { return "*" }
        var runs: [ClosedRange<Int>] = []
        for value in values.sorted() {
            if let last = runs.last, last.upperBound + 1 == value {
                runs[runs.count - 1] = last.lowerBound...value
            } else {
                runs.append(value...value)
            }
        }
        return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(separator: ",")
    }
}
