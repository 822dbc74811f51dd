import Store

/// A line of the log about destinations.
struct LogLine: Sendable, Equatable {
    enum Level: Sendable {
        case notice
        case warning
        case error
    }

    let level: Level
    let message: String
    var metadata: [String: String] = [:]
}

/// Chooses the lines about destinations: for each account and interval at most one says that destinations fail, and one that they take events
/// again. A line says how many it stands for, and names the first.
struct DeliveryLog {
    typealias Moment = ContinuousClock.Instant

    private enum Subject: String {
        case failing = "a destination fails"
        case recovered = "a destination takes events again"
        case unsent = "events cannot be sent"

        init(_ report: DeliveryReport) {
            switch report {
            case .failing: self = .failing
            case .recovered: self = .recovered
            case .unsent: self = .unsent
            }
        }

        func line(_ metadata: [String: String]) -> LogLine {
            switch self {
            case .failing: LogLine(level: .warning, message: rawValue, metadata: metadata)
            case .recovered: LogLine(level: .notice, message: rawValue, metadata: metadata)
            case .unsent: LogLine(level: .error, message: rawValue, metadata: metadata)
            }
        }
    }

    private struct Kind: Hashable {
        let account: String
        let subject: Subject
    }

    /// The reports since the last line of a kind.
    private struct Held {
        var writtenAt: Moment
        var count = 0
        var first: [String: String] = [:]
    }

    private let interval: Duration
    private var held: [Kind: Held] = [:]

    init(interval: Duration) {
        self.interval = interval
    }

    /// Returns the line that tells of a report; nil where it is held for a later line.
    mutating func line(_ report: DeliveryReport, of record: DestinationRecord, at now: Moment) -> LogLine? {
        let metadata = Self.metadata(report, record)
        let kind = Kind(account: record.account ?? "", subject: Subject(report))
        guard held[kind] == nil else {
            if held[kind]?.count == 0 { held[kind]?.first = metadata }
            held[kind]?.count += 1
            return flush(at: now, kind)
        }
        held[kind] = Held(writtenAt: now)
        return kind.subject.line(metadata)
    }

    /// Returns the lines whose interval is over, and forgets accounts without reports.
    mutating func flush(at now: Moment) -> [LogLine] {
        held.keys.compactMap { flush(at: now, $0) }
    }

    private mutating func flush(at now: Moment, _ kind: Kind) -> LogLine? {
        guard let entry = held[kind], now - entry.writtenAt >= interval else { return nil }
        guard entry.count > 0 else {
            held[kind] = nil
            return nil
        }
        held[kind] = Held(writtenAt: now)
        var metadata = entry.first
        if entry.count > 1 { metadata["others"] = "\(entry.count - 1)" }
        return kind.subject.line(metadata)
    }

    private static func metadata(_ report: DeliveryReport, _ record: DestinationRecord) -> [String: String] {
        switch report {
        case .failing(let error): ["destination": record.id, "error": error]
        case .recovered: ["destination": record.id]
        case .unsent(let reason): ["error": reason]
        }
    }
}
