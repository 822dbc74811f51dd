import Seeded
import Testing

@testable import ControlPlane

@Suite struct QuartzExpressionTests {
    /// Every so many values, as a list.
    private static func every(_ step: Int, _ range: ClosedRange<Int>) -> String {
        stride(from: range.lowerBound, through: range.upperBound, by: step).map(String.init).joined(separator: ",")
    }

    /// Texts that are right, with their normal form.
    private static let good: [(text: String, normal: String)] = [
        // The examples of the CronTrigger tutorial.
        ("0/5 14,18,3-39,52 * ? JAN,MAR,SEP MON-FRI 2002-2010", "\(every(5, 0...55)) 3-39,52 * ? 1,3,9 2-6 2002-2010"),
        ("0 0 12 * * ?", "0 0 12 * * ? *"),
        ("0 15 10 ? * *", "0 15 10 ? * * *"),
        ("0 15 10 * * ?", "0 15 10 * * ? *"),
        ("0 15 10 * * ? *", "0 15 10 * * ? *"),
        ("0 15 10 * * ? 2005", "0 15 10 * * ? 2005"),
        ("0 * 14 * * ?", "0 * 14 * * ? *"),
        ("0 0/5 14 * * ?", "0 \(every(5, 0...55)) 14 * * ? *"),
        ("0 0/5 14,18 * * ?", "0 \(every(5, 0...55)) 14,18 * * ? *"),
        ("0 0-5 14 * * ?", "0 0-5 14 * * ? *"),
        ("0 10,44 14 ? 3 WED", "0 10,44 14 ? 3 4 *"),
        ("0 15 10 ? * MON-FRI", "0 15 10 ? * 2-6 *"),
        ("0 15 10 15 * ?", "0 15 10 15 * ? *"),
        ("0 15 10 L * ?", "0 15 10 L * ? *"),
        ("0 15 10 L-2 * ?", "0 15 10 L-2 * ? *"),
        ("0 15 10 ? * 6L", "0 15 10 ? * 6L *"),
        ("0 15 10 ? * 6L 2002-2005", "0 15 10 ? * 6L 2002-2005"),
        ("0 15 10 ? * 6#3", "0 15 10 ? * 6#3 *"),
        ("0 0 12 1/5 * ?", "0 0 12 1,6,11,16,21,26,31 * ? *"),
        ("0 11 11 11 11 ?", "0 11 11 11 11 ? *"),
        // Those of its sixth lesson, the fields that it names in passing among them.
        ("0 0 12 ? * WED", "0 0 12 ? * 4 *"),
        ("0 0 12 ? * MON,WED,FRI", "0 0 12 ? * 2,4,6 *"),
        ("0 0 12 ? * MON-WED,SAT", "0 0 12 ? * 2-4,7 *"),
        ("0 0/15 * * * ?", "0 0,15,30,45 * * * ? *"),
        ("0 3/20 * * * ?", "0 3,23,43 * * * ? *"),
        ("0 */35 * * * ?", "0 0,35 * * * ? *"),
        ("0 0 12 L-3 * ?", "0 0 12 L-3 * ? *"),
        ("0 0 12 ? * FRIL", "0 0 12 ? * 6L *"),
        ("0 0 12 ? * FRI#3", "0 0 12 ? * 6#3 *"),
        ("0 0 12 15W * ?", "0 0 12 15W * ? *"),
        ("0 0/5 * * * ?", "0 \(every(5, 0...55)) * * * ? *"),
        ("10 0/5 * * * ?", "10 \(every(5, 0...55)) * * * ? *"),
        ("0 30 10-13 ? * WED,FRI", "0 30 10-13 ? * 4,6 *"),
        ("0 0/30 8-9 5,20 * ?", "0 0,30 8-9 5,20 * ? *"),
        ("0 0/2 8-17 * * ?", "0 \(every(2, 0...58)) 8-17 * * ? *"),
        ("0 42 10 * * ?", "0 42 10 * * ? *"),
        ("0 42 10 ? * WED", "0 42 10 ? * 4 *"),
        // Those of the cookbook and of the third example.
        ("0 0 15 * * ?", "0 0 15 * * ? *"),
        ("0 0 15 ? * WED", "0 0 15 ? * 4 *"),
        ("0 0 15 5 * ?", "0 0 15 5 * ? *"),
        ("0 0 15 L * ?", "0 0 15 L * ? *"),
        ("0 0 15 LW * ?", "0 0 15 LW * ? *"),
        ("0 0 15 L-3 * ?", "0 0 15 L-3 * ? *"),
        ("0 0 5 1W * ?", "0 0 5 1W * ? *"),
        ("0/20 * * * * ?", "0,20,40 * * * * ? *"),
        ("15 0/2 * * * ?", "15 \(every(2, 0...58)) * * * ? *"),
        ("0 0/3 17-23 * * ?", "0 \(every(3, 0...57)) 17-23 * * ? *"),
        ("0,30 * * ? * MON-FRI", "0,30 * * ? * 2-6 *"),
        ("0,30 * * ? * SAT,SUN", "0,30 * * ? * 1,7 *"),
        // Those of the reference of CronExpression.
        ("5/15 * * ? * 2#1", "5,20,35,50 * * ? * 2#1 *"),
        ("0 0 10-12 ? 7/6 4#5", "0 0 10-12 ? 7 4#5 *"),
        ("0 0 22-2 ? NOV-FEB 6#3", "0 0 0-2,22-23 ? 1-2,11-12 6#3 *"),
        ("0 0 14-6 ? * FRI-MON", "0 0 0-6,14-23 ? * 1-2,6-7 *"),
        // Ranges over the end of the field.
        ("58-1 50-9 * * * ?", "0-1,58-59 0-9,50-59 * * * ? *"),
        ("0 0 0 25-5 * ?", "0 0 0 1-5,25-31 * ? *"),
        ("0 0 0 ? 11-2 7-1", "0 0 0 ? 1-2,11-12 1,7 *"),
        ("0 0 22-4/3 ? * 6-2/2", "0 0 1,4,22 ? * 1,6 *"),
        ("0 0 0 28-6/4 * ?", "0 0 0 1,5,28 * ? *"),
        ("0 0 5-4 ? * TUE-MON", "0 0 * ? * * *"),
        // Ranges of one value.
        ("5-5 5-5/2 * * MAR-MAR ?", "5 5 * * 3 ? *"),
        // Increments of every form, and the greatest ones.
        ("/7 */7 /6 * * ?", "\(every(7, 0...56)) \(every(7, 0...56)) 0,6,12,18 * * ? *"),
        ("/59 1/59 */23 */31 */12 ?", "0,59 1 0,23 1 1 ? *"),
        ("0 0 0 ? /5 */7", "0 0 0 ? 1,6,11 1 *"),
        ("0 0 0 ? 2/3 2/2", "0 0 0 ? 2,5,8,11 2,4,6 *"),
        ("0 10-20/5,30-40/10 9-17/4 * * ?", "0 10,15,20,30,40 9,13,17 * * ? *"),
        ("0 0 0 /10 * ? 2020/20", "0 0 0 1,11,21,31 * ? 2020,2040,2060,2080"),
        ("0 0 0 * * ? */129", "0 0 0 * * ? 1970,2099"),
        ("0 0 0 * * ? 2000-2010/5,2099", "0 0 0 * * ? 2000,2005,2010,2099"),
        ("*/1 */1 */1 */1 */1 ? */1", "* * * * * ? *"),
        // Bounds of the fields.
        ("0,59 0,59 0,23 1,31 1,12 ? 1970,2099", "0,59 0,59 0,23 1,31 1,12 ? 1970,2099"),
        ("0-59 0-59 0-23 1-31 1-12 ? 1970-2099", "* * * * * ? *"),
        ("0 0 0 ? * 1-7", "0 0 0 ? * * *"),
        ("0 0 0 ? JAN-DEC SUN-SAT", "0 0 0 ? * * *"),
        // Lists with doubles, in no order, and with everything in them.
        ("9,3,6,3 *,5 * * * ?", "3,6,9 * * * * ? *"),
        ("0 0 0 ? 2,FEB,DEC SUN,1,7", "0 0 0 ? 2,12 1,7 *"),
        ("0 0 0 1-5,3-8,20 * ?", "0 0 0 1-8,20 * ? *"),
        // Special days at their bounds.
        ("0 0 0 L-0 * ?", "0 0 0 L * ? *"),
        ("0 0 0 L-30 * ?", "0 0 0 L-30 * ? *"),
        ("0 0 0 L-0W * ?", "0 0 0 LW * ? *"),
        ("0 0 0 L-30W * ?", "0 0 0 L-30W * ? *"),
        ("0 0 0 31W * ?", "0 0 0 31W * ? *"),
        ("0 0 0 ? * L", "0 0 0 ? * 7 *"),
        ("0 0 0 ? * 1L", "0 0 0 ? * 1L *"),
        ("0 0 0 ? * SATL", "0 0 0 ? * 7L *"),
        ("0 0 0 ? * 1#1", "0 0 0 ? * 1#1 *"),
        ("0 0 0 ? * SAT#5", "0 0 0 ? * 7#5 *"),
        // Zeros before a number, white space and case.
        ("00 05 007 0001 09 ? 0002024", "0 5 7 1 9 ? 2024"),
        ("  0\t0  0 \t * * ?\t", "0 0 0 * * ? *"),
        ("0 0 0 l-3w Jan-mAR ?", "0 0 0 L-3W 1-3 ? *"),
        ("0 0 0 ? * friL", "0 0 0 ? * 6L *"),
        ("0 0 0 ? * thu#2", "0 0 0 ? * 5#2 *"),
        ("* * * * * ?", "* * * * * ? *"),
        // Days that some month has, and years that are past.
        ("0 0 0 29 2 ?", "0 0 0 29 2 ? *"),
        ("0 0 0 29 FEB ? 2000", "0 0 0 29 2 ? 2000"),
        ("0 0 0 28-31 2 ? 2023", "0 0 0 28-31 2 ? 2023"),
        ("0 0 0 31 2,4,5 ?", "0 0 0 31 2,4-5 ? *"),
        ("0 0 0 30 4 ? 1970", "0 0 0 30 4 ? 1970"),
        // As long as a text may be.
        (String(repeating: "0,", count: 44) + "00 0 0 * * ?", "0 0 0 * * ? *"),
    ]

