import FragmentStore
import Links
import Locking
import Logging
import NIOCore
import Store
import Synchronization

/// What instances tell each other of a stream that one receives and the other reads, in the order in which it happens. On the wire: a length of four bytes,
/// a byte for what it is, the number of the fragment in twenty, and what is below; integers are big endian.
enum LiveMessage: Equatable {
    /// A fragment has begun: the sequence of the one before it in eight bytes, 0 where that is not known, the producer's time in eight, and the header, which is empty
    /// where it is that of the fragment that was told of before.
    case began(FragmentNumber, previous: Int64?, producerTime: Int64, header: ByteBuffer)
    /// Bytes from an offset on, which is in eight bytes.
    case bytes(FragmentNumber, at: Int, ByteBuffer)
    /// No more bytes of it come.
    case cut(FragmentNumber)
    case whole(FragmentNumber)
    /// It is stored, or was.
    case stored(FragmentNumber)
    /// It will never be whole, or is not stored.
    case broken(FragmentNumber)
    /// What was on its way when the stream was opened has been told of, but for its bytes. In eight bytes: after which sequence stood what was being received then, or
    /// was to begin next; -1 where that is not known. Version 0.2.0 sends nothing here, after all bytes.
    case ready(present: Int64?)

    fileprivate enum Code: UInt8 { case began = 1, bytes, cut, whole, stored, broken, ready }

    /// Bytes of a message at most, its length not counted: a header of 4 MiB, and what stands before it.
    private static let longest = 4 << 20 + 64

    var wire: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(0 as UInt32)
        switch self {
        case .began(let number, let previous, let producerTime, let header):
            buffer.write(.began, number)
            buffer.writeMultipleIntegers(previous ?? 0, producerTime)
            buffer.writeImmutableBuffer(header)
        case .bytes(let number, let offset, let bytes):
            buffer.write(.bytes, number)
            buffer.writeInteger(UInt64(offset))
            buffer.writeImmutableBuffer(bytes)
        case .cut(let number): buffer.write(.cut, number)
        case .whole(let number): buffer.write(.whole, number)
        case .stored(let number): buffer.write(.stored, number)
        case .broken(let number): buffer.write(.broken, number)
        case .ready(let present):
            buffer.writeInteger(Code.ready.rawValue)
            buffer.writeInteger(present ?? -1)
        }
        buffer.setInteger(UInt32(buffer.readableBytes - 4), at: buffer.readerIndex)
        return buffer
    }

    /// The next message of what has come, which is taken off; nil where it has not come as a whole. Throws where it is none.
    static func next(in buffer: inout ByteBuffer) throws(Malformed) -> LiveMessage? {
        guard let length = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return nil }
        guard length <= longest else { throw Malformed() }
        guard buffer.readableBytes >= 4 + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: 4)
        guard var bytes = buffer.readSlice(length: Int(length)), let code = bytes.readInteger(as: UInt8.self).flatMap(Code.init) else {
            throw Malformed()
        }
        if case .ready = code { return .ready(present: bytes.readInteger(as: Int64.self).flatMap { $0 >= 0 ? $0 : nil }) }
        guard let (sequence, time, random) = bytes.readMultipleIntegers(as: (Int64, Int64, UInt32).self),
            let number = FragmentNumber(sequence: sequence, serverTime: time, random: random)
        else { throw Malformed() }
        switch code {
        case .began:
            guard let (previous, producerTime) = bytes.readMultipleIntegers(as: (Int64, Int64).self) else { throw Malformed() }
            return .began(number, previous: previous == 0 ? nil : previous, producerTime: producerTime, header: bytes.slice())
        case .bytes:
            guard let offset = bytes.readInteger(as: UInt64.self), offset < 1 << 40 else { throw Malformed() }
            return .bytes(number, at: Int(offset), bytes.slice())
        case .cut: return .cut(number)
        case .whole: return .whole(number)
        case .stored: return .stored(number)
        case .broken: return .broken(number)
        case .ready: throw Malformed()
        }
    }

    /// What no version of this program sends.
    struct Malformed: Error {}
}

