import Synchronization

/// Names of requests, in the form of UUIDs of version 4. Asking the system for random numbers each time would cost a call a request: a counter
/// goes through the hash function of the standard library instead, whose key the process draws at its start, so that two names do not tell
/// how many requests there were between them.
enum RequestID {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let key = (UInt64.random(in: .min ... .max), UInt64.random(in: .min ... .max))
    private static let count = Atomic(UInt64.random(in: .min ... .max))

    static func next() -> String {
        let number = count.add(1, ordering: .relaxed).newValue
        let high = hashed(number, key.0) & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = hashed(number, key.1) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
        return String(unsafeUninitializedCapacity: 36) { characters in
            var place = 0
            for nibble in 0..<32 {
                if nibble == 8 || nibble == 12 || nibble == 16 || nibble == 20 {
                    characters[place] = UInt8(ascii: "-")
                    place += 1
                }
                let word = nibble < 16 ? high : low
                characters[place] = digits[Int(word >> UInt64(60 - 4 * (nibble % 16)) & 0xF)]
                place += 1
            }
            return 36
        }
    }

    private static func hashed(_ number: UInt64, _ key: UInt64) -> UInt64 {
        var hasher = Hasher()
        hasher.combine(key)
        hasher.combine(number)
        return UInt64(bitPattern: Int64(hasher.finalize()))
    }
}