    private static let secondsRule = "its values must be between 0 and 59"
    private static let hoursRule = "its values must be between 0 and 23"
    private static let daysRule = "its values must be between 1 and 31"
    private static let monthsRule = "its values must be between 1 and 12 or JAN to DEC"
    private static let weekRule = "its values must be between 1 and 7 or SUN to SAT"
    private static let yearsRule = "its values must be between 1970 and 2099"
    private static let marksRule = "only digits and , - * / may stand there"
    private static let rangeRule = "a range must be two values with one - between them"
    private static let commaRule = "a value must stand on both sides of every comma"
    private static let lastRule = "L must be L, LW, L-n or L-nW with an n between 0 and 30"
    private static let weekdayRule = "W must follow one number between 1 and 31"
    private static let lastOfWeekRule = "L must stand alone or after one day between 1 and 7 or SUN to SAT"
    private static let nthRule = "# must stand after one day between 1 and 7 or SUN to SAT and before a number between 1 and 5"
    private static let countRule =
        "the expression must have 6 or 7 fields (seconds, minutes, hours, day of month, month, day of week and, where wanted, year), but has"
    private static let bothDays = "the fields day of month and day of week both select days, but one of them must be ?"

    /// Texts that are wrong, with the reason.
    private static let bad: [(text: String, reason: String)] = [
        // The number of fields, and the length.
        ("", "\(countRule) 0"),
        (" \t ", "\(countRule) 0"),
        ("*", "\(countRule) 1"),
        ("0 0 12 * *", "\(countRule) 5"),
        ("0 0 12 * * ? 2005 *", "\(countRule) 8"),
        ("cron(0 12 * * ? *)", "the field seconds has the character c, but \(marksRule)"),
        (String(repeating: "0,", count: 45) + "0 0 0 * * ?", "the expression has 101 characters, but must have at most 100"),
        (String(repeating: " ", count: 101), "the expression has 101 characters, but must have at most 100"),
        // Values out of their bounds.
        ("60 0 0 * * ?", "the field seconds has 60, but \(secondsRule)"),
        ("0 60 0 * * ?", "the field minutes has 60, but \(secondsRule)"),
        ("0 0 24 * * ?", "the field hours has 24, but \(hoursRule)"),
        ("0 0 0 0 * ?", "the field day of month has 0, but \(daysRule)"),
        ("0 0 0 32 * ?", "the field day of month has 32, but \(daysRule)"),
        ("0 0 0 * 0 ?", "the field month has 0, but \(monthsRule)"),
        ("0 0 0 * 13 ?", "the field month has 13, but \(monthsRule)"),
        ("0 0 0 ? * 0", "the field day of week has 0, but \(weekRule)"),
        ("0 0 0 ? * 8", "the field day of week has 8, but \(weekRule)"),
        ("0 0 0 * * ? 1969", "the field year has 1969, but \(yearsRule)"),
        ("0 0 0 * * ? 2100", "the field year has 2100, but \(yearsRule)"),
        ("0 0 0 * * ? 24", "the field year has 24, but \(yearsRule)"),
        ("1,2,60 0 0 * * ?", "the field seconds has 60, but \(secondsRule)"),
        ("0 0-60 0 * * ?", "the field minutes has 60, but \(secondsRule)"),
        ("0 0 24-25 * * ?", "the field hours has 24, but \(hoursRule)"),
        ("0 0 24/2 * * ?", "the field hours has 24, but \(hoursRule)"),
        ("0 0 0 0/5 * ?", "the field day of month has 0, but \(daysRule)"),
        ("0 0 0 ? * 0-6", "the field day of week has 0, but \(weekRule)"),
        ("0 0 99999999999999999999 * * ?", "the field hours has 99999999999999999999, but \(hoursRule)"),
        ("18446744073709551616 0 0 * * ?", "the field seconds has 18446744073709551616, but \(secondsRule)"),
        // The long example as the documentation of other products has it, with the minutes in the hours.
        ("0 0/5 14,18,3-39,52 ? JAN,MAR,SEP MON-FRI 2002-2010", "the field hours has 39, but \(hoursRule)"),
        // Names.
        ("0 0 0 * FOO ?", "the field month has FOO, but \(monthsRule)"),
        ("0 0 0 * Jan-Foo ?", "the field month has FOO, but \(monthsRule)"),
        ("0 0 0 * MON ?", "the field month has MON, but \(monthsRule)"),
        ("0 0 0 * JANUARY ?", "the field month has JANUARY, but \(monthsRule)"),
        ("0 0 0 * JA ?", "the field month has JA, but \(monthsRule)"),
        ("0 0 0 ? * JAN", "the field day of week has JAN, but \(weekRule)"),
        ("0 0 0 ? * MONDAY", "the field day of week has MONDAY, but \(weekRule)"),
        ("0 0 0 ? * MO", "the field day of week has MO, but \(weekRule)"),
        ("0 0 0 ? * MONTUE", "the field day of week has MONTUE, but \(weekRule)"),
        ("0 0 0 ? * 2MON", "the field day of week has 2MON, but \(weekRule)"),
        ("0 0 MON ? * 2", "the field hours has the character M, but \(marksRule)"),
        ("0 0 0 MON * ?", "the field day of month has the character M, but only digits and , - * ? / L W may stand there"),
        ("0 0 0 ? * 2-FRI", "the field day of week has 2-FRI, but a range must be of two numbers or of two names"),
        ("0 0 0 * JAN-3 ?", "the field month has JAN-3, but a range must be of two numbers or of two names"),
        ("0 0 0 ? * MON/2", "the field day of week has MON/2, but an increment must not follow names"),
        ("0 0 0 ? * MON-FRI/2", "the field day of week has MON-FRI/2, but an increment must not follow names"),
        ("0 0 0 * JAN/3 ?", "the field month has JAN/3, but an increment must not follow names"),
        // Characters that have no place. Quartz's third example writes 10am, and Quartz would read 10pm as 10.
        ("0 0 10am 1,15 * ?", "the field hours has the character a, but \(marksRule)"),
        ("0 0 10PM 1,15 * ?", "the field hours has the character P, but \(marksRule)"),
        ("+5 0 0 * * ?", "the field seconds has the character +, but \(marksRule)"),
        ("0 0.5 0 * * ?", "the field minutes has the character ., but \(marksRule)"),
        ("0 0 0 * * ? 2024;", "the field year has the character ;, but \(marksRule)"),
        ("0 0 0 * * ?\n", "the field day of week has the character U+000A, but only digits, names and , - * ? / L # may stand there"),
        ("0 0 0\u{A0} * * ?", "the field hours has the character U+00A0, but \(marksRule)"),
        ("\u{661} 0 0 * * ?", "the field seconds has the character U+0661, but \(marksRule)"),
        ("\u{1F600} 0 0 * * ?", "the field seconds has the character U+1F600, but \(marksRule)"),
        ("0 0 0 L\u{301} * ?", "the field day of month has the character U+0301, but only digits and , - * ? / L W may stand there"),
        ("0 0 0 * \u{131}an ?", "the field month has the character U+0131, but only digits, names and , - * / may stand there"),
        ("0 0 0 5C * ?", "the field day of month has the character C, but only digits and , - * ? / L W may stand there"),
        ("0\u{0} 0 0 * * ?", "the field seconds has the character U+0000, but \(marksRule)"),
        // Lists.
        ("1,,2 0 0 * * ?", "the field seconds has 1,,2, but \(commaRule)"),
        (",1 0 0 * * ?", "the field seconds has ,1, but \(commaRule)"),
        ("0 1, 0 * * ?", "the field minutes has 1,, but \(commaRule)"),
        ("0 0 , * * ?", "the field hours has ,, but \(commaRule)"),
        ("0 0 1, 2 * * ?", "the field hours has 1,, but \(commaRule)"),
        // Ranges.
        ("1- 0 0 * * ?", "the field seconds has 1-, but \(rangeRule)"),
        ("-1 0 0 * * ?", "the field seconds has -1, but \(rangeRule)"),
        ("- 0 0 * * ?", "the field seconds has -, but \(rangeRule)"),
        ("0 1-2-3 0 * * ?", "the field minutes has 1-2-3, but \(rangeRule)"),
        ("0 1--3 0 * * ?", "the field minutes has 1--3, but \(rangeRule)"),
        ("0 0 -/2 * * ?", "the field hours has -, but \(rangeRule)"),
        ("0 0 *-5 * * ?", "the field hours has *, but \(hoursRule)"),
        ("0 0 1-* * * ?", "the field hours has *, but \(hoursRule)"),
        ("0 0 ** * * ?", "the field hours has **, but \(hoursRule)"),
        ("0 0 5* * * ?", "the field hours has 5*, but \(hoursRule)"),
        ("0 0 0 * * ? 2010-2002", "the field year has 2010-2002, but its range must not run backwards"),
        ("0 0 0 * * ? 2099-1970/2", "the field year has 2099-1970, but its range must not run backwards"),
        // Increments.
        ("/ 0 0 * * ?", "the field seconds has /, but its increment must be between 1 and 59"),
        ("0/ 0 0 * * ?", "the field seconds has 0/, but its increment must be between 1 and 59"),
        ("*/ 0 0 * * ?", "the field seconds has */, but its increment must be between 1 and 59"),
        ("*/0 0 0 * * ?", "the field seconds has */0, but its increment must be between 1 and 59"),
        ("/60 0 0 * * ?", "the field seconds has /60, but its increment must be between 1 and 59"),
        ("0 0/120 0 * * ?", "the field minutes has 0/120, but its increment must be between 1 and 59"),
        ("0 0-30/60 0 * * ?", "the field minutes has 0-30/60, but its increment must be between 1 and 59"),
        ("0 0 */24 * * ?", "the field hours has */24, but its increment must be between 1 and 23"),
        ("0 0 0 1/32 * ?", "the field day of month has 1/32, but its increment must be between 1 and 31"),
        ("0 0 0 * 1/13 ?", "the field month has 1/13, but its increment must be between 1 and 12"),
        ("0 0 0 ? * 1/8", "the field day of week has 1/8, but its increment must be between 1 and 7"),
        ("0 0 0 * * ? 1970/130", "the field year has 1970/130, but its increment must be between 1 and 129"),
        ("0 0 1/2/3 * * ?", "the field hours has 1/2/3, but its increment must be between 1 and 23"),
        ("0 0 1//3 * * ?", "the field hours has 1//3, but its increment must be between 1 and 23"),
        ("0 0 1/-3 * * ?", "the field hours has 1/-3, but its increment must be between 1 and 23"),
        ("0 0 1/* * * ?", "the field hours has 1/*, but its increment must be between 1 and 23"),
        ("0 0 0 ? * 2/FRI", "the field day of week has 2/FRI, but its increment must be between 1 and 7"),
        ("0 0 0/99999999999999999999 * * ?", "the field hours has 0/99999999999999999999, but its increment must be between 1 and 23"),
        // The tutorial gives the first of these as an example, against its own table; Quartz refuses it too.
        ("* * * * ? *", "the field month has the character ?, but only digits, names and , - * / may stand there"),
        ("? 0 0 * * ?", "the field seconds has the character ?, but \(marksRule)"),
        ("0 ? 0 * * ?", "the field minutes has the character ?, but \(marksRule)"),
        ("0 0 ? * * ?", "the field hours has the character ?, but \(marksRule)"),
        ("0 0 0 * * ? ?", "the field year has the character ?, but \(marksRule)"),
        ("0 0 0 ?,5 * ?", "the field day of month has ?,5, but ? must be the whole field"),
        ("0 0 0 ?? * MON", "the field day of month has ??, but ? must be the whole field"),
        ("0 0 0 ? * ?/2", "the field day of week has ?/2, but ? must be the whole field"),
        ("0 0 0 * * ?L", "the field day of week has ?L, but ? must be the whole field"),
        ("0 0 0 * * MON-?", "the field day of week has MON-?, but ? must be the whole field"),
        // The two day fields.
        ("0 0 0 ? * ?", "the fields day of month and day of week are both ?, but only one of them may be"),
        ("0 0 * * * *", bothDays),
        ("0 0 * 4 * *", bothDays),
        ("0 0 * * * 4", bothDays),
        ("0 0 0 L * FRIL", bothDays),
        ("0 0 0 15W * 6#3 2024", bothDays),
        // The last day and the nearest weekday of a month.
        ("0 0 0 L-31 * ?", "the field day of month has L-31, but \(lastRule)"),
        ("0 0 0 L-31W * ?", "the field day of month has L-31W, but \(lastRule)"),
        ("0 0 0 L- * ?", "the field day of month has L-, but \(lastRule)"),
        ("0 0 0 L-W * ?", "the field day of month has L-W, but \(lastRule)"),
        ("0 0 0 L--0 * ?", "the field day of month has L--0, but \(lastRule)"),
        ("0 0 0 L3 * ?", "the field day of month has L3, but \(lastRule)"),
        ("0 0 0 3L * ?", "the field day of month has 3L, but \(lastRule)"),
        ("0 0 0 LL * ?", "the field day of month has LL, but \(lastRule)"),
        ("0 0 0 WL * ?", "the field day of month has WL, but \(lastRule)"),
        ("0 0 0 LWW * ?", "the field day of month has LWW, but \(lastRule)"),
        ("0 0 0 LW-3 * ?", "the field day of month has LW-3, but \(lastRule)"),
        ("0 0 0 L/2 * ?", "the field day of month has L/2, but \(lastRule)"),
        ("0 0 0 1-L * ?", "the field day of month has 1-L, but \(lastRule)"),
        ("0 0 0 L-99999999999999999999 * ?", "the field day of month has L-99999999999999999999, but \(lastRule)"),
        ("0 43 9 1,5,29,L * ?", "the field day of month has 1,5,29,L, but L and W must not stand in a list"),
        ("0 43 9 LW,15 * ?", "the field day of month has LW,15, but L and W must not stand in a list"),
        ("0 43 9 1W,15W * ?", "the field day of month has 1W,15W, but L and W must not stand in a list"),
        ("0/5 * * 32W 1 ?", "the field day of month has 32W, but \(weekdayRule)"),
        ("0 0 0 0W * ?", "the field day of month has 0W, but \(weekdayRule)"),
        ("0 0 0 W * ?", "the field day of month has W, but \(weekdayRule)"),
        ("0 0 0 W5 * ?", "the field day of month has W5, but \(weekdayRule)"),
        ("0 0 0 1-5W * ?", "the field day of month has 1-5W, but \(weekdayRule)"),
        ("0 0 0 *W * ?", "the field day of month has *W, but \(weekdayRule)"),
        ("0 0 0 15W/2 * ?", "the field day of month has 15W/2, but \(weekdayRule)"),
        ("0 0 L * * ?", "the field hours has the character L, but \(marksRule)"),
        ("0 0 0 * L ?", "the field month has L, but \(monthsRule)"),
        ("0 0 0 * 3W ?", "the field month has 3W, but \(monthsRule)"),
        // The last and the nth day of a week in a month.
        ("0 0 0 ? * 0L", "the field day of week has 0L, but \(lastOfWeekRule)"),
        ("0 0 0 ? * 8L", "the field day of week has 8L, but \(lastOfWeekRule)"),
        ("0 0 0 ? * FOOL", "the field day of week has FOOL, but \(lastOfWeekRule)"),
        ("0 0 0 ? * L-3", "the field day of week has L-3, but \(lastOfWeekRule)"),
        ("0 0 0 ? * LW", "the field day of week has LW, but \(lastOfWeekRule)"),
        ("0 0 0 ? * MON-FRIL", "the field day of week has MON-FRIL, but \(lastOfWeekRule)"),
        ("0 0 0 ? * 6LL", "the field day of week has 6LL, but \(lastOfWeekRule)"),
        ("0 0 0 ? * FRIL-1", "the field day of week has FRIL-1, but \(lastOfWeekRule)"),
        ("0 43 9 ? * SAT,SUN,L", "the field day of week has SAT,SUN,L, but L and # must not stand in a list"),
        ("0 43 9 ? * 6L,2", "the field day of week has 6L,2, but L and # must not stand in a list"),
        ("0 0 0 ? * 3#1,6#3", "the field day of week has 3#1,6#3, but L and # must not stand in a list"),
        ("0 0 0 ? * MON,6#3", "the field day of week has MON,6#3, but L and # must not stand in a list"),
        ("0 0 0 ? * 6#0", "the field day of week has 6#0, but \(nthRule)"),
        ("0 0 0 ? * 6#6", "the field day of week has 6#6, but \(nthRule)"),
        ("0 0 0 ? * 0#1", "the field day of week has 0#1, but \(nthRule)"),
        ("0 0 0 ? * 8#1", "the field day of week has 8#1, but \(nthRule)"),
        ("0 0 0 ? * 6#", "the field day of week has 6#, but \(nthRule)"),
        ("0 0 0 ? * #3", "the field day of week has #3, but \(nthRule)"),
        ("0 0 0 ? * # ", "the field day of week has #, but \(nthRule)"),
        ("0 0 0 ? * 6#3#2", "the field day of week has 6#3#2, but \(nthRule)"),
        ("0 0 0 ? * 6#3L", "the field day of week has 6#3L, but \(nthRule)"),
        ("0 0 0 ? * L#3", "the field day of week has L#3, but \(nthRule)"),
        ("0 0 0 ? * MON-FRI#2", "the field day of week has MON-FRI#2, but \(nthRule)"),
        ("0 0 0 ? * MON#FRI", "the field day of week has MON#FRI, but \(nthRule)"),
        ("0 0 0 6#3 * ?", "the field day of month has the character #, but only digits and , - * ? / L W may stand there"),
        ("0 0 6#3 * * ?", "the field hours has the character #, but \(marksRule)"),
        ("0 0 0 ? * 15W", "the field day of week has 15W, but \(weekRule)"),
        // Days that never come.
        ("0 0 0 30 2 ?", "the field day of month has 30, but no month of the expression has more than 29 days in its years"),
        ("0 0 0 30,31 FEB ?", "the field day of month has 30, but no month of the expression has more than 29 days in its years"),
        ("0 0 0 31 2,4,6,9,11 ?", "the field day of month has 31, but no month of the expression has more than 30 days in its years"),
        ("0 0 0 29 2 ? 2023,2025", "the field day of month has 29, but no month of the expression has more than 28 days in its years"),
        // The first of several faults.
        ("0 60 24 0 0 0 0", "the field minutes has 60, but \(secondsRule)"),
    ]

