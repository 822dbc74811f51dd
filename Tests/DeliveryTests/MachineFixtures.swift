@testable import Delivery
@testable import Store

/// Values to drive the machines with.
enum Made {
    static let start = ContinuousClock.now

    static func record(
        _ id: String = "d", origin: DestinationOrigin = .subscription, account: String? = nil, failures: Int64 = 0
    ) -> DestinationRecord {
        DestinationRecord(
            id: id, origin: origin, kind: .webhook, target: "https://\(id).example/", account: account, region: nil, types: nil,
            resourcePrefix: nil, status: .active, statusReason: nil, createdAt: 0, failingSince: nil, failures: failures, contentType: nil,
            headersSealed: nil, pending: 0)
    }

    /// A queue `name` of the destination, with events numbered from 1.
    static func queue(
        _ name: String, of destination: String = "d", events: Int = 1, attempts: Int64 = 0, at moment: ContinuousClock.Instant = start
    )
        -> ClaimedQueue
    {
        ClaimedQueue(
            queue: LeasedQueue(destinationID: destination, resourceARN: name, enqueued: 1, leasedUntil: 0), token: "token",
            events: (0..<events).map { number in
                WaitingEvent(
                    destinationID: destination,
                    event: Event(
                        resourceARN: name, sequence: Int64(number + 1), type: "T", account: "", region: "", status: "", version: "",
                        keyID: "", requestID: "", occurredAt: 0), attempts: attempts, failingFor: 0, isReplay: false)
            }, claimedAt: moment)
    }

    static let delivered = AttemptResult.delivered(status: 200, excerpt: [])

    static func failed(_ demand: ReceiverDemand? = nil) -> AttemptResult {
        .failed(AttemptResult.Failure(status: 500, error: "no", demand: demand))
    }

    /// A courier's pace whose back-off is nothing.
    static var pace: Pace {
        var pace = Pace()
        pace.backoff.first = 0
        return pace
    }
}

extension FinishedQueue {
    /// What became of it, in a form that is easy to compare: the name, what arrived, what failed at which attempt, and whether more waits.
    var told: String {
        var words = [queue.resourceARN]
        words += outcome.delivered.map { "+\($0.event.sequence)" }
        if let failure = outcome.failure { words.append("-\(failure.event.sequence)#\(failure.attempt)\(failure.isLast ? "!" : "")") }
        if outcome.hasMore { words.append("more") }
        if outcome.delay > 0 { words.append("in \(outcome.delay)") }
        return words.joined(separator: " ")
    }
}
