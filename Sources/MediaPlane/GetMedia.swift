import Contract
import FragmentStore
import Identity
import Logging
import NIOCore
import Planes
import Store
import Synchronization

extension GetMedia: MediaOperation {
    static func check(_ input: Input) throws(OperationError) {
        let selector = input.startSelector
        let (missing, isGiven) =
            switch selector.startSelectorType {
            case .fragmentNumber: ("AfterFragmentNumber", selector.afterFragmentNumber != nil)
            case .serverTimestamp, .producerTimestamp: ("StartTimestamp", selector.startTimestamp != nil)
            case .continuationToken: ("ContinuationToken", selector.continuationToken != nil)
            case .now, .earliest: ("", true)
            }
        guard isGiven else {
            throw OperationError(
                .invalidArgument, "StartSelector needs \(missing) with the type \(selector.startSelectorType.rawValue).")
        }
        if let token = selector.continuationToken, selector.startSelectorType == .continuationToken, FragmentNumber(token) == nil {
            throw OperationError(
                .invalidArgument, "ContinuationToken is none that GetMedia has sent: pass the value of AWS_KINESISVIDEO_CONTINUATION_TOKEN."
            )
        }
    }
}

extension MediaPlane {
    /// Sends what is stored of a stream from a fragment on, then what comes.
    func getMedia(_ input: GetMedia.Input, _ call: MediaCall, _ writer: any ResponseWriter) async throws {
        let stream = try await stream(call.key)
        try await live.with(stream.arn) { live in
            guard let id = live.enterReader(limit: settings.readers) else {
                throw OperationError(
                    .connectionLimitExceeded,
                    "The stream \(call.key.name) is read by \(settings.readers ?? 0) connections, as many as may read it at once.")
            }
            metrics.readers.add(1, ordering: .relaxed)
            defer {
                live.leaveReader()
                metrics.readers.subtract(1, ordering: .relaxed)
            }
            try await writer.start(contentType: MediaDocument.contentType)
            let end = SoonEnd()
            writer.whenDraining {
                end.isDue.store(true, ordering: .relaxed)
                live.wake(id)
            }
            let elsewhere = await liveLinks?.enter(live)
            defer { liveLinks?.leave(live) }
            try await withThrowingTaskGroup(of: Bool.self) { tasks in
                tasks.addTask {
                    var reader = MediaReader(self, stream, live, writer, id, end)
                    try await reader.run(input.startSelector, elsewhere: elsewhere)
                    return true
                }
                // Nobody tells of what comes to instances that are not linked, or of time that has passed.
                tasks.addTask {
                    while (try? await Task.sleep(for: self.liveLinks?.isLinked(live) == true ? .seconds(1) : .milliseconds(250))) != nil {
                        live.wake(id)
                    }
                    return false
                }
                while let isOver = try await tasks.next(), !isOver {}
                tasks.cancelAll()
            }
        }
    }
}

/// Whether an answer is to end, after the fragment that it is in: the instance is about to stop.
private final class SoonEnd: Sendable {
    let isDue = Atomic(false)
}

/// The task of a connection of GetMedia that sends: fragments in the order of their numbers, out of memory where they come just now, out of the
/// store where they do not.
private struct MediaReader {
    private let plane: MediaPlane
    private let live: LiveStream
    private let writer: any ResponseWriter
    private let id: UInt64
    private let stored: FragmentSender
    /// Whether the answer is to end, after a whole fragment.
    private let soonEnd: SoonEnd
    /// As it was when it was last looked at.
    private var stream: StoredStream
    /// Of the fragment that was sent last: what comes is after it.
    private var sequence: Int64 = 0
    /// Fragments that begin earlier are not sent; nil where none is.
    private var notBefore: (time: Int64, isProducers: Bool)?
    /// Whether anything was sent out of memory.
    private var hasBegun = false
    /// When something was sent last.
    private var lastSent = ContinuousClock.now
    /// The newest that is stored, on whatever instance it began, as it was when that was last looked at.
    private var newest: FragmentNumber?
    private var looked = ContinuousClock.now - .seconds(3600)

    init(
        _ plane: MediaPlane, _ stream: StoredStream, _ live: LiveStream, _ writer: any ResponseWriter, _ id: UInt64, _ soonEnd: SoonEnd
    ) {
        self.soonEnd = soonEnd
        self.plane = plane
        self.stream = stream
        self.live = live
        self.writer = writer
        self.id = id
        stored = FragmentSender(plane, writer, .getMedia)
    }

