import DequeModule
import FragmentStore
import Locking
import NIOCore
import Synchronization

/// The streams that this instance receives or sends as they come, and what of them readers may still want that is not stored yet.
///
/// Threads: any task may use it at any time.
final class LiveStreams: Sendable {
    private let streams = Lock<[String: LiveStream]>([:])
    private let settings: MediaSettings
    /// Bytes that all streams hold.
    let held = Atomic(0)

    init(_ settings: MediaSettings) { self.settings = settings }

    /// Has `body` work with what is live of a stream, by its ARN, which is there for as long as anybody works with it.
    func with<Answer>(_ arn: String, _ body: (LiveStream) async throws -> Answer) async rethrows -> Answer {
        let stream = streams.withLock { streams in
            let stream = streams[arn] ?? LiveStream(arn, settings, self)
            streams[arn] = stream
            stream.users += 1
            return stream
        }
        defer {
            streams.withLock { streams in
                stream.users -= 1
                if stream.users == 0 {
                    streams[arn] = nil
                    stream.forgetAll()
                }
            }
        }
        return try await body(stream)
    }

    /// Bytes of memory for which there is room, of all streams.
    fileprivate func hasRoom(for count: Int) -> Bool { held.load(ordering: .relaxed) + count <= settings.liveBytes }
    fileprivate func hold(_ count: Int) { held.add(count, ordering: .relaxed) }
}

/// What is live of one stream: the fragments that are being received, and those that are whole and not stored yet, as far as memory allows. A
/// producer never waits for a reader: what there is no room for is read from the store, once it is there.
///
/// Threads: any task may use it at any time.
final class LiveStream: Sendable {
    let arn: String
    private let settings: MediaSettings
    private unowned let all: LiveStreams
    private let state = Lock(State())
    /// Only touched under the lock of `LiveStreams`.
    nonisolated(unsafe) fileprivate var users = 0

    private struct State {
        /// In the order of their numbers.
        var fragments: Deque<LiveFragment> = []
        /// The sequence of the newest that began here.
        var latest: FragmentNumber?
        var heldBytes = 0
        /// Those of clients, and other instances.
        var readers = 0
        var instances = 0
        var waiting: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var nextReader: UInt64 = 0
        /// Rises with everything that happens.
        var version: UInt64 = 0

        func place(of number: FragmentNumber) -> Int? { fragments.firstIndex { $0.number == number } }

        mutating func changed() -> [CheckedContinuation<Void, Never>] {
            version += 1
            defer { waiting.removeAll(keepingCapacity: true) }
            return Array(waiting.values)
        }
    }

    fileprivate init(_ arn: String, _ settings: MediaSettings, _ all: LiveStreams) {
        self.arn = arn
        self.settings = settings
        self.all = all
    }

    /// The number of the newest fragment that began here; nil where none has since somebody has worked with the stream.
    var latest: FragmentNumber? { state.withLock { $0.latest } }

    /// Counts one more reader, unless there are `limit`; returns what it is called here.
    func enterReader(limit: Int?) -> UInt64? {
        state.withLock { state in
            if let limit, state.readers - state.instances >= limit { return nil }
            state.readers += 1
            state.nextReader += 1
            return state.nextReader
        }
    }

    func leaveReader() { state.withLock { $0.readers -= 1 } }

    /// Counts another instance as a reader; returns what it is called here.
    func enterInstance() -> UInt64 {
        state.withLock { state in
            state.readers += 1
            state.instances += 1
            state.nextReader += 1
            return state.nextReader
        }
    }

    func leaveInstance() {
        state.withLock { state in
            state.readers -= 1
            state.instances -= 1
        }
    }

    // MARK: Writing

    /// A fragment has begun. Before the first of a session, others may have come to another instance.
    func begin(_ number: FragmentNumber, producerTime: Int64, trackSet: TrackSet, isFirst: Bool) {
        change { state in
            let previous = isFirst ? nil : state.latest
            insert(LiveFragment(number: number, previous: previous?.sequence, producerTime: producerTime, trackSet: trackSet), &state)
        }
    }

    private func insert(_ fragment: LiveFragment, _ state: inout State) {
        // An older session's fragment may still be open when the newer one's begins.
        let place = state.fragments.lastIndex { $0.number < fragment.number }.map { $0 + 1 } ?? 0
        state.fragments.insert(fragment, at: place)
        state.latest = max(state.latest ?? fragment.number, fragment.number)
    }

    /// More bytes of a fragment have come: whole blocks.
    func append(_ bytes: ByteBuffer, to number: FragmentNumber) {
        change { state in
            guard let place = state.place(of: number) else { return }
            append(bytes, place, &state)
        }
    }

