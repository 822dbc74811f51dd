/// The number of a fragment: 47 decimal digits, rising with the order of arrival within a stream, as text too.
///
/// It is 2^156 + `sequence`·2^92 + `serverTime`·2^28 + `random`: the form of the numbers that the service gives.
public struct FragmentNumber: Sendable, Hashable, Comparable {
    /// Counts a stream's fragments from 1; each new session begins at the next multiple of 1,000, plus 1.
    public let sequence: Int64
    /// When the fragment began, in milliseconds since the epoch, by the server.
    public let serverTime: Int64
    /// 28 bits without a meaning.
    public let random: UInt32

    /// How many values `random` has.
    static let randomValues: UInt32 = 1 << 28

    /// A number out of its parts; nil where one is out of its range: neither may be negative, nor the sequence 2^60 or more.
    public init?(sequence: Int64, serverTime: Int64, random: UInt32) {
        guard (0..<(1 << 60)).contains(sequence), serverTime >= 0, random < Self.randomValues else { return nil }
        self.sequence = sequence
        self.serverTime = serverTime
        self.random = random
    }

    /// The number that a text gives; nil where no fragment can have it.
    public init?(_ text: some StringProtocol) {
        guard text.utf8.count == 47 else { return nil }
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for digit in text.utf8 {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            let low = UInt128(words.0) * 10 + UInt128(digit - UInt8(ascii: "0"))
            let middle = UInt128(words.1) * 10 + low >> 64
            let high = UInt128(words.2) * 10 + middle >> 64
            // 47 digits are fewer than 160 bits.
            words = (UInt64(truncatingIfNeeded: low), UInt64(truncatingIfNeeded: middle), UInt64(truncatingIfNeeded: high))
        }
        let below = UInt128(words.1) << 64 | UInt128(words.0)
        guard words.2 >> 28 == 1, let sequence = Int64(exactly: words.2 << 36 | words.1 >> 28),
            let serverTime = Int64(exactly: UInt64(truncatingIfNeeded: below >> 28))
        else { return nil }
        self.init(sequence: sequence, serverTime: serverTime, random: UInt32(truncatingIfNeeded: words.0) & (Self.randomValues - 1))
    }

    public static func < (one: FragmentNumber, other: FragmentNumber) -> Bool {
        (one.sequence, one.serverTime, one.random) < (other.sequence, other.serverTime, other.random)
    }
}

extension FragmentNumber: CustomStringConvertible {
    /// The number as 47 decimal digits.
    public var description: String {
        let low = UInt64(bitPattern: serverTime) << 28 | UInt64(random)
        let middle = UInt64(bitPattern: serverTime) >> 36 | UInt64(bitPattern: sequence) << 28
        let high: UInt64 = 1 << 28 | UInt64(bitPattern: sequence) >> 36
        // Cut into 10, 19 and 19 digits.
        let unit: UInt64 = 10_000_000_000_000_000_000
        func divided(_ high: UInt64, _ middle: UInt64, _ low: UInt64) -> (UInt64, UInt64, remainder: UInt64) {
            let first = high.quotientAndRemainder(dividingBy: unit)
            let second = unit.dividingFullWidth((first.remainder, middle))
            let third = unit.dividingFullWidth((second.remainder, low))
            return (second.quotient, third.quotient, third.remainder)
        }
        let last = divided(high, middle, low)
        let first = divided(0, last.0, last.1)
        func padded(_ number: UInt64) -> String {
            let digits = String(number)
            return String(repeating: "0", count: 19 - digits.utf8.count) + digits
        }
        return String(first.1) + padded(first.remainder) + padded(last.remainder)
    }
}
