import Locking
public import NIOCore
public import SQL
public import Store

/// One producer's connection to a stream: fragments one after the other, each begun, appended to, and finished or abandoned.
///
/// The newest session of a stream wins, from the moment in which its first fragment begins: an older one may finish the fragment it is in, and
/// is then fenced. Once a call has failed every later one fails alike.
///
/// Threads: any one task at a time; what `finish` returns may be awaited by others.
public final class IngestSession: Sendable {
    /// The stream as it was when the session was opened.
    public let stream: StoredStream
    private let session: MediaSession
    private let cause: EventCause
    private let store: FragmentStore
    private let shared: StreamState
    private let packs = SessionPacks()

    private struct State {
        var failure: IngestFailure?
        var draft: FragmentDraft?
        /// What of it waits in memory.
        var bytes = ByteBuffer()
        /// As many bytes as the fragment before had, or a part of it: room that is taken at once is not grown into, copy by copy.
        var expected = 0
        /// Nil before the first fragment.
        var block: SequenceBlock?
        var nextSequence: Int64 = 0
        /// The stream as it was last looked at, and when.
        var stream: StoredStream
        var looked = ContinuousClock.now
        /// The fragment before, and where it goes.
        var last: RoundWriter.Finish?
        var lastPlace: Place
        var isClosed = false
    }

    private let state: Lock<State>

    /// A fragment that is appended to is written in parts of this size.
    private static let partSize = 2 << 20
    /// What a session may have in memory when all together have too much.
    private static let smallPart = 128 << 10
    /// How old what is known of the stream may be.
    private static let lookInterval = Duration.seconds(5)

    /// Which writer takes its fragments.
    enum Place: Sendable, Hashable {
        case ring
        case hot
        case warm

        init(_ stream: StoredStream) {
            self = stream.retentionHours == 0 ? .ring : stream.storageTier == "WARM" ? .warm : .hot
        }
    }

    init(_ session: MediaSession, _ cause: EventCause, _ store: FragmentStore, _ shared: StreamState) {
        self.session = session
        self.cause = cause
        self.store = store
        self.shared = shared
        stream = session.stream
        state = Lock(State(stream: session.stream, lastPlace: Place(session.stream)))
    }

    /// The stream as it was when it was last looked at, which is a few seconds ago at most.
    public var current: StoredStream { state.withLock { $0.stream } }

    /// Begins a fragment and gives it its number. The server's time in it is now, or one more than that of the fragment before.
    public func begin(_ start: FragmentStart) async throws(IngestFailure) -> FragmentNumber {
        await abandon()
        do throws(IngestFailure) {
            try check()
            try await look()
            let current = current
            let place = Place(current)
            try await settle(at: place)
            if place != .ring {
                if let refusal = store.disk(of: place).refusal { throw .archival(refusal) }
                if store.quota.isReached(by: stream.key.account) { throw .quota }
            }
            let (sequence, floor) = try await nextSequence()
            guard let time = shared.nextServerTime(session.epoch, now: max(store.clock(), floor)) else { throw .fenced }
            guard
                let number = FragmentNumber(
                    sequence: sequence, serverTime: time, random: .random(in: 0..<FragmentNumber.randomValues))
            else { throw .internal("no number is left") }
            let draft = FragmentDraft(session, packs, retentionHours: current.retentionHours, number: number, start: start)
            state.withLock { state in
                state.draft = draft
                state.lastPlace = place
            }
            return number
        } catch {
            throw failed(error)
        }
    }

    /// Takes bytes of the fragment that has begun: the Cluster and what follows it, as they came. Returns when there is room for more, which is
    /// how a slow disk holds its producers back.
    public func append(_ bytes: ByteBuffer) async throws(IngestFailure) {
        try check()
        guard state.withLock({ $0.draft != nil }) else { throw failed(.internal("no fragment has begun")) }
        store.memory.take(bytes.readableBytes)
        let waiting = state.withLock { state in
            if state.bytes.readableBytes == 0 {
                state.bytes = bytes
            } else {
                state.bytes.reserveCapacity(state.expected)
                state.bytes.writeImmutableBuffer(bytes)
            }
            return state.bytes.readableBytes
        }
        if waiting >= Self.partSize || (waiting >= Self.smallPart && store.memory.isExceeded) { try await spill() }
    }

    /// Ends the fragment and has it stored. Returns when there is room for the next; `StoringFragment.stored` returns when this one is stored.
    ///
    /// - Parameter beside: Adds statements to the batch that stores the fragment, behind the one that indexes it: what follows from a fragment is
    ///   neither lost nor done without it. They must depend on its row in `fragment` (`stream_id`, `sequence`), which is not there where the
    ///   fragment is refused. May be called again, for another batch, where the outcome of the first was not known; is not where nothing is kept.
    public func finish(
        _ end: FragmentEnd, beside: (@Sendable (FragmentRecord, inout Batch) -> Void)? = nil
    ) async throws(IngestFailure) -> StoringFragment {
        try check()
        let (draft, bytes, place) = state.withLock { state in
            defer { (state.draft, state.bytes) = (nil, ByteBuffer()) }
            state.expected = state.bytes.readableBytes
            return (state.draft, state.bytes, state.lastPlace)
        }
        guard let draft else { throw failed(.internal("no fragment has begun")) }
        let finish = state.withLock { state in
            let finish = RoundWriter.Finish(beside: state.last == nil ? tellingFirst(beside) : beside)
            state.last = finish
            return finish
        }
        store.add(.end(draft, bytes, end, finish), to: place)
        if store.memory.isExceeded { await finish.written.value() }
        return StoringFragment(number: draft.number, outcome: finish.stored)
    }