    @Test(arguments: good)
    func `a right text is taken apart`(text: String, normal: String) throws {
        let expression = try QuartzExpression(text)
        #expect(expression.fields.joined(separator: " ") == normal)
        #expect(try QuartzExpression(fields: expression.fields) == expression)
        #expect(try QuartzExpression(text.lowercased()) == expression)
        #expect(try QuartzExpression(text.uppercased()) == expression)
    }

    @Test(arguments: bad)
    func `a wrong text is refused with the reason`(text: String, reason: String) {
        #expect(throws: QuartzExpression.Fault(reason: reason)) { try QuartzExpression(text) }
    }

    @Test func `the fields are kept as values`() throws {
        let expression = try QuartzExpression("0/20 5,1-2 22-1 ? DEC-JAN MON,FRI 2024-2025")
        #expect(expression.seconds == [0, 20, 40])
        #expect(expression.minutes == [1, 2, 5])
        #expect(expression.hours == [22, 23, 0, 1])
        #expect(expression.days == .ofWeek([2, 6]))
        #expect(expression.months == [12, 1])
        #expect(expression.years == [2024, 2025])
        #expect(try QuartzExpression("* * * 1 * ?").years == Set(1970...2099))

        let days: [(String, QuartzExpression.Days)] = [
            ("1,15 * ?", .ofMonth([1, 15])), ("L * ?", .lastDay(offset: 0)), ("L-3 * ?", .lastDay(offset: 3)),
            ("15W * ?", .weekday(nearest: 15)), ("LW * ?", .lastWeekday(offset: 0)), ("L-3W * ?", .lastWeekday(offset: 3)),
            ("? * L", .ofWeek([7])), ("? * MONL", .last(dayOfWeek: 2)), ("? * 5#4", .nth(4, dayOfWeek: 5)),
        ]
        for (text, value) in days {
            #expect(try QuartzExpression("0 0 0 " + text).days == value)
        }
    }

