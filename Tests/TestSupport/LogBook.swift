import Locking
public import Logging

/// Keeps what was logged.
///
/// Threads: any task may log at any time.
public final class LogBook: Sendable {
    private let entries = Lock<[(line: String, metadata: String)]>([])

    public init() {}

    /// Level and message of each entry, in order.
    public var lines: [String] { entries.withLock { $0.map(\.line) } }

    /// The same with the metadata of each.
    public var details: [String] { entries.withLock { $0.map { "\($0.line) \($0.metadata)" } } }

    public var logger: Logger {
        var logger = Logger(label: "test") { _ in Handler(book: self) }
        logger.logLevel = .trace
        return logger
    }

    /// In how many entries, metadata included, a text is.
    public func count(of part: String) -> Int { details.count { $0.contains(part) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            book.entries.withLock { $0.append(("\(event.level): \(event.message)", "\(event.metadata ?? [:])")) }
        }
    }
}

extension Logger {
    /// Writes nothing.
    public static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