    private func append(_ bytes: ByteBuffer, _ place: Int, _ state: inout State) {
        let count = bytes.readableBytes
        state.fragments[place].length += count
        while state.heldBytes + count > settings.liveBytesOfStream || !all.hasRoom(for: count) {
            guard dropOldest(&state) else { break }
        }
        guard state.heldBytes + count <= settings.liveBytesOfStream, all.hasRoom(for: count) else {
            // Not even room for this: what follows is held, from here on.
            state.fragments[place].pieces.removeAll()
            state.fragments[place].start = state.fragments[place].length
            return
        }
        state.fragments[place].pieces.append(bytes)
        state.heldBytes += count
        all.hold(count)
    }

    /// A fragment is whole.
    func finish(_ number: FragmentNumber) {
        change { state in
            guard let place = state.place(of: number) else { return }
            state.fragments[place].state = .whole
            // Whoever comes from now on reads it from the store, a moment later.
            if state.readers == 0 { forget(place, &state) }
        }
    }

    /// A fragment will not be whole, or is not stored.
    func abandon(_ number: FragmentNumber) { remove(number) { $0.state = .broken } }

    /// A fragment is stored, so that a reader finds it there.
    func stored(_ number: FragmentNumber) { remove(number) { $0.state = .stored } }

    // MARK: Writing what another instance receives

    /// A fragment is being received by another instance, or was a moment ago. Of one that is known already what is held is kept.
    func begin(_ fragment: LiveFragment) {
        change { state in
            guard let place = state.place(of: fragment.number) else { return insert(fragment, &state) }
            if state.fragments[place].origin != nil { state.fragments[place].origin = fragment.origin }
        }
    }

    /// Bytes of such a fragment, from an offset on: those that are not here yet are taken.
    func append(_ bytes: ByteBuffer, to number: FragmentNumber, at offset: Int) {
        change { state in
            guard let place = state.place(of: number), state.fragments[place].state == .open, !state.fragments[place].isCut else { return }
            let known = state.fragments[place].length - offset
            guard known >= 0 else { return cut(place, &state) }
            guard let news = bytes.getSlice(at: bytes.readerIndex + known, length: bytes.readableBytes - known), news.readableBytes > 0
            else { return }
            append(news, place, &state)
        }
    }

    /// No more comes of such a fragment, and readers take it from the store once it is there.
    func cut(_ number: FragmentNumber) {
        change { state in
            guard let place = state.place(of: number) else { return }
            cut(place, &state)
        }
    }

    private func cut(_ place: Int, _ state: inout State) {
        forget(place, &state)
        (state.fragments[place].start, state.fragments[place].length) = (.max, .max)
    }

    /// Nothing more is heard of an instance, or of fragments that it does not name now: what is not stored will not be. `butWhole`: those that came as a
    /// whole may be still.
    func lose(_ origin: String, but named: Set<FragmentNumber> = [], butWhole: Bool = false) {
        change { state in
            for place in state.fragments.indices {
                let fragment = state.fragments[place]
                guard fragment.origin == origin, !named.contains(fragment.number) else { continue }
                switch fragment.state {
                case .open:
                    cut(place, &state)
                    state.fragments[place].state = .stored
                case .whole: if !butWhole { state.fragments[place].state = .stored }
                case .stored, .broken: continue
                }
            }
        }
    }

    func forgetAll() {
        change { state in
            all.hold(-state.heldBytes)
            state.heldBytes = 0
            state.fragments.removeAll()
        }
    }

    /// Lets a fragment go, unless readers are at it: they keep it until the next one goes.
    private func remove(_ number: FragmentNumber, _ mark: (inout LiveFragment) -> Void) {
        change { state in
            guard let place = state.place(of: number) else { return }
            mark(&state.fragments[place])
            while let first = state.fragments.first, first.state == .stored || first.state == .broken,
                state.readers == 0 || state.fragments.count > Self.keptForReaders
            {
                let count = first.heldBytes
                state.fragments.removeFirst()
                state.heldBytes -= count
                all.hold(-count)
            }
        }
    }

    /// Fragments that are kept while there are readers, though they are stored.
    private static let keptForReaders = 3

    /// Lets go of what is held of a fragment.
    private func forget(_ place: Int, _ state: inout State) {
        let count = state.fragments[place].heldBytes
        state.fragments[place].pieces.removeAll()
        state.fragments[place].start = state.fragments[place].length
        state.heldBytes -= count
        all.hold(-count)
    }

    /// Lets go of the oldest piece that is held; false where there is none.
    private func dropOldest(_ state: inout State) -> Bool {
        guard let place = state.fragments.firstIndex(where: { !$0.pieces.isEmpty }) else { return false }
        let piece = state.fragments[place].pieces.removeFirst()
        state.fragments[place].start += piece.readableBytes
        state.heldBytes -= piece.readableBytes
        all.hold(-piece.readableBytes)
        return true
    }

