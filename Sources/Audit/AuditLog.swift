public import Contract
import CoreMetrics
import Dispatch
import FoundationEssentials
import Glibc
import Locking
public import Logging
public import Prometheus
import SQL
public import ServiceLifecycle
public import Store

extension Family {
    fileprivate static let records = counter("weir_audit_records_total", "Records of the audit log that are written.", labels: ["sink"])
    fileprivate static let failures = counter("weir_audit_failures_total", "Times that records could not be written.", labels: ["sink"])
    fileprivate static let lost = counter("weir_audit_lost_total", "Records of the audit log that are lost, because too many waited.")
    fileprivate static let waiting = gauge("weir_audit_waiting", "Records of the audit log that are not written yet.")
}

/// Where an audit log goes, and what happens when it cannot.
public struct AuditSettings: Sendable {
    /// Nil where it goes to no file.
    public var file: String?
    /// Bytes of a file after which the next is begun.
    public var fileBytes: Int
    public var isInTable: Bool
    /// Milliseconds.
    public var retention: Int64
    /// Whether changes are refused while records cannot be written; else they are made, and what is lost is counted.
    public var refuses: Bool

    public init(file: String?, fileBytes: Int = 64 << 20, isInTable: Bool, retention: Int64 = 365 * 86_400_000, refuses: Bool = true) {
        self.file = file
        self.fileBytes = fileBytes
        self.isInTable = isInTable
        self.retention = retention
        self.refuses = refuses
    }

    /// The file as chains name it, HOST:PATH; empty where there is none.
    public var place: String {
        guard let file else { return "" }
        let path = realpath(file, nil).map { pointer in
            defer { free(pointer) }
            return String(cString: pointer)
        }
        return "\(ProcessInfo.processInfo.hostName):\(path ?? file)"
    }
}

/// Writes down who did what, in a file, a table, or both: each record once, in one chain for each process.
///
/// `record` returns when its record is written, so that no answer leaves before. Records that arrive meanwhile are written together.
///
/// Threads: any task may record at any time; one task runs it.
public final class AuditLog: Service {
    private struct Waiting {
        let record: AuditRecord
        let code: String
        var continuation: CheckedContinuation<Bool, Never>?
    }

    private struct State {
        var sequence: Int64 = 0
        var code = AuditKey.none
        var waiting: [Waiting] = []
        /// How many of them the file has.
        var inFile = 0
        /// What writes, while something waits that can be written: one task at a time.
        var writing: Task<Void, Never>?
        var isBroken = false
        var lost = 0
        /// Of what is written.
        var writtenSequence: Int64 = 0
        var writtenCode = AuditKey.none
        /// Of what the database knows of it.
        var toldSequence: Int64 = 0
        var sample = (second: Int64.min, written: 0, leftOut: 0)
    }

    /// Records that may wait while they cannot be written.
    private static let mostWaiting = 10_000
    /// Records of requests that anybody can send, in a second.
    private static let sampled = 20

    public let chain: String
    private let settings: AuditSettings
    private let key: AuditKey
    private let store: Store
    private let logger: Logger
    private let state = Lock(State())
    /// Used on `queue` alone, since writing takes its time.
    private let file: Lock<AuditFile?>
    private let queue = DispatchQueue(label: "weir.audit")
    private let (inFile, inTable): (Counter, Counter)
    private let (fileFailures, tableFailures): (Counter, Counter)
    private let lost: Counter
    private let waitingNow: Meter

    /// Begins a chain of its own under the id of this instance. Throws where the file or the database cannot be used.
    public init(
        _ settings: AuditSettings, instance: String, key: AuditKey, store: Store, registry: Registry, logger: Logger
    ) async throws {
        self.settings = settings
        self.key = key
        self.store = store
        self.logger = logger
        chain = instance
        file = Lock(settings.file.map { AuditFile(path: $0, mostBytes: settings.fileBytes) })
        inFile = Counter(.records, ["file"], in: registry)
        inTable = Counter(.records, ["table"], in: registry)
        fileFailures = Counter(.failures, ["file"], in: registry)
        tableFailures = Counter(.failures, ["table"], in: registry)
        lost = Counter(.lost, in: registry)
        waitingNow = Meter(.waiting, in: registry)
        try await write([])
        while true {
            let number = try await store.newestAuditChain() + 1
            var begun = AuditChainRecord(
                number: number, id: chain, place: settings.place, isInTable: settings.isInTable, isOldest: number == 1, firstSequence: 1,
                firstPrevious: AuditKey.none, lastSequence: 0, lastCode: AuditKey.none)
            begun.firstSeal = key.firstSeal(begun)
            begun.lastSeal = key.lastSeal(chain: chain, sequence: 0, code: AuditKey.none)
            if try await store.beginAudit(begun) { break }
        }
    }

