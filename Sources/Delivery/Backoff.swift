/// How long to wait after an attempt that failed: exponential with full jitter, from anything below a second to anything below an hour.
///
/// Many short waits in a row could use up the attempts in a fraction of the time that they are meant to last. So no attempt comes before half of
/// the longest time that it could come after.
struct Backoff: Sendable {
    /// Milliseconds that the first wait stays below.
    var first: Int64 = 1000
    /// Milliseconds that no wait is longer than.
    var last: Int64 = 60 * 60 * 1000

    /// Milliseconds to wait after the attempt of this number, counted from 1, when the first had failed `elapsed` milliseconds ago.
    func delay(afterAttempt attempt: Int64, _ elapsed: Int64) -> Int64 {
        let longest = longest(attempt)
        let total = (1...max(attempt, 1)).reduce(0) { $0 + self.longest($1) }
        return max(Int64.random(in: 0...longest), min(total / 2 - elapsed, longest))
    }

    /// The longest wait after an attempt.
    private func longest(_ attempt: Int64) -> Int64 {
        // Beyond so many doublings it is the last in any case.
        min(first << min(attempt - 1, 30), last)
    }
}