    private func change(_ body: (inout State) -> Void) {
        let woken = state.withLock { state in
            body(&state)
            return state.changed()
        }
        for waiter in woken { waiter.resume() }
    }

    // MARK: Reading

    /// What a reader finds that wants what follows a fragment.
    enum Next {
        /// This one. `follows`: nothing that this instance has seen lies between the two.
        case fragment(FragmentNumber, follows: Bool)
        case nothing
    }

    /// The first fragment that is live after `sequence`, and the version of what was looked at.
    func next(after sequence: Int64) -> (Next, version: UInt64) {
        state.withLock { state in
            guard let found = state.fragments.first(where: { $0.number.sequence > sequence && $0.state != .broken }) else {
                return (.nothing, state.version)
            }
            return (.fragment(found.number, follows: found.previous == sequence), state.version)
        }
    }

    /// The fragment that is being received, if its beginning is still held.
    var openFragment: FragmentNumber? {
        state.withLock { state in state.fragments.last { $0.state == .open && $0.start == 0 }?.number }
    }

    /// What this instance receives itself, in order and without the bytes; the sequence after which stands what is being received, or is to begin next; and the
    /// version of what was looked at.
    var own: (fragments: [LiveFragment], present: Int64?, version: UInt64) {
        state.withLock { state in
            let fragments = state.fragments.filter { $0.origin == nil }.map { fragment in
                var fragment = fragment
                fragment.pieces = []
                return fragment
            }
            let open = fragments.last { $0.state == .open && $0.start == 0 }
            return (fragments, open.map { $0.number.sequence - 1 } ?? state.latest?.sequence, state.version)
        }
    }

    /// What is known of the fragments that are live, in order.
    var fragments: [LiveFragment] { state.withLock { Array($0.fragments) } }

    /// What comes at a place in a fragment.
    enum Piece {
        case bytes(ByteBuffer)
        /// Nothing yet.
        case wait(version: UInt64)
        /// The fragment is whole, and this is its end.
        case end
        /// It is not held any more: the store has it, or will have it.
        case elsewhere
        /// It will never be whole.
        case broken
    }

    /// The bytes of a fragment at `offset`, as far as one piece has them.
    func piece(of number: FragmentNumber, at offset: Int) -> Piece {
        state.withLock { state in
            guard let place = state.place(of: number) else { return .elsewhere }
            let fragment = state.fragments[place]
            guard offset >= fragment.start else { return fragment.state == .broken ? .broken : .elsewhere }
            guard offset < fragment.length else {
                switch fragment.state {
                case .open: return .wait(version: state.version)
                case .whole, .stored: return .end
                case .broken: return .broken
                }
            }
            var start = fragment.start
            for piece in fragment.pieces {
                let end = start + piece.readableBytes
                if offset < end, let slice = piece.getSlice(at: piece.readerIndex + offset - start, length: end - offset) {
                    return .bytes(slice)
                }
                start = end
            }
            return .elsewhere
        }
    }

    /// The header and the times of a fragment that is live.
    func fragment(_ number: FragmentNumber) -> LiveFragment? {
        state.withLock { state in state.place(of: number).map { state.fragments[$0] } }
    }

    /// Returns when something has happened since `version`, when the reader is woken, or when its task is cancelled.
    func change(since version: UInt64, for reader: UInt64) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard state.version == version, !Task.isCancelled else { return true }
                    state.waiting[reader] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            wake(reader)
        }
    }

    /// Has a reader that waits look again.
    func wake(_ reader: UInt64) {
        state.withLock { $0.waiting.removeValue(forKey: reader) }?.resume()
    }
}

/// A fragment that is being received, or was a moment ago.
struct LiveFragment: Sendable {
    enum State { case open, whole, stored, broken }

    let number: FragmentNumber
    /// The sequence of the one before it; nil where this instance knows of none.
    let previous: Int64?
    let producerTime: Int64
    let trackSet: TrackSet
    /// Where it comes from, if another instance receives it; nil: this one does.
    var origin: String?
    var state = State.open
    /// What is held begins at `start` and ends at `length`, in bytes.
    fileprivate(set) var start = 0
    fileprivate(set) var length = 0
    fileprivate var pieces: Deque<ByteBuffer> = []

    fileprivate var heldBytes: Int { length - start }
    /// Whether nothing more comes of it.
    fileprivate var isCut: Bool { start == .max }

    init(number: FragmentNumber, previous: Int64?, producerTime: Int64, trackSet: TrackSet, origin: String? = nil) {
        self.origin = origin
        self.number = number
        self.previous = previous
        self.producerTime = producerTime
        self.trackSet = trackSet
    }
}