    /// Forgets the fragment that has begun, if one has. Its number is not given again.
    public func abandon() async {
        let (draft, waiting) = state.withLock { state in
            defer { (state.draft, state.bytes) = (nil, ByteBuffer()) }
            return (state.draft, state.bytes.readableBytes)
        }
        store.memory.giveBack(waiting)
        draft?.end()
    }

    /// Adds that the fragment may be the stream's first. A later one of the session cannot be: where the first is not stored none is.
    private func tellingFirst(
        _ beside: (@Sendable (FragmentRecord, inout Batch) -> Void)?
    ) -> @Sendable (FragmentRecord, inout Batch) -> Void {
        { [session, cause] record, batch in
            batch.tellFirstFragment(record.number.sequence, of: session, cause)
            beside?(record, &batch)
        }
    }

    /// Ends the session: a fragment that is not finished is forgotten, those that are finished are stored still.
    ///
    /// - Parameter reason: As it is told, in capitals.
    public func close(reason: String = "CLIENT_LEFT") async {
        await abandon()
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            state.failure = state.failure ?? .internal("the session is closed")
            return !state.isClosed
        }
        if isFirst { await store.closed(session, reason: reason, cause) }
    }

    private func check() throws(IngestFailure) {
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// Keeps the first failure, which is that of every later call.
    private func failed(_ failure: IngestFailure) -> IngestFailure {
        state.withLock { state in
            let first = state.failure ?? failure
            state.failure = first
            return first
        }
    }

    /// Sees now and then whether the stream is still there, and where its fragments go.
    private func look() async throws(IngestFailure) {
        guard ContinuousClock.now - state.withLock({ $0.looked }) > Self.lookInterval else { return }
        guard let found = try await ask({ store throws(DatabaseError) in try await store.mediaStream(self.stream.key) }) else {
            throw .streamGone
        }
        state.withLock { ($0.stream, $0.looked) = (found, .now) }
    }

    private func ask<Answer>(_ question: (Store) async throws(DatabaseError) -> Answer) async throws(IngestFailure) -> Answer {
        do throws(DatabaseError) { return try await question(store.store) } catch { throw .internal("\(error)") }
    }

    /// Waits, where fragments go elsewhere from now on, until the one before is stored: so they are stored in their order.
    private func settle(at place: Place) async throws(IngestFailure) {
        let last = state.withLock { $0.lastPlace == place ? nil : $0.last }
        if let last { _ = try await last.stored.value() }
    }

    /// The sequence of the next fragment, and the time at which it may begin.
    private func nextSequence() async throws(IngestFailure) -> (sequence: Int64, floor: Int64) {
        let (block, next) = state.withLock { ($0.block, $0.nextSequence) }
        let current: SequenceBlock
        let sequence: Int64
        if let block, next <= block.last {
            (current, sequence) = (block, next)
        } else {
            current = try await nextBlock(isFirst: block == nil)
            sequence = current.first
        }
        state.withLock { ($0.block, $0.nextSequence) = (current, sequence + 1) }
        return (sequence, current.since)
    }

    private func nextBlock(isFirst: Bool) async throws(IngestFailure) -> SequenceBlock {
        let block: SequenceBlock?
        if isFirst {
            guard let time = shared.takeOver(session.epoch, now: store.clock()) else { throw .fenced }
            block = try await ask { store throws(DatabaseError) in try await store.takeOver(self.session, at: time) }
        } else {
            block = try await ask { store throws(DatabaseError) in try await store.extendSequences(of: self.session) }
        }
        if let block { return block }
        let isThere = try await ask { store throws(DatabaseError) in try await store.mediaStream(self.stream.key) != nil }
        throw isThere ? .fenced : .streamGone
    }

    /// Writes what waits in memory as a part of the fragment.
    private func spill() async throws(IngestFailure) {
        let (draft, bytes, place) = state.withLock { state in
            defer { state.bytes = ByteBuffer() }
            return (state.draft, state.bytes, state.lastPlace)
        }
        guard let draft else {
            store.memory.giveBack(bytes.readableBytes)
            throw failed(.internal("no fragment has begun"))
        }
        let written = Outcome<Void, IngestFailure>()
        store.add(.part(draft, bytes, written), to: place)
        do throws(IngestFailure) {
            try await written.value()
        } catch {
            state.withLock { $0.draft = nil }
            throw failed(error)
        }
    }
}

/// A finished fragment on its way to the disk.
public struct StoringFragment: Sendable {
    public let number: FragmentNumber
    let outcome: Outcome<FragmentRecord, IngestFailure>

    /// Returns when the fragment is stored: its bytes synced, its row committed, and in that commit the session was still the stream's writer.
    /// Where the stream keeps nothing (`FragmentRecord.isArchived` is false) it is in the ring, synced nowhere, and not to be told as PERSISTED.
    /// Fragments of a session are stored in their order.
    public func stored() async throws(IngestFailure) -> FragmentRecord { try await outcome.value() }
}
