import Synchronization

/// How much of large bodies, of requests or of answers, is held in memory at one time, over all connections: what a single body may be is
/// bounded, but not how many clients send one or are slow to read one.
///
/// Threads: any task may use it at any time.
final class BodyBudget: Sendable {
    /// How many bytes may be held.
    let allowed: Int
    private let left: Atomic<Int>

    init(bytes: Int) {
        allowed = bytes
        left = Atomic(bytes)
    }

    /// How many bytes are held.
    var used: Int { allowed - left.load(ordering: .relaxed) }

    /// Takes `bytes` out of the budget unless there are not so many left.
    func take(_ bytes: Int) -> Bool {
        if left.subtract(bytes, ordering: .relaxed).newValue >= 0 { return true }
        giveBack(bytes)
        return false
    }

    func giveBack(_ bytes: Int) {
        left.add(bytes, ordering: .relaxed)
    }
}
