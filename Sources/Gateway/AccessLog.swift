import Contract
import ControlPlane
import FoundationEssentials
public import ServiceLifecycle
import Synchronization

/// One line for each answered request, `key=value`, written in batches: a line is kept for at most a tenth of a second, or until 64 KiB wait.
///
/// A line never holds a body, a header or a signature. Names of keys and resources come from requests whose signature was verified.
///
/// Threads: any task may note at any time; one task runs it.
public final class AccessLog: Service {
    private let waiting = Mutex<[UInt8]>([])
    private let write: @Sendable ([UInt8]) -> Void
    private let isEnabled: Bool

    /// `write` takes whole lines and may block for as long as writing takes.
    public init(isEnabled: Bool = true, write: @escaping @Sendable ([UInt8]) -> Void) {
        self.isEnabled = isEnabled
        self.write = write
    }

    /// Writes what waits, ten times a second, until the process is asked to stop, and then what is left.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                do { try await Task.sleep(for: .milliseconds(100)) } catch { break }
                self.flush()
            }
        }
        flush()
    }

    /// Writes what waits now.
    public func flush() {
        let lines = waiting.withLock { waiting in
            defer { waiting = [] }
            return waiting
        }
        if !lines.isEmpty { write(lines) }
    }

    func note(_ exchange: Exchange, status: Int, seconds: Double, _ now: Int64) {
        guard isEnabled else { return }
        var line = Self.time(now)
        line += " request status=\(status) ms=\(Self.milliseconds(seconds)) request_id=\(exchange.requestID)"
        if let operation = exchange.operation { line += " operation=\(operation.rawValue)" }
        if let caller = exchange.caller { line += " account=\(caller.account) region=\(caller.region) key=\(caller.keyID)" }
        if let resource = exchange.resourceName { line += " resource=\(resource)" }
        if let error = exchange.error {
            line += " error=\(error.code.rawValue)"
            if let context = error.privateContext { line += " context=\"\(context.filter { $0 != "\"" && !$0.isNewline })\"" }
        }
        line += "\n"
        let isFull = waiting.withLock { waiting in
            waiting.append(contentsOf: line.utf8)
            return waiting.count >= 65_536
        }
        if isFull { flush() }
    }

    private static func milliseconds(_ seconds: Double) -> String {
        let microseconds = Int(seconds * 1_000_000)
        let fraction = String(microseconds % 1000)
        return "\(microseconds / 1000)." + String(repeating: "0", count: 3 - fraction.count) + fraction
    }

    private static func time(_ now: Int64) -> String {
        Date(timeIntervalSince1970: Double(now) / 1000).formatted(.iso8601WithFraction)
    }
}

extension FormatStyle where Self == Date.ISO8601FormatStyle {
    static var iso8601WithFraction: Date.ISO8601FormatStyle { Date.ISO8601FormatStyle(includingFractionalSeconds: true) }
}