    deinit { file.withLock { $0?.close() } }

    /// Tries again what could not be written, tells the database of the newest record, and of requests that were left out; once a second, until the
    /// process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(1))) != nil { await self.tick() }
        }
        await tick(isEnd: true)
    }

    /// Why no change may be made now; nil where one may.
    public var obstacle: OperationError? {
        guard settings.refuses, state.withLock({ $0.isBroken }) else { return nil }
        return OperationError(.serviceUnavailable, "What is changed cannot be written down at the moment. Try again.")
    }

    /// Writes a record, and returns when it is written. Throws where it cannot be written now and changes are to be refused then: the call may have
    /// been made.
    public func record(_ entry: AuditEntry) async throws(OperationError) {
        let isWritten = await withCheckedContinuation { continuation in
            let hasRoom = state.withLock { state in
                guard append(entry, continuation, &state) else { return false }
                if !state.isBroken { beginWriting(&state) }
                return true
            }
            if !hasRoom { continuation.resume(returning: false) }
        }
        guard isWritten || !settings.refuses else {
            throw OperationError(
                .serviceUnavailable,
                "What was asked for cannot be written down at the moment, so that it is not known to be done. Try again.")
        }
    }

    /// Whether a request that anybody can send gets a record; of those that get none the number is told.
    public func samples(now: Int64) -> Bool {
        state.withLock { state in
            if state.sample.second != now / 1000 { (state.sample.second, state.sample.written) = (now / 1000, 0) }
            guard state.sample.written < Self.sampled else {
                state.sample.leftOut += 1
                return false
            }
            state.sample.written += 1
            return true
        }
    }

    /// Puts a record at the end of the chain. Returns false where too many wait. While nothing can be written nobody waits for it.
    private func append(_ entry: AuditEntry, _ continuation: CheckedContinuation<Bool, Never>?, _ state: inout State) -> Bool {
        guard state.waiting.count < Self.mostWaiting else {
            state.lost += 1
            lost.increment()
            return false
        }
        state.sequence += 1
        let (line, code) = AuditLink.line(entry.json(), chain: chain, sequence: state.sequence, previous: state.code, key: key)
        state.code = code
        let record = AuditRecord(
            chain: chain, sequence: state.sequence, time: entry.time, account: entry.identity.account, principal: entry.identity.arn,
            eventName: entry.eventName, resource: entry.resources.first ?? "", errorCode: entry.errorCode ?? "",
            line: String(decoding: line, as: UTF8.self))
        if state.isBroken {
            continuation?.resume(returning: false)
            state.waiting.append(Waiting(record: record, code: code))
        } else {
            state.waiting.append(Waiting(record: record, code: code, continuation: continuation))
        }
        waitingNow.set(state.waiting.count)
        return true
    }

    /// Has what waits be written, unless that is being done. Whoever stops the log waits for it.
    private func beginWriting(_ state: inout State) {
        if state.writing == nil { state.writing = Task { await writeWhatWaits() } }
    }

    /// Writes until nothing waits, or until that fails.
    private func writeWhatWaits() async {
        while true {
            let (batch, skip) = state.withLock { state -> ([Waiting], Int) in
                // Statements of a batch have a limit; so has the memory of a line.
                let batch = Array(state.waiting.prefix(500))
                if batch.isEmpty { state.writing = nil }
                return (batch, state.inFile)
            }
            guard let last = batch.last else { return }
            do {
                let rest = batch.dropFirst(skip)
                if !rest.isEmpty { try await write(rest) }
                state.withLock { $0.inFile = max(skip, batch.count) }
                if settings.isInTable { try await insert(batch) }
            } catch {
                return fail(error)
            }
            let (done, wasBroken) = state.withLock { state -> ([Waiting], Bool) in
                defer { state.isBroken = false }
                let done = Array(state.waiting.prefix(batch.count))
                state.waiting.removeFirst(batch.count)
                state.inFile -= batch.count
                (state.writtenSequence, state.writtenCode) = (last.record.sequence, last.code)
                if settings.isInTable { state.toldSequence = last.record.sequence }
                waitingNow.set(state.waiting.count)
                return (done, state.isBroken)
            }
            for waiting in done { waiting.continuation?.resume(returning: true) }
            if wasBroken { logger.notice("the audit log is written again") }
        }
    }

    /// Lets everybody go who waits for a record; the records themselves go on waiting.
    private func fail(_ error: any Error) {
        let (released, isNew) = state.withLock { state -> ([CheckedContinuation<Bool, Never>], Bool) in
            defer { (state.isBroken, state.writing) = (true, nil) }
            let go = state.waiting.compactMap(\.continuation)
            for index in state.waiting.indices { state.waiting[index].continuation = nil }
            return (go, !state.isBroken)
        }
        if isNew {
            logger.error(
                "the audit log cannot be written", metadata: ["error": "\(error)", "changes": settings.refuses ? "refused" : "made"])
        }
        for continuation in released { continuation.resume(returning: false) }
    }

    private func write(_ batch: ArraySlice<Waiting>) async throws {
        guard settings.file != nil else { return }
        let lines = batch.flatMap { Array($0.record.line.utf8) + [UInt8(ascii: "\n")] }
        let sequence = String(state.withLock { $0.writtenSequence })
        let mark = String(repeating: "0", count: max(0, 12 - sequence.count)) + "\(sequence)-\(chain)"
        let failure = await withCheckedContinuation { (continuation: CheckedContinuation<AuditFile.Failure?, Never>) in
            queue.async { [self] in
                let now = Int64(Date().timeIntervalSince1970 * 1000)
                continuation.resume(
                    returning: file.withLock { file -> AuditFile.Failure? in
                        do throws(AuditFile.Failure) { try file?.append(lines, now: now, mark: mark) } catch { return error }
                        return nil
                    })
            }
        }
        if let failure {
            fileFailures.increment()
            throw failure
        }
        inFile.increment(by: batch.count)
    }

    private func insert(_ batch: [Waiting]) async throws(DatabaseError) {
        guard let last = batch.last else { return }
        do throws(DatabaseError) {
            try await store.addAudit(
                batch.map(\.record), chain: chain, lastSequence: last.record.sequence, lastCode: last.code,
                lastSeal: key.lastSeal(chain: chain, sequence: last.record.sequence, code: last.code))
        } catch {
            tableFailures.increment()
            throw error
        }
        inTable.increment(by: batch.count)
    }

    /// What is done once a second, and at the end.
    func tick(isEnd: Bool = false) async {
        let now = Int64(Date().timeIntervalSince1970 * 1000)
        let writing = state.withLock { state in
            if state.sample.leftOut > 0 {
                let entry = AuditEntry(
                    identity: AuditEntry.own, time: now, eventName: "RefusedRequestsLeftOut", isReadOnly: true,
                    additional: [("requests", state.sample.leftOut)])
                if append(entry, nil, &state) { state.sample.leftOut = 0 }
            }
            if state.lost > 0, state.waiting.count < Self.mostWaiting {
                let entry = AuditEntry(
                    identity: AuditEntry.own, time: now, eventName: "RecordsLost", isReadOnly: true, additional: [("records", state.lost)])
                if append(entry, nil, &state) { state.lost = 0 }
            }
            if !state.waiting.isEmpty { beginWriting(&state) }
            return state.writing
        }
        await writing?.value
        await tellNewest(isEnd: isEnd)
    }

    /// Has the database know the newest record of a log that is only in a file, so that it is noticed when the end is cut off.
    private func tellNewest(isEnd: Bool) async {
        let (sequence, code, told) = state.withLock { ($0.writtenSequence, $0.writtenCode, $0.toldSequence) }
        guard sequence > told || isEnd else { return }
        do throws(DatabaseError) {
            try await store.addAudit(
                [], chain: chain, lastSequence: sequence, lastCode: code,
                lastSeal: key.lastSeal(chain: chain, sequence: sequence, code: code), isEnd: isEnd)
            state.withLock { $0.toldSequence = max($0.toldSequence, sequence) }
        } catch {
            logger.warning("the newest record of the audit log is not told to the database", metadata: ["error": "\(error)"])
        }
    }
}