    @Test func `each field takes exactly the numbers within its bounds`() {
        let bounds = [0...59, 0...59, 0...23, 1...31, 1...12, 1...7, 1970...2099]
        for (index, bound) in bounds.enumerated() {
            for number in max(0, bound.lowerBound - 5)...bound.upperBound + 105 {
                var fields = ["0", "0", "0", index == 5 ? "?" : "1", "1", index == 5 ? "1" : "?", "*"]
                fields[index] = "\(number)"
                #expect(((try? QuartzExpression(fields: fields)) != nil) == bound.contains(number), "\(fields)")
            }
        }
    }

    @Test func `a day of the month is refused where no month of the expression has it`() {
        for (year, february) in [("2023", 28), ("2024", 29), ("2000", 29), ("*", 29)] {
            for (month, length) in zip(1...12, [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]) {
                for day in 1...31 {
                    let text = "0 0 0 \(day) \(month) ? \(year)"
                    #expect(((try? QuartzExpression(text)) != nil) == (day <= length), "\(text)")
                }
            }
        }
    }

    @Test func `what the grammar makes is read as what it means`() throws {
        var generator = SeededGenerator(seed: 0x5eed)
        for _ in 0..<2000 {
            let isOfMonth = Bool.random(using: &generator)
            let made = [0...59, 0...59, 0...23, 1...31, 1...12, 1...7, 1970...2099].map { Self.list(in: $0, using: &generator) }
            var fields = made.map(\.text)
            fields[isOfMonth ? 5 : 3] = "?"
            // Some days do not come in some months; those have their own test.
            if isOfMonth { fields[4] = "*" }
            let expression = try QuartzExpression(fields: fields)
            #expect(expression.seconds == made[0].values, "\(fields)")
            #expect(expression.minutes == made[1].values, "\(fields)")
            #expect(expression.hours == made[2].values, "\(fields)")
            #expect(expression.days == (isOfMonth ? .ofMonth(made[3].values) : .ofWeek(made[5].values)), "\(fields)")
            #expect(expression.months == (isOfMonth ? Set(1...12) : made[4].values), "\(fields)")
            #expect(expression.years == made[6].values, "\(fields)")
        }
    }

