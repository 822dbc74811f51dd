import Foundation
import Testing

@testable import Contract

@Suite struct CalendarDayTests {
    @Test func `each day of eight hundred years is the day after the one before`() {
        var before = CalendarDay(year: 1599, month: 12, day: 31)
        for number in before.daysSinceEpoch + 1...before.daysSinceEpoch + 292_194 {
            let day = CalendarDay(daysSinceEpoch: number)
            let isNext =
                if day.day > 1 {
                    (day.year, day.month, day.day) == (before.year, before.month, before.day + 1)
                } else {
                    before.exists && !CalendarDay(year: before.year, month: before.month, day: before.day + 1).exists
                        && (day.year, day.month) == (before.month == 12 ? (before.year + 1, 1) : (before.year, before.month + 1))
                }
            guard isNext, day.exists, day.daysSinceEpoch == number else {
                Issue.record("\(day) after \(before)")
                return
            }
            before = day
        }
        #expect(before == CalendarDay(year: 2399, month: 12, day: 31))
        #expect(CalendarDay(daysSinceEpoch: 0) == CalendarDay(year: 1970, month: 1, day: 1))
    }

    @Test func `times are those of Foundation`() {
        let format = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        // Some four hundred, up to the year 9999.
        for second in stride(from: Int64(0), to: 253_402_300_800, by: 604_815_121) {
            let time = Timestamp(millisecondsSinceEpoch: second * 1000)
            #expect(time.iso8601 == Date(timeIntervalSince1970: Double(second)).formatted(format))
        }
        #expect(Timestamp(millisecondsSinceEpoch: 951_782_400_007).iso8601 == "2000-02-29T00:00:00.007Z")
        #expect(Timestamp(millisecondsSinceEpoch: -1).iso8601 == "1969-12-31T23:59:59.999Z")
    }
}
