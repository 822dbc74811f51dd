import FragmentStore
import Matroska
import NIOCore
import Planes

/// The task of a connection of PutMedia that reads: from the body through the parser and the rules to the store, and to those who read along.
struct Receiver {
    /// A fragment that is whole.
    struct Finished {
        let storing: StoringFragment
        let told: Acknowledgement.Fragment
        /// When its last byte came.
        let at: ContinuousClock.Instant
    }

    /// A fragment while it comes. Offsets are bytes from the start of the body.
    private struct Coming {
        let number: FragmentNumber
        let told: Acknowledgement.Fragment
        /// When it begins, by its producer.
        let producerTime: Int64
        /// What readers have not got yet, and where it ends: in the middle of a block, perhaps.
        var pending = ByteBuffer()
        var end: Int
        /// Where the block ends that came last, and the last that came whole.
        var blockEnd: Int
        var wholeEnd: Int

        mutating func block(to end: Int) {
            wholeEnd = blockEnd
            blockEnd = end
        }

        /// Takes bytes as they come; returns what readers may have: whole blocks, so that one that breaks off ends well.
        mutating func take(_ bytes: ByteBuffer) -> ByteBuffer? {
            if pending.readableBytes == 0 { pending = bytes } else { pending.writeImmutableBuffer(bytes) }
            end += bytes.readableBytes
            if blockEnd <= end { wholeEnd = blockEnd }
            return pending.readSlice(length: max(pending.readableBytes - (end - wholeEnd), 0))
        }
    }

    private let connection: ProducerConnection
    private let live: LiveStream
    private let finishing: AsyncStream<Finished>.Continuation
    private var machine: PutMediaSession
    private var parser = Parser(.service)
    private var trackSet: StoredTrackSet?
    private var coming: Coming?
    private var hasBegun = false
    private var bytePace: Pace?
    private var fragmentPace: Pace?

    init(
        _ connection: ProducerConnection, _ machine: PutMediaSession, _ live: LiveStream, _ finishing: AsyncStream<Finished>.Continuation
    ) {
        self.connection = connection
        self.machine = machine
        self.live = live
        self.finishing = finishing
        bytePace = connection.plane.settings.byteRate.map { Pace($0) }
        fragmentPace = connection.plane.settings.fragmentRate.map { Pace($0) }
    }

    /// Returns why nothing more is read. A fragment that is not whole then is forgotten.
    mutating func receive(_ body: RequestBody) async -> SessionEnd {
        var end: SessionEnd
        do {
            end = try await readAll(body)
        } catch let reason as SessionEnd {
            end = reason
        } catch let interruption as RequestBody.Interruption {
            end =
                switch interruption {
                case .clientLeft: .clientLeft
                case .silent: .silent
                case .draining: .draining
                case .malformed: .refused(.init(failure: .init(error: .streamRead, isOfFragment: coming != nil)))
                }
        } catch {
            end = .clientLeft
        }
        guard let coming else { return end }
        await connection.ingest.abandon()
        live.abandon(coming.number)
        if case .refused(var refusal) = end, refusal.fragment == nil {
            refusal.fragment = coming.told
            end = .refused(refusal)
        }
        return end
    }

    private mutating func readAll(_ body: RequestBody) async throws -> SessionEnd {
        for try await buffer in body {
            connection.somethingCame()
            connection.plane.metrics.received(buffer.readableBytes)
            while let event = parser.next(in: buffer.readableBytesUInt8Span) {
                if let end = try await take(event, buffer) { return end }
            }
            try await bytePace?.take(buffer.readableBytes)
        }
        for event in parser.finish() {
            if let end = try await take(event, ByteBuffer()) { return end }
        }
        return .complete
    }

    /// Does what an event in these bytes leads to; returns how the session ends, if it does.
    private mutating func take(_ event: Event, _ buffer: ByteBuffer) async throws -> SessionEnd? {
        if case .block(let block) = event { coming?.block(to: block.payload.upperBound) }
        for action in machine.take(event, now: connection.plane.clock()) {
            switch action {
            case .begin(let beginning): try await begin(beginning)
            case .append(let held, let range): try await append(buffer.piece(held, range))
            case .finish(let ending): if let end = try await finish(ending) { return end }
            case .fail(let failure): return .refused(.init(failure: failure))
            }
        }
        return nil
    }

