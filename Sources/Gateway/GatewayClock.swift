import FoundationEssentials
import Locking
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The times that the gateway needs.
///
/// Threads: any task may use it at any time.
final class GatewayClock: Sendable {
    private let start = ContinuousClock.now
    private let cachedDate = Lock((second: Int64.min, text: ""))

    /// Seconds since this clock was made; never steps.
    func monotonicSeconds() -> Double {
        let elapsed = (ContinuousClock.now - start).components
        return Double(elapsed.seconds) + Double(elapsed.attoseconds) * 1e-18
    }

    /// Milliseconds since the epoch.
    func now() -> Int64 { Int64(Date.now.timeIntervalSince1970 * 1000) }

    /// The time as the Date header has it, from which clients correct their clocks: `Tue, 07 Nov 2023 04:58:05 GMT`.
    func httpDate() -> String {
        let second = now() / 1000
        return cachedDate.withLock { cached in
            if cached.second != second {
                cached = (second, Self.httpDate(second))
            }
            return cached.text
        }
    }

    /// RFC 9110 section 5.6.7. Names of days and months are English wherever the server runs.
    private static func httpDate(_ second: Int64) -> String {
        var time = time_t(second)
        var parts = tm()
        gmtime_r(&time, &parts)
        func digits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        return "\(days[Int(parts.tm_wday)]), \(digits(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900) "
            + "\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec)) GMT"
    }
}

extension SignatureTime {
    /// The time of this machine.
    static func now() -> SignatureTime { SignatureTime(secondsSinceEpoch: Int(Date.now.timeIntervalSince1970)) }
}

/// Names of requests, in the form of UUIDs of version 4: a random number for the process, and a count that is scattered over 64 bits so that
/// names do not tell how many requests there were. Asking the system for random numbers each time would cost two calls a request.
enum RequestID {
    private static let digits = Array("0123456789abcdef".utf8)
    private static let process = UInt64.random(in: .min ... .max)
    private static let count = Atomic(UInt64.random(in: .min ... .max))

    static func next() -> String {
        let high = process & 0xFFFF_FFFF_FFFF_0FFF | 0x4000
        let low = scattered(count.add(1, ordering: .relaxed).newValue) & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
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

    /// Different for different counts: multiplication by an odd number can be undone.
    private static func scattered(_ count: UInt64) -> UInt64 {
        let mixed = count &* 0x9E37_79B9_7F4A_7C15
        return mixed ^ process
    }
}
