import Contract
public import Store

/// A test event, sent to a destination once and at once.
public enum TrialDelivery {
    /// How it went.
    public struct Report: Sendable {
        public let isDelivered: Bool
        /// For the operator: what was answered, or why nothing was, and how long it took.
        public let text: String
    }

    /// Sends an event that happened at `moment`, in milliseconds since the epoch.
    public static func run(
        _ destination: DestinationRecord, at moment: Int64, settings: DeliverySettings, secrets: @escaping SecretSource
    ) async throws -> Report {
        let sender = Sender(settings, transport: try settings.transport(), secrets: secrets)
        let event = Event(
            resourceARN: EventSubject.destination(destination), sequence: moment, type: EventName.test.rawValue,
            account: destination.account ?? "",
            region: destination.region ?? "", status: destination.status.rawValue, version: "", keyID: "", requestID: "",
            occurredAt: moment)
        let start = ContinuousClock.now
        let result = await sender.send(event, isReplay: false, to: destination)
        let milliseconds = Int((ContinuousClock.now - start) / .milliseconds(1))
        await sender.close()
        return report(result, milliseconds)
    }

    private static func report(_ result: AttemptResult, _ milliseconds: Int) -> Report {
        let (isDelivered, outcome, excerpt) =
            switch result {
            case .delivered(let status, let excerpt): (true, "delivered\(status.map { ", answered \($0)" } ?? "")", excerpt)
            case .unsent(let reason): (false, "not sent: \(reason)", [])
            case .cutShort: (false, "not sent: it was cancelled", [])
            case .failed(let failure): (false, "failed: \(failure.error)", failure.excerpt)
            }
        // What a stranger answers is shown without what a terminal would obey.
        let lines = excerpt.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        let shown = lines.map { String(decoding: $0, as: UTF8.self).escapingControls }.joined(separator: "\n")
        return Report(
            isDelivered: isDelivered, text: "\(outcome.escapingControls), after \(milliseconds) ms" + (shown.isEmpty ? "" : "\n" + shown))
    }
}
