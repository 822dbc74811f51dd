import Glibc
import Locking

/// The times that the gateway needs.
///
/// Threads: any task may use it at any time.
public final class GatewayClock: Sendable {
    private let wall: @Sendable () -> Int64
    private let cachedDate = Lock((second: Int64.min, text: ""))

    /// - Parameter wall: Milliseconds since the epoch; the system's where it is not given.
    public init(wall: @escaping @Sendable () -> Int64 = GatewayClock.systemTime) {
        self.wall = wall
    }

    /// Milliseconds since the epoch, as the system has it.
    public static func systemTime() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Seconds since some moment; never steps.
    func monotonicSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    /// Milliseconds since the epoch.
    func now() -> Int64 { wall() }

    /// The time by which signatures are judged.
    func signatureTime() -> SignatureTime { SignatureTime(secondsSinceEpoch: Int(wall() / 1000)) }

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
