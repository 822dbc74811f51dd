import Glibc
import Locking
import Logging

/// The log of the program: lines on standard error.
enum Log {
    /// Writes what it still has when the program ends.
    private static let writer: LogWriter = {
        atexit { writer.flush() }
        return LogWriter { lines in
            Logger(label: "weir") { _ in Handler() }.warning("the log had no room for some lines", metadata: ["lines": "\(lines)"])
        }
    }()

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
        private var stream = EscapingLogHandler(StreamLogHandler(label: "weir", stream: Lines()))

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

    /// Where the library writes each line.
    private struct Lines: TextOutputStream {
        func write(_ line: String) { Log.writer.write(line.utf8) }
    }

    /// For libraries whose every word would be one too many unless something is wrong.
    static var quiet: Logger {
        var logger = Logger(label: "weir") { EscapingLogHandler(StreamLogHandler(label: $0, stream: Lines())) }
        logger.logLevel = .error
        return logger
    }

    /// Writes whole lines; returns at once.
    static func write(_ lines: [UInt8]) { writer.write(lines) }

    /// Lines that there was no room for, since the start.
    static var droppedLines: Int { writer.droppedLines }
}
