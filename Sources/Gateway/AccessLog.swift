import Contract
import FoundationEssentials
import Identity
import Locking
import Planes
public import ServiceLifecycle

/// One line for each answered request, `key=value`, written in batches: a line is kept for at most a tenth of a second, or until 64 KiB wait.
///
/// What has no verified caller, anybody can send: of such requests 20 get a line each second, and the others are told as a number.
///
/// A line never holds a body, a header or a signature. Names of keys and resources come from requests whose signature was verified.
///
/// Threads: any task may note at any time; one task runs it.
public final class AccessLog: Service {
    private let waiting = Lock<[UInt8]>([])
    private let strangers = Lock((second: Int64.min, written: 0, leftOut: 0))
    private let cachedTime = Lock((second: Int64.min, text: ""))
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
                for _ in 0..<10 {
                    do { try await Task.sleep(for: .milliseconds(100)) } catch { return }
                    self.flush()
                }
                self.tellOfThoseLeftOut()
            }
        }
        tellOfThoseLeftOut()
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

    func note(_ record: RequestRecord, _ now: Int64) {
        guard isEnabled else { return }
        let exchange = record.exchange
        guard exchange.caller != nil || hasRoomForStranger(now) else { return }
        var line = time(now)
        line += " request status=\(record.status) ms=\(Self.milliseconds(record.seconds)) request_id=\(exchange.requestID)"
        if let operation = exchange.pathOperation { line += " operation=\(operation.name)" }
        if let caller = exchange.caller { line += " account=\(caller.account) region=\(caller.region) key=\(caller.keyID)" }
        if exchange.caller == nil {
            line += " peer=\(exchange.peer.address)"
            if let key = exchange.claimedKeyID { line += " key_tried=\(key)" }
        }
        if let resource = exchange.resourceName { line += " resource=\(resource)" }
        line += " in=\(record.bytesIn) out=\(record.bytesOut)"
        if !record.isWhole { line += " client=left" }
        if let error = exchange.error {
            line += " error=\(error.code.rawValue)"
            if let context = error.privateContext { line += " context=\"\(context.filter { $0 != "\"" && !$0.isNewline })\"" }
        }
        add(line)
    }

    /// How many requests without a verified caller get a line each second.
    private static let strangersEachSecond = 20

    private func hasRoomForStranger(_ now: Int64) -> Bool {
        strangers.withLock { strangers in
            if strangers.second != now / 1000 { (strangers.second, strangers.written) = (now / 1000, 0) }
            guard strangers.written < Self.strangersEachSecond else {
                strangers.leftOut += 1
                return false
            }
            strangers.written += 1
            return true
        }
    }

    private func tellOfThoseLeftOut() {
        let count = strangers.withLock { strangers in
            defer { strangers.leftOut = 0 }
            return strangers.leftOut
        }
        guard count > 0 else { return }
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        add(time(now) + " requests left_out=\(count) why=\"more than \(Self.strangersEachSecond) a second without a verified caller\"")
    }

    private func add(_ line: String) {
        let isFull = waiting.withLock { waiting in
            waiting.append(contentsOf: line.utf8)
            waiting.append(UInt8(ascii: "\n"))
            return waiting.count >= 65_536
        }
        if isFull { flush() }
    }

    private static func milliseconds(_ seconds: Double) -> String {
        let microseconds = Int64(seconds * 1_000_000)
        return "\(microseconds / 1000)." + threeDigits(microseconds % 1000)
    }

    /// The time in UTC, to the millisecond: `2023-11-07T04:58:05.123Z`.
    private func time(_ now: Int64) -> String {
        let second = now / 1000
        let text = cachedTime.withLock { cached in
            if cached.second != second { cached = (second, Date(timeIntervalSince1970: Double(second)).formatted(.iso8601)) }
            return cached.text
        }
        return text.dropLast() + "." + Self.threeDigits(now % 1000) + "Z"
    }

    private static func threeDigits(_ number: Int64) -> String {
        number < 10 ? "00\(number)" : number < 100 ? "0\(number)" : "\(number)"
    }
}
