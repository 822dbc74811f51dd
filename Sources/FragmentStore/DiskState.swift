import Locking

/// Whether the disk of a tier takes media.
///
/// Threads: any may use it at any time.
final class DiskState: Sendable {
    private struct State {
        var space: DiskSpace?
        var isFull = false
        var failure: String?
    }

    private let reserve: Int64?
    private let state = Lock(State())

    /// `reserve` bytes are left free; nil: as `reserve(of:)` says.
    init(reserve: Int64?) { self.reserve = reserve }

    /// What is left free of a disk: the larger of a twentieth and 10 GiB, but no more than a fifth, so that small disks are of use.
    static func reserve(of total: Int64) -> Int64 { min(max(total / 20, 10 << 30), total / 5) }

    var space: DiskSpace? { state.withLock { $0.space } }

    /// Why no media is taken, for operators; nil where it is.
    var refusal: String? {
        state.withLock { state in
            if let failure = state.failure { return "the disk has failed: \(failure)" }
            return state.isFull ? "the reserve of the disk is reached" : nil
        }
    }

    /// The disk has failed, until it is seen to work.
    func failed(_ why: String) { state.withLock { $0.failure = why } }
    func works() { state.withLock { $0.failure = nil } }
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// How much is free now. Returns true where the reserve has just been reached; it counts as reached until a little more is free.
    func measured(_ space: DiskSpace) -> Bool {
        state.withLock { state in
            let reserve = reserve ?? Self.reserve(of: space.total)
            let wasFull = state.isFull
            state.space = space
            state.isFull = space.free < (wasFull ? reserve + min(reserve / 20, 256 << 20) : reserve)
            return state.isFull && !wasFull
        }
    }

    var isFull: Bool { state.withLock { $0.isFull } }
}
