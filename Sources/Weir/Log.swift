import FoundationEssentials
import Locking
import Logging

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The log of the program: lines on standard error.
enum Log {
    /// Whole lines must not run into each other.
    private static let standardError = Lock(())

    static func make(level: String) -> Logger {
        var logger = Logger(label: "weir") { EscapingLogHandler(StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = Logger.Level(rawValue: level) ?? .info
        return logger
    }

    /// For libraries whose every word would be one too many unless something is wrong.
    static var quiet: Logger {
        var logger = Logger(label: "weir") { EscapingLogHandler(StreamLogHandler.standardError(label: $0)) }
        logger.logLevel = .error
        return logger
    }

    /// Writes lines to standard error; what cannot be written is lost, as nobody could be told.
    static func write(_ lines: [UInt8]) {
        standardError.withLock { _ in
            lines.withUnsafeBytes { bytes in
                var rest = bytes[...]
                while !rest.isEmpty {
                    let written = Glibc.write(STDERR_FILENO, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                    guard written > 0 else {
                        if written < 0, errno == EINTR { continue }
                        return
                    }
                    rest = rest.dropFirst(written)
                }
            }
        }
    }
}
