import Files
import Glibc
import Locking
import Logging

/// The log of the program: lines on standard error.
enum Log {
    /// Whole lines must not run into each other.
    private static let standardError = Lock(())

    /// What the program's own lines must be to be written.
    private static let level = Lock(Logger.Level.info)

    static func make(level: String) -> Logger {
        setLevel(level)
        return Logger(label: "weir") { _ in Handler() }
    }

    /// Takes this level for every logger that was made, from now on. What `announce` writes is let through by the old level or the new one.
    static func setLevel(_ text: String, announce: () -> Void = {}) {
        let new = Logger.Level(rawValue: text) ?? .info
        level.withLock { $0 = min($0, new) }
        announce()
        level.withLock { $0 = new }
    }

    /// Writes as the library does, at the level that all loggers of the program share.
    private struct Handler: LogHandler {
        private var stream = EscapingLogHandler(StreamLogHandler.standardError(label: "weir"))

        var metadata: Logger.Metadata {
            get { stream.metadata }
            set { stream.metadata = newValue }
        }

        var logLevel: Logger.Level {
            get { level.withLock { $0 } }
            set { level.withLock { $0 = newValue } }
        }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { stream[metadataKey: key] }
            set { stream[metadataKey: key] = newValue }
        }

        func log(event: LogEvent) { stream.log(event: event) }
    }

    /// For libraries whose every word would be one too many unless something is wrong.
    static var quiet: Logger {
        var logger = Logger(label: "weir") { EscapingLogHandler(StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = .error
        return logger
    }

    /// Writes lines to standard error; what cannot be written is lost, as nobody could be told.
    static func write(_ lines: [UInt8]) {
        _ = standardError.withLock { _ in writeWhole(lines, to: STDERR_FILENO) }
    }
}