    @Test func `any text is either read and written back or refused in printable words`() {
        var generator = SeededGenerator(seed: 0xf1e1d)
        let alphabet = Array("0123456789,-*?/LW# \tMONTUEFRIJANDEClw+.é\n\u{301}\u{1F600}".unicodeScalars)
        var (read, refused) = (0, 0)
        for round in 0..<6000 {
            var scalars = round.isMultiple(of: 3) ? [] : Array(Self.good[round % Self.good.count].text.unicodeScalars)
            for _ in 0..<Int.random(in: scalars.isEmpty ? 0...120 : 1...2, using: &generator) {
                let scalar = alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
                let index = Int.random(in: 0...scalars.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0 where index < scalars.count: scalars[index] = scalar
                case 1 where index < scalars.count: scalars.remove(at: index)
                default: scalars.insert(scalar, at: index)
                }
            }
            var text = ""
            text.unicodeScalars.append(contentsOf: scalars)
            do throws(QuartzExpression.Fault) {
                let expression = try QuartzExpression(text)
                read += 1
                #expect(try QuartzExpression(fields: expression.fields) == expression, "\(text)")
            } catch {
                refused += 1
                #expect(error.reason.hasPrefix("the ") && error.reason.utf8.count < 300, "\(text)")
                #expect(error.reason.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "\(text)")
            }
        }
        #expect(read > 300 && refused > 2000, "\(read) read, \(refused) refused")
    }