extension ByteBuffer {
    fileprivate mutating func write(_ code: LiveMessage.Code, _ number: FragmentNumber) {
        writeMultipleIntegers(code.rawValue, number.sequence, number.serverTime, number.random)
    }
}

/// Streams that other instances receive and clients of this one read, and the other way round: one stream of a link for each pair of instances and stream of media,
/// however many read it.
///
/// Whoever receives waits for nobody: where a link takes no more the rest of a fragment is told to come from the store, and what reads here does the same.
///
/// Threads: any task may use it at any time.
final class LiveLinks: LinkReceiver {
    private let links: Links
    private let live: LiveStreams
    /// The instance that receives a stream, by its ARN, as far as is known; nil where none does.
    private let receiver: @Sendable (String) async throws -> String?
    private let logger: Logger
    private let followings = Lock<[String: Following]>([:])
    /// Streams of media that come, and that go out.
    let incoming = Atomic(0)
    let outgoing = Atomic(0)

    /// A stream that clients read here.
    private final class Following: Sendable {
        private struct State {
            var readers = 0
            var task: Task<Void, Never>?
            /// Instances that are listened to, and whether what they receive comes.
            var instances: [String: Bool] = [:]
            /// Whether what was on its way elsewhere has been told of, or is not to be had.
            var isReady = false
            var waiting: [CheckedContinuation<Int64?, Never>] = []
        }

        private let state = Lock(State())

        func enter(_ start: () -> Task<Void, Never>) {
            state.withLock { state in
                state.readers += 1
                if state.task == nil { state.task = start() }
            }
        }

        /// Returns whether nobody is left.
        func leave() -> Bool {
            let task = state.withLock { state -> Task<Void, Never>? in
                state.readers -= 1
                return state.readers == 0 ? state.task : nil
            }
            task?.cancel()
            return task != nil
        }

        /// Returns whether the instance was not listened to.
        func begin(_ instance: String) -> Bool { state.withLock { $0.instances.updateValue(false, forKey: instance) == nil } }
        func heard(_ instance: String, _ isHeard: Bool) { state.withLock { $0.instances[instance] = isHeard } }
        func end(_ instance: String) { state.withLock { $0.instances[instance] = nil } }
        var hasLinks: Bool { state.withLock { $0.instances.values.contains(true) } }

        /// What was on its way elsewhere has been told of, with what `LiveMessage.ready` says of the present, or is not to be had.
        func becomeReady(present: Int64? = nil) {
            let waiting = state.withLock { state in
                state.isReady = true
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: present) }
        }

