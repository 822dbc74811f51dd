/// Counts the attempts at a destination that have failed since the last success, and keeps what is not written down yet.
struct FailureCount {
    /// What is to be written down.
    struct Note: Sendable, Equatable {
        /// Whether attempts succeeded.
        var succeeded = false
        /// How many have failed since.
        var failuresSince = 0
    }

    private let pace: Pace
    private var note = Note()
    /// Whether the destination fails as far as is written down.
    private var isKnownToFail: Bool
    /// As far as this instance knows.
    private var inARow: Int
    private var writtenAt: ContinuousClock.Instant?
    private var isReported = false

    init(known failures: Int64, _ pace: Pace) {
        self.pace = pace
        isKnownToFail = failures > 0
        inARow = Int(min(failures, 1000))
    }

    /// Whether nothing has arrived for a while.
    var isFailing: Bool { inARow >= pace.toleratedFailures }

    /// Takes in what was read from the database, which may be outdated: failures count, a zero is ignored.
    mutating func learn(known failures: Int64) {
        if failures > 0 { isKnownToFail = true }
    }

    /// Counts an attempt that succeeded; returns what is news.
    mutating func succeeded() -> DeliveryReport? {
        note = Note(succeeded: true)
        inARow = 0
        defer { isReported = false }
        return isReported ? .recovered : nil
    }

    /// Counts an attempt that failed; returns what is news.
    mutating func failed(_ error: String) -> DeliveryReport? {
        note.failuresSince += 1
        inARow += 1
        defer { isReported = true }
        return isReported ? nil : .failing(error)
    }

    /// Returns what is to be written down now, once in `noteInterval` as long as the destination fails; nil where there is nothing new. `isLast`
    /// where nobody may ask again soon.
    mutating func takeNote(at now: ContinuousClock.Instant, isLast: Bool) -> Note? {
        guard note != Note() else { return nil }
        guard note.failuresSince > 0 || isKnownToFail else {
            note = Note()
            return nil
        }
        if !isLast, let writtenAt, now - writtenAt < pace.noteInterval { return nil }
        defer { note = Note() }
        isKnownToFail = note.failuresSince > 0
        writtenAt = now
        return note
    }
}

/// What an operator may want to read in the log.
enum DeliveryReport: Sendable, Equatable {
    /// A destination fails, with the error of its first failure.
    case failing(String)
    /// A destination that was reported takes events again.
    case recovered
    /// Events could not be sent, for a reason of our own.
    case unsent(String)
}
