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
    private let diagnoses = Lock((second: Int64.min, written: 0))
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
        let second = second(now)
        add { line in
            line.append(time: second, now % 1000)
            line.append(" request status=", record.status)
            let microseconds = Int(record.seconds * 1_000_000)
            line.append(" ms=", microseconds / 1000)
            line.append(thousandths: microseconds % 1000)
            line.append(" request_id=", exchange.requestID)
            if let operation = exchange.pathOperation { line.append(" operation=", operation.name) }
            if exchange.peer.isDevice { line.append(" operation=AssumeRoleWithCertificate") }
            if let caller = exchange.caller {
                line.append(" account=", caller.account)
                line.append(" region=", caller.region)
                line.append(" key=", caller.keyID)
            } else {
                line.append(" peer=", exchange.peer.address)
                if let key = exchange.claimedKeyID { line.append(" key_tried=", key) }
            }
            if let resource = exchange.resourceName { line.append(" resource=", resource) }
            line.append(" in=", record.bytesIn)
            line.append(" out=", record.bytesOut)
            if !record.isWhole { line.append(" client=left") }
            if let error = exchange.error {
                line.append(" error=", error.code.rawValue)
                if let context = error.privateContext { line.append(" context=\"", context.filter { $0 != "\"" && !$0.isNewline } + "\"") }
            }
        }
    }

    /// A line for a WebSocket that has ended; the one for its opening has the same request id.
    func note(_ ended: SocketRecord, _ now: Int64) {
        guard isEnabled else { return }
        let second = second(now)
        add { line in
            line.append(time: second, now % 1000)
            line.append(" socket_ended request_id=", ended.requestID)
            line.append(" operation=", ended.operation)
            line.append(" account=", ended.account)
            line.append(" region=", ended.region)
            line.append(" key=", ended.keyID)
            if let resource = ended.resource { line.append(" resource=", resource) }
            line.append(" seconds=", Int(ended.seconds))
            line.append(" messages_in=", ended.received.messages)
            line.append(" in=", ended.received.bytes)
            line.append(" messages_out=", ended.sent.messages)
            line.append(" out=", ended.sent.bytes)
            if let code = ended.closure?.code { line.append(" close=", Int(code)) } else { line.append(" client=left") }
        }
    }

    /// How many requests without a verified caller get a line each second.
    private static let strangersEachSecond = 20

    /// Whether a signature that failed is told of at length: as many each second as there are lines of strangers.
    func hasRoomForDiagnosis(_ now: Int64) -> Bool {
        diagnoses.withLock { diagnoses in
            if diagnoses.second != now / 1000 { diagnoses = (now / 1000, 0) }
            diagnoses.written += 1
            return diagnoses.written <= Self.strangersEachSecond
        }
    }

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
        let second = second(now)
        add { line in
            line.append(time: second, now % 1000)
            line.append(" requests left_out=", count)
            line.append(" why=\"more than ", Self.strangersEachSecond)
            line.append(" a second without a verified caller\"")
        }
    }

    private func add(_ write: (inout [UInt8]) -> Void) {
        let isFull = waiting.withLock { waiting in
            write(&waiting)
            waiting.append(UInt8(ascii: "\n"))
            return waiting.count >= 65_536
        }
        if isFull { flush() }
    }

    /// The second in UTC: `2023-11-07T04:58:05`.
    private func second(_ now: Int64) -> String {
        let second = now / 1000
        return cachedTime.withLock { cached in
            if cached.second != second {
                cached = (second, String(Date(timeIntervalSince1970: Double(second)).formatted(.iso8601).dropLast()))
            }
            return cached.text
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(_ text: StaticString) {
        append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    fileprivate mutating func append(_ name: StaticString, _ value: String) {
        append(name)
        append(contentsOf: value.utf8)
    }

    fileprivate mutating func append(_ name: StaticString, _ value: Int) {
        append(name)
        append(decimal: value)
    }

    /// The second and its milliseconds: `2023-11-07T04:58:05.123Z`.
    fileprivate mutating func append(time second: String, _ milliseconds: Int64) {
        append(contentsOf: second.utf8)
        append(thousandths: Int(milliseconds))
        append(UInt8(ascii: "Z"))
    }

    /// A point and three digits.
    fileprivate mutating func append(thousandths: Int) {
        append(UInt8(ascii: "."))
        for unit in [100, 10, 1] { append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: thousandths / unit % 10)) }
    }

    private mutating func append(decimal value: Int) {
        guard value >= 10 else { return append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value)) }
        append(decimal: value / 10)
        append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: value % 10))
    }
}