    /// A list of one to three parts, and the values that it stands for, counted one after the other.
    private static func list(in range: ClosedRange<Int>, using generator: inout SeededGenerator) -> (text: String, values: Set<Int>) {
        var parts: [String] = []
        var values: Set<Int> = []
        for _ in 0..<Int.random(in: 1...2, using: &generator) {
            let (a, b) = (Int.random(in: range, using: &generator), Int.random(in: range, using: &generator))
            // The year is the one field whose ranges do not run over its end.
            let (first, last) = range.lowerBound == 1970 ? (min(a, b), max(a, b)) : (a, b)
            let step = Int.random(in: 1...(range.lowerBound == 1970 ? 129 : range.upperBound), using: &generator)
            let forms = [
                ("*", range.lowerBound, range.upperBound, 1), ("\(first)", first, first, 1), ("\(first)-\(last)", first, last, 1),
                ("*/\(step)", range.lowerBound, range.upperBound, step), ("/\(step)", range.lowerBound, range.upperBound, step),
                ("\(first)/\(step)", first, range.upperBound, step), ("\(first)-\(last)/\(step)", first, last, step),
            ]
            let (text, start, end, increment) = forms[Int.random(in: 0..<forms.count, using: &generator)]
            parts.append(text)
            var (value, count) = (start, 0)
            while true {
                if count.isMultiple(of: increment) { values.insert(value) }
                if value == end { break }
                value = value == range.upperBound ? range.lowerBound : value + 1
                count += 1
            }
        }
        return (parts.joined(separator: ","), values)
    }
}
