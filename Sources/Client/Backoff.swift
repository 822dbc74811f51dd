/// Exponential back-off with full jitter: each wait is a random part of a limit that doubles.
package struct Backoff: Sendable {
    private let first: Duration
    private let last: Duration
    private var limit: Duration

    /// - Parameters:
    ///   - first: The limit of the first wait.
    ///   - last: What the limit does not grow beyond.
    package init(from first: Duration, upTo last: Duration) {
        self.first = first
        self.last = last
        limit = first
    }

    /// How long to wait this time.
    package mutating func next() -> Duration {
        defer { limit = min(limit * 2, last) }
        return limit * Double.random(in: 0...1)
    }

    /// All is well: the next wait is a first one.
    package mutating func reset() { limit = first }
}