        /// What was told of the present to those who waited for it; nil where it is known here already, or cannot be had.
        func ready() async -> Int64? {
            await withCheckedContinuation { continuation in
                let isReady = state.withLock { state in
                    if !state.isReady { state.waiting.append(continuation) }
                    return state.isReady
                }
                if isReady { continuation.resume(returning: nil) }
            }
        }
    }

    /// How long a reader waits to begin for what is on its way elsewhere.
    private let patience: Duration
    /// How often it is looked who receives a stream.
    private static let interval = Duration.milliseconds(250)
    /// For how long an instance that cannot be reached may still store what came to it as a whole.
    private static let storing = Duration.seconds(20)
    /// After how long without a fragment on its way an instance tells no more.
    private static let silence = Duration.seconds(5)

    init(
        _ links: Links, _ live: LiveStreams, patience: Duration = .milliseconds(500),
        receiver: @escaping @Sendable (String) async throws -> String?, _ logger: Logger
    ) {
        self.patience = patience
        self.links = links
        self.live = live
        self.receiver = receiver
        self.logger = logger
        links.receive(.media, self)
    }

    // MARK: Reading

    /// Has what other instances receive of a stream come here too, until as many calls of `leave` were made. Returns once what is on its way is known here, or that
    /// takes too long: the sequence after which stood what another instance was receiving then, or was to begin next, where it has just told that.
    func enter(_ live: LiveStream) async -> Int64? {
        let following = followings.withLock { followings in
            let following = followings[live.arn] ?? Following()
            followings[live.arn] = following
            following.enter {
                // It keeps what it writes to for as long as it may.
                links.start { await self.live.with(live.arn) { live in await self.follow(live, following) } }
            }
            return following
        }
        return await following.ready()
    }

    func leave(_ live: LiveStream) {
        followings.withLock { followings in
            if followings[live.arn]?.leave() == true { followings[live.arn] = nil }
        }
    }

    /// Whether what another instance receives of a stream comes here.
    func isLinked(_ live: LiveStream) -> Bool { followings.withLock { $0[live.arn] }?.hasLinks ?? false }

    private func follow(_ live: LiveStream, _ following: Following) async {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask {
                try? await Task.sleep(for: self.patience)
                following.becomeReady()
            }
            // What is heard there first ends a pause.
            let (changes, changed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            tasks.addTask {
                while (try? await Task.sleep(for: Self.interval)) != nil { changed.yield() }
                changed.finish()
            }
            changed.yield()
            for await _ in changes {
                // A database that is away says nothing of who receives the stream.
                guard let found = try? await receiver(live.arn) else {
                    following.becomeReady()
                    continue
                }
                guard found != links.instance else {
                    // All that is on its way is known here anyway.
                    following.becomeReady()
                    continue
                }
                guard following.begin(found) else { continue }
                tasks.addTask {
                    await self.listen(to: found, live, following)
                    following.end(found)
                    changed.yield()
                }
            }
        }
    }

    /// Takes what an instance receives of a stream, until it receives none or is gone.
    private func listen(to instance: String, _ live: LiveStream, _ following: Following) async {
        // What another call told of, of the same instance, is not this one's to lose.
        let origin = "\(instance) \(UInt64.random(in: 0 ... .max))"
        defer {
            live.lose(origin)
            following.becomeReady()
        }
        var lost: ContinuousClock.Instant?
        while !Task.isCancelled {
            do {
                try await receive(from: instance, live, origin) { present in
                    lost = nil
                    following.heard(instance, true)
                    following.becomeReady(present: present)
                }
                return
            } catch let failure as LinkFailure {
                let since = lost ?? .now
                lost = since
                following.heard(instance, false)
                if case .unreachable = failure {
                    following.becomeReady()
                    live.lose(origin, butWhole: true)
                }
                if .now - since > Self.storing { return }
            } catch {
                logger.warning(
                    "an instance sends media that is not understood", metadata: ["instance": "\(instance)", "error": "\(error)"])
                return
            }
            try? await Task.sleep(for: Self.interval)
        }
    }

    private func receive(from instance: String, _ live: LiveStream, _ origin: String, _ ready: (Int64?) -> Void) async throws {
        let stream = try await links.open(.media, ByteBuffer(string: live.arn), at: instance)
        defer { stream.cancel() }
        incoming.add(1, ordering: .relaxed)
        defer { incoming.subtract(1, ordering: .relaxed) }
        var header: TrackSet?
        var named: Set<FragmentNumber>? = []
        var unread = ByteBuffer()
        while let bytes = try await stream.read() {
            if unread.readableBytes == 0 { unread = bytes } else { unread.writeImmutableBuffer(bytes) }
            while let message = try LiveMessage.next(in: &unread) {
                switch message {
                case .began(let number, let previous, let producerTime, let bytes):
                    if bytes.readableBytes > 0 { header = TrackSet(bytes: bytes) }
                    guard let header else { throw LiveMessage.Malformed() }
                    named?.insert(number)
                    live.begin(
                        LiveFragment(number: number, previous: previous, producerTime: producerTime, trackSet: header, origin: origin))
                case .bytes(let number, let offset, let bytes): live.append(bytes, to: number, at: offset)
                case .cut(let number): live.cut(number)
                case .whole(let number): live.finish(number)
                case .stored(let number): live.stored(number)
                case .broken(let number): live.abandon(number)
                case .ready(let present):
                    if let named { live.lose(origin, but: named) }
                    named = nil
                    ready(present)
                }
            }
        }
    }

    // MARK: Sending

    /// There are no messages about media.
    func take(_ message: ByteBuffer, from instance: String) -> Bool { false }

    func serve(_ stream: LinkStream, from instance: String) async {
        outgoing.add(1, ordering: .relaxed)
        defer { outgoing.subtract(1, ordering: .relaxed) }
        await live.with(String(buffer: stream.request)) { live in
            let id = live.enterInstance()
            defer { live.leaveInstance() }
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask {
                    var sender = LiveSender(live, stream, id)
                    try? await sender.run(silence: Self.silence)
                }
                // The other instance says nothing but that it has enough.
                tasks.addTask { while (try? await stream.read()) != nil {} }
                tasks.addTask { while (try? await Task.sleep(for: .seconds(1))) != nil { live.wake(id) } }
                await tasks.next()
                tasks.cancelAll()
            }
        }
    }
}

