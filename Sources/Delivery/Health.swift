import Locking

/// How the attempts at a destination go, and what of it is not written down yet.
///
/// Threads: any task may use it at any time.
final class Health: Sendable {
    /// What is to be written down.
    struct Note: Sendable, Equatable {
        var succeeded = false
        var failuresSince = 0
    }

    /// What is worth a line in the log.
    enum News: Sendable {
        case nothing
        case failing
        case recovered
    }

    private struct State {
        var note = Note()
        /// What is written down.
        var isKnownToFail: Bool
        /// Failures since the last success, as far as this instance knows.
        var failuresInARow: Int
        var writtenAt: ContinuousClock.Instant?
        var saidFailingAt: ContinuousClock.Instant?
        var hasSaidFailing = false
    }

    private let state: Lock<State>
    private static let interval = Duration.seconds(1)
    private static let silence = Duration.seconds(60)
    /// One failure now and then is no reason to slow down.
    private static let tolerated = 8

    init(failures: Int64) {
        state = Lock(State(isKnownToFail: failures > 0, failuresInARow: Int(min(failures, 1000))))
    }

    /// Whether nothing has arrived for a while.
    var isFailing: Bool { state.withLock { $0.failuresInARow >= Self.tolerated } }

    /// Takes in what was written down a moment ago, perhaps by another instance. That nothing fails may be outdated already, and is not believed.
    func learn(failures: Int64) {
        if failures > 0 { state.withLock { $0.isKnownToFail = true } }
    }

    /// Notes an attempt.
    func note(succeeded: Bool) -> News {
        state.withLock { state in
            guard succeeded else {
                state.note.failuresSince += 1
                state.failuresInARow += 1
                let now = ContinuousClock.now
                if state.hasSaidFailing { return .nothing }
                if let saidAt = state.saidFailingAt, now - saidAt < Self.silence { return .nothing }
                state.saidFailingAt = now
                state.hasSaidFailing = true
                return .failing
            }
            state.note = Note(succeeded: true)
            state.failuresInARow = 0
            defer { state.hasSaidFailing = false }
            return state.hasSaidFailing ? .recovered : .nothing
        }
    }

    /// What is to be written down now, about once a second as long as the destination fails; nil where there is nothing new. `isLast` where nobody
    /// may come again soon.
    func takeNote(isLast: Bool) -> Note? {
        state.withLock { state in
            guard state.note.failuresSince > 0 || state.isKnownToFail, state.note != Note() else {
                state.note = Note()
                return nil
            }
            let now = ContinuousClock.now
            if !isLast, let writtenAt = state.writtenAt, now - writtenAt < Self.interval { return nil }
            defer { state.note = Note() }
            state.isKnownToFail = state.note.failuresSince > 0
            state.writtenAt = now
            return state.note
        }
    }
}
