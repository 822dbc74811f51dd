/// Random names: of versions, of changes, of leases.
public enum Token {
    private static let alphanumerics = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789".utf8)

    /// Twenty characters `[A-Za-z0-9]`, the first a lower-case letter, as the real service writes versions: 117 bits from the system's
    /// random numbers.
    public static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return String(unsafeUninitializedCapacity: 20) { characters in
            var high = generator.next()
            var low = generator.next()
            for index in 0..<20 {
                // Ten characters out of each 64 bits: 62 to the power of 10 is below 2 to the power of 60, so the bias is below one in 16.
                let choices: UInt64 = index == 0 ? 26 : 62
                characters[index] =
                    if index < 10 { alphanumerics[Int(high.take(choices))] } else { alphanumerics[Int(low.take(choices))] }
            }
            return 20
        }
    }
}

extension UInt64 {
    /// A digit to the base `choices`, taken off this number.
    fileprivate mutating func take(_ choices: UInt64) -> UInt64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: choices)
        self = quotient
        return remainder
    }
}