    /// Returns when nothing was to be sent for as long as that may be, the stream is gone, or the answer is to end.
    ///
    /// - Parameter elsewhere: What `LiveLinks.enter` returned.
    mutating func run(_ selector: StartSelector, elsewhere: Int64?) async throws {
        do {
            try await seek(selector, elsewhere)
            while try await sendNext() {}
        } catch let failure as MediaDocument.Failure {
            try await writer.write(failure.tags(isFirst: isFirst))
        } catch let failure as ReadFailure {
            if case .streamGone = failure { return }
            plane.logger.warning("a stream cannot be read", metadata: ["stream": "\(stream.arn)", "error": "\(failure.context)"])
            try await writer.write(MediaDocument.Failure.internalError.tags(isFirst: isFirst))
        }
    }

    /// Whether nothing was sent yet.
    private var isFirst: Bool { !hasBegun && !stored.hasBegun }

    // MARK: Where to begin

    private mutating func seek(_ selector: StartSelector, _ elsewhere: Int64?) async throws {
        switch selector.startSelectorType {
        case .earliest: sequence = 0
        case .now:
            let known = elsewhere ?? live.openFragment.map { $0.sequence - 1 }
            sequence = if let known { known } else { try await latestSequence() }
        case .continuationToken: sequence = selector.continuationToken.flatMap { FragmentNumber($0) }?.sequence ?? 0
        case .fragmentNumber:
            guard let number = selector.afterFragmentNumber.flatMap({ FragmentNumber($0) }), try await isKnown(number) else {
                throw MediaDocument.Failure.fragmentNotFound
            }
            sequence = number.sequence
        case .serverTimestamp: try await seek(selector.startTimestamp?.milliseconds ?? 0, isProducers: false)
        case .producerTimestamp: try await seek(selector.startTimestamp?.milliseconds ?? 0, isProducers: true)
        }
    }

    /// The fragment whose span holds a time, else the next that begins later: of what is stored, then of what comes just now, then of the future.
    private mutating func seek(_ time: Int64, isProducers: Bool) async throws {
        // What is stored while the store is asked is among these.
        let coming = live.fragments.filter { $0.state != .broken }
        let found: FragmentRecord?
        if stream.retentionHours == 0 {
            found = plane.store.ringFragments(of: stream, after: 0, limit: .max).first { record in
                let start = isProducers ? record.producerTime : record.serverTime
                return start >= time || start + record.length >= time
            }
        } else if isProducers {
            found = try await plane.store.fragment(atProducerTime: time, of: stream)
        } else {
            found = try await plane.store.fragment(atServerTime: time, of: stream)
        }
        if let found {
            sequence = found.number.sequence - 1
            return
        }
        let starts = coming.map { isProducers ? $0.producerTime : $0.number.serverTime }
        // The last that begins no later holds the time, unless it is over: how long it is is not known before its end.
        if let place = starts.indices.last(where: { starts[$0] <= time && coming[$0].state == .open }) {
            sequence = coming[place].number.sequence - 1
            return
        }
        notBefore = (time, isProducers)
        sequence = try await plane.store.lastFragment(of: stream)?.number.sequence ?? 0
    }

    /// Of the newest fragment that has begun, whole or not.
    private func latestSequence() async throws -> Int64 {
        // Before the store is asked: what begins meanwhile is the next.
        let latest = live.latest
        let stored =
            stream.retentionHours == 0
            ? plane.store.ringFragments(of: stream, after: 0, limit: .max).last : try await plane.store.lastFragment(of: stream)
        return max(latest?.sequence ?? 0, stored?.number.sequence ?? 0)
    }

    private func isKnown(_ number: FragmentNumber) async throws -> Bool {
        if live.fragment(number) != nil { return true }
        if stream.retentionHours == 0 {
            return plane.store.ringFragments(of: stream, after: number.sequence - 1, limit: 1).first?.number == number
        }
        return try await plane.store.fragment(number, of: stream.key) != nil
    }

    // MARK: What is next

