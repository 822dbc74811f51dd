import Locking
import Logging

/// Keeps what was logged.
///
/// Threads: any task may log at any time.
final class LogBook: Sendable {
    private let entries = Lock<[String]>([])

    /// Level and message of each entry, in order.
    var lines: [String] { entries.withLock { $0 } }

    var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            book.entries.withLock { $0.append("\(event.level): \(event.message)") }
        }
    }
}