/// Sends what this instance receives of a stream to another, as it comes.
private struct LiveSender {
    private let live: LiveStream
    private let stream: LinkStream
    private let id: UInt64
    /// How far each fragment is sent that has been told of and is not over.
    private var sent: [FragmentNumber: Progress] = [:]
    private var header: TrackSet.ID?
    private var isReady = false

    private struct Progress {
        var offset = 0
        /// Whether its end, or that it is cut, has been told.
        var isDone = false
    }

    init(_ live: LiveStream, _ stream: LinkStream, _ id: UInt64) {
        self.live = live
        self.stream = stream
        self.id = id
    }

    /// Returns when nothing has been on its way for so long.
    mutating func run(silence: Duration) async throws {
        var last = ContinuousClock.now
        while true {
            let (fragments, present, version) = live.own
            for fragment in fragments where sent[fragment.number] == nil && (fragment.state == .open || fragment.state == .whole) {
                try await begin(fragment)
            }
            if !isReady {
                isReady = true
                try await stream.write(LiveMessage.ready(present: present).wire)
            }
            for fragment in fragments where sent[fragment.number] != nil { try await goOn(fragment) }
            for number in sent.keys.sorted() where !fragments.contains(where: { $0.number == number }) {
                // It was let go of before all of it was sent.
                if sent[number]?.isDone == false { try await stream.write(LiveMessage.cut(number).wire) }
                try await end(.stored(number), number)
            }
            if !sent.isEmpty { last = .now }
            guard .now - last < silence else { return stream.finish() }
            await live.change(since: version, for: id)
            try Task.checkCancellation()
        }
    }

    private mutating func begin(_ fragment: LiveFragment) async throws {
        sent[fragment.number] = Progress()
        let bytes = header == fragment.trackSet.id ? ByteBuffer() : fragment.trackSet.bytes
        header = fragment.trackSet.id
        let message = LiveMessage.began(
            fragment.number, previous: fragment.previous, producerTime: fragment.producerTime, header: bytes)
        try await stream.write(message.wire)
    }

    /// Sends what there is of a fragment, and what became of it.
    private mutating func goOn(_ fragment: LiveFragment) async throws {
        let number = fragment.number
        sending: while var progress = sent[number], !progress.isDone {
            switch live.piece(of: number, at: progress.offset) {
            case .bytes(let bytes):
                try await stream.write(LiveMessage.bytes(number, at: progress.offset, bytes).wire)
                progress.offset += bytes.readableBytes
            case .wait: break sending
            case .end:
                try await stream.write(LiveMessage.whole(number).wire)
                progress.isDone = true
            case .elsewhere:
                try await stream.write(LiveMessage.cut(number).wire)
                progress.isDone = true
            case .broken: return try await end(.broken(number), number)
            }
            sent[number] = progress
        }
        guard sent[number]?.isDone == true else { return }
        switch fragment.state {
        case .open, .whole: return
        case .stored: try await end(.stored(number), number)
        case .broken: try await end(.broken(number), number)
        }
    }

    private mutating func end(_ message: LiveMessage, _ number: FragmentNumber) async throws {
        sent[number] = nil
        try await stream.write(message.wire)
    }
}