    /// Sends what comes next, after waiting for it; false where nothing came for as long as that may be.
    private mutating func sendNext() async throws -> Bool {
        if soonEnd.isDue.load(ordering: .relaxed) { return false }
        let (next, version) = live.next(after: sequence)
        var coming: FragmentNumber?
        if case .fragment(let number, let follows) = next {
            if follows {
                try await sendLive(number)
                return true
            }
            coming = number
        }
        guard let current = try await plane.store.stream(stream.key) else { throw ReadFailure.streamGone }
        stream = current
        var isAny = false
        for record in try await storedFragments() where coming.map({ record.number < $0 }) ?? true {
            if soonEnd.isDue.load(ordering: .relaxed) { return false }
            try await sendStored(record)
            isAny = true
        }
        if isAny { return true }
        if let coming {
            try await sendLive(coming)
            return true
        }
        if let limit = plane.settings.readerIdle, .now - lastSent >= .seconds(limit) { return false }
        await live.change(since: version, for: id)
        try Task.checkCancellation()
        return true
    }

    private func storedFragments() async throws -> [FragmentRecord] {
        if stream.retentionHours == 0 { return plane.store.ringFragments(of: stream, after: sequence, limit: Self.page) }
        return try await plane.store.fragments(of: stream, .all, after: .after(sequence), limit: Self.page).fragments
    }

    private static let page = 32

    private mutating func sendStored(_ record: FragmentRecord) async throws {
        defer { sequence = record.number.sequence }
        guard isWanted(record.number, record.producerTime) else { return }
        do {
            try await stored.send(record)
        } catch let failure as ReadFailure {
            // What expired meanwhile was not begun, and is passed over.
            if case .fragmentGone = failure { return }
            throw failure
        }
        try await end(record.number)
    }

    /// Whether a fragment is late enough, where reading begins with one of the future.
    private mutating func isWanted(_ number: FragmentNumber, _ producerTime: Int64) -> Bool {
        guard let (time, isProducers) = notBefore else { return true }
        guard (isProducers ? producerTime : number.serverTime) >= time else { return false }
        notBefore = nil
        return true
    }

    /// What stands behind a fragment.
    private mutating func end(_ number: FragmentNumber) async throws {
        if .now - looked > .seconds(1) {
            newest = try await plane.store.lastFragment(of: stream)?.number
            looked = .now
        }
        // How much earlier it began than the newest that has.
        let behind = max([newest, live.latest].compactMap { $0?.serverTime }.max() ?? 0, number.serverTime) - number.serverTime
        plane.metrics.behind(milliseconds: behind)
        try await writer.write(MediaDocument.tail(number, millisecondsBehind: behind))
        lastSent = .now
    }

    // MARK: What comes just now

    private mutating func sendLive(_ number: FragmentNumber) async throws {
        defer { sequence = number.sequence }
        // It may be stored, and gone from memory, since it was found.
        guard let fragment = live.fragment(number) else { return try await sendRest(of: number, from: 0) }
        guard isWanted(number, fragment.producerTime) else { return }
        var offset = 0
        while true {
            switch live.piece(of: number, at: offset) {
            case .bytes(let bytes):
                if offset == 0 {
                    try await writer.write(MediaDocument.head(fragment.trackSet, number, producerTime: fragment.producerTime))
                }
                hasBegun = true
                offset += bytes.readableBytes
                plane.metrics.sent(bytes.readableBytes, by: .getMedia)
                try await writer.write(bytes)
                lastSent = .now
            case .wait(let version):
                await live.change(since: version, for: id)
                try Task.checkCancellation()
            case .end:
                plane.metrics.sentFragment(by: .getMedia)
                return try await end(number)
            case .elsewhere: return try await sendRest(of: number, from: offset)
            case .broken:
                // Of what was not begun nobody knows.
                guard offset > 0 else { return }
                throw MediaDocument.Failure.writing
            }
        }
    }

    /// Sends from the store what memory does not hold any more, once it is there.
    private mutating func sendRest(of number: FragmentNumber, from offset: Int) async throws {
        while true {
            let (_, version) = live.next(after: .max)
            // Asked before the store is: one that is stored meanwhile is found there.
            let state = live.fragment(number)?.state
            guard let current = try await plane.store.stream(stream.key) else { throw ReadFailure.streamGone }
            stream = current
            let record =
                stream.retentionHours == 0
                ? plane.store.ringFragments(of: stream, after: number.sequence - 1, limit: 1).first { $0.number == number }
                : try await plane.store.fragment(number, of: stream.key)
            if let record {
                try await stored.send(record, from: offset > 0 ? offset : nil)
                return try await end(number)
            }
            guard state == .open || state == .whole else {
                guard offset > 0 else { return }
                throw MediaDocument.Failure.writing
            }
            await live.change(since: version, for: id)
            try Task.checkCancellation()
        }
    }
}
