import Locking
import Logging
import ServiceLifecycle

/// Runs services until `body` is done, then asks them to stop and waits until they have, or until the test's time is up.
func running(_ services: [any Service], _ body: () async throws -> Void) async throws {
    let group = ServiceGroup(services: services, logger: .quiet)
    let run = Task { try await group.run() }
    do {
        try await body()
    } catch {
        await group.triggerGracefulShutdown()
        _ = await run.result
        throw error
    }
    await group.triggerGracefulShutdown()
    try await withTaskCancellationHandler {
        try await run.value
    } onCancel: {
        run.cancel()
    }
}

extension Logger {
    static var quiet: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

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
