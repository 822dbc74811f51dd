/// How much a courier does at once, and how often it looks. Only tests change it.
struct Pace: Sendable {
    /// Attempts in flight at once, and with them the sockets that they use.
    var attempts = 384
    /// The part of them that is kept for destinations without any attempt in flight, so that receivers that hang leave room for others.
    var attemptsForFirsts: Int { attempts / 4 }
    /// Attempts in flight at once for all destinations that the streams of one account name.
    var attemptsPerAccount = 96
    /// Attempts in flight at once for one destination.
    var attemptsPerDestination = 32
    /// The same while the destination fails.
    var attemptsPerFailingDestination = 4
    /// Failures in a row after which a destination counts as failing: one now and then is no reason to slow down.
    var toleratedFailures = 8
    /// Queues of a destination that are leased besides those in flight, as long as it is quick: they wait for their turn or to be written down.
    var queuesAhead = 224
    /// A destination is quick if it answers within this.
    var quickAnswer = Duration.milliseconds(100)
    /// Queues that are leased by one claim.
    var claimLimit = 64
    /// Events of a queue that are sent under one lease.
    var eventsPerQueue = 16
    /// Queues that are written down by one batch.
    var queuesPerWrite = 128
    /// Batches that write queues at the same time. A second one begins only while queues wait: the more share a batch, the less each costs.
    var writes = 4
    /// How often a queue is tried to be written; the first time in a batch with others.
    var writeAttempts = 4
    /// Before the third of those, and twice that before the fourth.
    var writePause = Duration.milliseconds(200)
    /// Between two looks without a hint, in milliseconds.
    var lookInterval = 500...1000
    /// Between two looks with hints.
    var rest = Duration.milliseconds(5)
    /// Between two looks after destinations that fail or are gone, in milliseconds.
    var upkeepInterval = 45_000...75_000
    /// Milliseconds after which a destination that no stream names is removed. Longer than any change takes to be seen.
    var unusedAge: Int64 = 10 * 60 * 1000
    /// Between two times that the failures of a destination are written down.
    var noteInterval = Duration.seconds(1)
    /// Between two lines of the log about the failing destinations of one account.
    var reportInterval = Duration.seconds(60)
    /// The grace for attempts in flight when the courier stops.
    var grace = Duration.seconds(2)
    var backoff = Backoff()
}