    private mutating func begin(_ beginning: PutMediaSession.Beginning) async throws {
        try await fragmentPace?.take(1)
        let set = trackSet ?? StoredTrackSet(bytes: ByteBuffer(bytes: beginning.tracks.document))
        trackSet = set
        let number: FragmentNumber
        do throws(IngestFailure) {
            number = try await connection.ingest.begin(StoredStart(producerTime: beginning.producerTime, trackSet: set))
        } catch {
            throw SessionEnd(error, nil)
        }
        connection.fragmentBegan()
        let told = Acknowledgement.Fragment(timecode: beginning.timecode, number: number.description)
        let end = parser.offset
        coming = Coming(
            number: number, told: told, producerTime: beginning.producerTime, end: end - beginning.head.count, blockEnd: end, wholeEnd: end)
        live.begin(number, producerTime: beginning.producerTime, trackSet: set, isFirst: !hasBegun)
        hasBegun = true
        try await connection.acknowledgements.write(.buffering(told))
        try await append(ByteBuffer(bytes: beginning.head))
    }

    private mutating func append(_ bytes: ByteBuffer) async throws {
        guard bytes.readableBytes > 0, let number = coming?.number else { return }
        do throws(IngestFailure) {
            try await connection.ingest.append(bytes)
        } catch {
            throw SessionEnd(error, coming?.told)
        }
        if let whole = coming?.take(bytes), whole.readableBytes > 0 { live.append(whole, to: number) }
    }

    /// Returns how the session ends, if it was to end behind this fragment.
    private mutating func finish(_ ending: PutMediaSession.Ending) async throws -> SessionEnd? {
        try await append(ByteBuffer(bytes: ending.tagBytes))
        guard let whole = coming else { return nil }
        let storing: StoringFragment
        do throws(IngestFailure) {
            storing = try await connection.ingest.finish(
                StoredEnd(length: ending.length, flags: ending.flags),
                beside: connection.following(ending, serverTime: whole.number.serverTime, producerTime: whole.producerTime))
        } catch {
            throw SessionEnd(error, whole.told)
        }
        coming = nil
        if whole.pending.readableBytes > 0 { live.append(whole.pending, to: whole.number) }
        live.finish(whole.number)
        if ending.overlaps { connection.plane.metrics.overlap() }
        finishing.yield(Finished(storing: storing, told: whole.told, at: .now))
        let due = connection.fragmentEnded()
        try await connection.acknowledgements.write(.received(whole.told))
        return due
    }
}

extension ByteBuffer {
    /// These bytes, behind those that were held. Where they are a small part of what was read they are copied, so that they do not keep the rest.
    fileprivate func piece(_ held: HeldBytes, _ range: Range<Int>) -> ByteBuffer {
        guard let slice = getSlice(at: readerIndex + range.lowerBound, length: range.count) else { return ByteBuffer() }
        guard !held.isEmpty || slice.readableBytes * 2 < storageCapacity else { return slice }
        var copy = ByteBufferAllocator().buffer(capacity: held.count + slice.readableBytes)
        copy.writeBytes(held)
        copy.writeImmutableBuffer(slice)
        return copy
    }
}

/// Holds a client to a rate, by waiting: so many in a second, and as many at once.
private struct Pace {
    private let rate: Double
    private var owed = 0.0
    private var at = ContinuousClock.now

    init(_ rate: Int) { self.rate = Double(rate) }

    /// Returns once there is room for so many more.
    mutating func take(_ count: Int) async throws {
        let now = ContinuousClock.now
        let (seconds, attoseconds) = (now - at).components
        owed = max(0, owed - (Double(seconds) + Double(attoseconds) * 1e-18) * rate) + Double(count)
        at = now
        if owed > rate { try await Task.sleep(for: .seconds((owed - rate) / rate)) }
    }
}
