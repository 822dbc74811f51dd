import Glibc
import Locking
import Logging
import NIOCore
import SQL
import Store

/// Writes fragments into packs, in rounds: what has come meanwhile is written, the packs synced once each, all indexed by one batch, and
/// everybody told. While a round is being committed the next is written.
///
/// Threads: any may add work. Files are written on a thread of its own, and batches by a task, one after the other.
final class RoundWriter: Sendable {
    /// Something to be written.
    enum Work: Sendable {
        /// More of a fragment, which is told when it is written, and synced with the fragment's end.
        case part(FragmentDraft, ByteBuffer, Outcome<Void, IngestFailure>)
        /// The rest of a fragment.
        case end(FragmentDraft, ByteBuffer, FragmentEnd, Finish)

        var draft: FragmentDraft {
            switch self {
            case .part(let draft, _, _), .end(let draft, _, _, _): draft
            }
        }

        var payload: ByteBuffer {
            switch self {
            case .part(_, let bytes, _), .end(_, let bytes, _, _): bytes
            }
        }

        var fragmentEnd: FragmentEnd? {
            switch self {
            case .part: nil
            case .end(_, _, let end, _): end
            }
        }
    }

    /// Who waits for a fragment, and what is committed beside it.
    struct Finish: Sendable {
        let written = Outcome<Void, Never>()
        let stored = Outcome<FragmentRecord, IngestFailure>()
        let beside: (@Sendable (FragmentRecord, inout Batch) -> Void)?
    }

    /// A fragment that is written and synced.
    private struct Stored: Sendable {
        let record: FragmentRecord
        let draft: FragmentDraft
        let finish: Finish
    }

    private struct Round: Sendable {
        var fragments: [Stored] = []
        /// The packs with fragments in it, and how far they reach.
        var packs: [(pack: Pack, bytes: Int64)] = []
        let began: ContinuousClock.Instant
    }

    private struct Inbox: Sendable {
        var works: [Work] = []
        var bytes = 0
        var isClosed = false
        /// The thread has been woken and has not looked yet.
        var isRung = false
    }

    private let shelf: any PackShelf
    private let tuning: FragmentStore.Tuning
    private let memory: MemoryBudget
    private let metrics: StoreMetrics
    private let logger: Logger
    private let inbox = Lock(Inbox())
    private let bell = Semaphore(0)
    /// How many rounds may begin.
    private let slots = Semaphore(2)
    private let rounds: AsyncStream<Round>.Continuation
    /// Ends behind the last of `rounds`; `close` awaits it.
    private let committer: Task<Void, Never>
    private let isStarted = Lock(false)
    /// Told by the thread as the last it does.
    private let ended = Outcome<Void, Never>()

    /// A writer of the packs of a shelf. It works once it is started.
    init(_ shelf: any PackShelf, _ tuning: FragmentStore.Tuning, _ memory: MemoryBudget, _ metrics: StoreMetrics, _ logger: Logger) {
        self.shelf = shelf
        self.tuning = tuning
        self.memory = memory
        self.metrics = metrics
        self.logger = logger
        let (stream, continuation) = AsyncStream<Round>.makeStream()
        rounds = continuation
        let slots = slots
        committer = Task {
            for await round in stream {
                await Self.commit(round, shelf, metrics)
                for (pack, _) in round.packs { pack.roundEnded() }
                slots.signal()
            }
        }
    }

    func start() throws(FileFailure) {
        do throws(SystemThread.Failure) {
            try SystemThread {
                self.run()
                self.ended.tell(.success(()))
            }.detach()
        } catch {
            throw FileFailure("pthread_create", code: error.code)
        }
        isStarted.withLock { $0 = true }
    }

    /// Takes work over; nothing more once closed, which its sessions are told.
    func add(_ work: Work) {
        let isTaken = inbox.withLock { inbox in
            if inbox.isClosed { return false }
            inbox.works.append(work)
            inbox.bytes += work.payload.readableBytes
            ring(&inbox)
            return true
        }
        if !isTaken { fail([work], .internal("the store is closed")) }
    }

    /// Writes and commits what was added, and ends. Blocks nobody but its caller's task.
    func close() async {
        inbox.withLock { inbox in
            inbox.isClosed = true
            ring(&inbox)
        }
        if isStarted.withLock({ $0 }) { await ended.value() }
        rounds.finish()
        await committer.value
    }

    private func ring(_ inbox: inout Inbox) {
        guard !inbox.isRung else { return }
        inbox.isRung = true
        bell.signal()
    }

    // MARK: On its thread

    private func run() {
        var lanes = Lanes()
        var last = ContinuousClock.now - tuning.roundInterval
        while true {
            bell.wait(milliseconds: 1000)
            let pause = last + tuning.roundInterval - .now
            if pause > .zero, !isUrgent { usleep(UInt32(pause / .microseconds(1))) }
            let (works, isClosed) = take()
            if works.isEmpty {
                lanes.roll { ContinuousClock.now - $0.opened > tuning.packSpan }
                for pack in lanes.takeDone() { shelf.filled(pack) }
                if isClosed { return }
                continue
            }
            last = .now
            slots.wait()
            let round = write(works, &lanes)
            for (pack, _) in round.packs { pack.roundBegan() }
            rounds.yield(round)
            for pack in lanes.takeDone() { shelf.filled(pack) }
        }
    }

    private var isUrgent: Bool { inbox.withLock { $0.isClosed || $0.bytes >= tuning.roundBytes } }

    /// What has waited longest, as much as a round may have.
    private func take() -> (works: [Work], isClosed: Bool) {
        inbox.withLock { inbox in
            var bytes = 0
            let count = inbox.works.prefix(tuning.roundFragments).prefix { work in
                defer { bytes += work.payload.readableBytes }
                return bytes < tuning.roundBytes
            }.count
            let taken = Array(inbox.works.prefix(count))
            inbox.works.removeFirst(count)
            inbox.bytes -= taken.reduce(0) { $0 + $1.payload.readableBytes }
            inbox.isRung = false
            if !inbox.works.isEmpty { ring(&inbox) }
            return (taken, inbox.isClosed)
        }
    }

    /// The packs of a thread: one for each retention that begins fragments, and those that only finish some.
    private struct Lanes {
        private var open: [Int64: Pack] = [:]
        private var rolled: [Pack] = []

        /// How many retentions have a pack of their own.
        private static let limit = 16

        /// The pack for a retention, if there is one: its own, or where there are as many as may be the next longer one's, else the longest one's.
        func pack(for hours: Int64) -> Pack? {
            if let own = open[hours] { return own }
            guard open.count >= Self.limit else { return nil }
            return open.keys.filter { $0 > hours }.min().flatMap { open[$0] } ?? open.keys.max().flatMap { open[$0] }
        }

        mutating func add(_ pack: Pack) { open[pack.retentionHours] = pack }

        mutating func roll(where isFull: (Pack) -> Bool) {
            for (hours, pack) in open where pack.isRolled || isFull(pack) {
                pack.roll()
                open[hours] = nil
                rolled.append(pack)
            }
        }

        mutating func takeDone() -> [Pack] {
            let done = rolled.filter { $0.takeWhenDone() }
            if !done.isEmpty { rolled.removeAll { pack in done.contains { $0 === pack } } }
            return done
        }
    }

    private struct Placed {
        let work: Work
        let part: PackRange
        let trackSet: PackRange
    }

    /// Writes and syncs; what cannot be stored is told so at once.
    private func write(_ works: [Work], _ lanes: inout Lanes) -> Round {
        var round = Round(began: .now)
        var rest = works
        var fullAttempts = 0
        var hasFailed = false
        while !rest.isEmpty {
            let failures = attempt(rest, &lanes, &round)
            if let full = failures.first(where: { $0.failure.isFull })?.failure, fullAttempts < 5, shelf.makeRoom() {
                logger.warning("the disk was full: the oldest media was dropped", metadata: ["failure": "\(full)"])
                fullAttempts += 1
                rest = failures.flatMap(\.works)
                continue
            }
            rest = []
            for (works, failure) in failures {
                logger.error("fragments could not be written", metadata: ["failure": "\(failure)", "fragments": "\(works.count)"])
                metrics.writeFailed()
                // Once more, from memory into a new pack; not where the disk is full.
                if failure.isFull || hasFailed {
                    if !failure.isFull { shelf.diskFailed("\(failure)") }
                    fail(works, .archival("\(failure)"))
                } else {
                    rest += works
                }
            }
            hasFailed = true
        }
        return round
    }

    private func attempt(_ works: [Work], _ lanes: inout Lanes, _ round: inout Round) -> [(works: [Work], failure: FileFailure)] {
        var failures: [(works: [Work], failure: FileFailure)] = []
        var plans: [(pack: Pack, plan: Pack.Plan, placed: [Placed])] = []
        var written: [ObjectIdentifier: Int] = [:]
        for work in works {
            let draft = work.draft
            let pack: Pack
            if let own = draft.state.pack {
                // What was written of it before is in doubt, and not in memory any more.
                guard !own.isSuspect else {
                    fail([work], .archival("a part of the fragment could not be synced"))
                    continue
                }
                pack = own
            } else {
                do {
                    pack = try self.pack(for: draft, &lanes)
                } catch {
                    switch error {
                    case .file(let failure): failures.append(([work], failure))
                    case .database(let failure): fail([work], .internal("\(failure)"))
                    }
                    continue
                }
            }
            let index =
                written[ObjectIdentifier(pack)]
                ?? {
                    plans.append((pack, Pack.Plan(pack), []))
                    written[ObjectIdentifier(pack)] = plans.count - 1
                    return plans.count - 1
                }()
            let (part, trackSet) = plans[index].plan.add(
                draft.head(work.fragmentEnd), work.payload, arn: draft.session.stream.arn, draft.start.trackSet)
            plans[index].placed.append(Placed(work: work, part: part, trackSet: trackSet))
            draft.packs.use(pack.id)
        }
        for (pack, plan, placed) in plans {
            do throws(FileFailure) {
                try pack.write(plan)
                if placed.contains(where: { $0.work.fragmentEnd != nil }) {
                    let began = ContinuousClock.now
                    try shelf.synchronize(pack)
                    metrics.synced(ContinuousClock.now - began)
                }
            } catch {
                // After a failed sync nobody knows what of it is on the disk: the pack ends with what was committed before.
                if !error.isFull { pack.suspect() }
                failures.append((placed.map(\.work), error))
                continue
            }
            finish(placed, in: pack, &round)
        }
        lanes.roll { _ in false }
        return failures
    }

    private func finish(_ placed: [Placed], in pack: Pack, _ round: inout Round) {
        var hasFragments = false
        for one in placed {
            memory.giveBack(one.work.payload.readableBytes)
            metrics.wrote(bytes: one.work.payload.readableBytes)
            switch one.work {
            case .part(let draft, _, let outcome):
                draft.add(one.part, trackSet: one.trackSet, in: pack)
                outcome.tell(.success(()))
            case .end(let draft, _, let end, let finish):
                hasFragments = true
                let record = draft.record(end, in: pack.name, draft.state.parts + [one.part], trackSet: one.trackSet)
                round.fragments.append(Stored(record: record, draft: draft, finish: finish))
                finish.written.tell(.success(()))
            }
        }
        if hasFragments { round.packs.append((pack, pack.end)) }
    }

    /// The pack that a fragment begins in.
    private func pack(for draft: FragmentDraft, _ lanes: inout Lanes) throws(PackOpening) -> Pack {
        lanes.roll { pack in
            pack.end >= min(tuning.packBytes, shelf.packBytes) || pack.fragmentCount >= tuning.packFragments
                || ContinuousClock.now - pack.opened > tuning.packSpan
        }
        if let found = lanes.pack(for: draft.retentionHours) {
            guard draft.packs.hasLeft(found.id) else { return found }
            found.roll()
            lanes.roll { _ in false }
        }
        let opened = try shelf.open(retentionHours: draft.retentionHours)
        lanes.add(opened)
        metrics.packOpened()
        return opened
    }

    private func fail(_ works: [Work], _ failure: IngestFailure) {
        for work in works { Self.fail(work, failure, memory) }
    }

    /// Tells whoever waits for it that it is not done.
    static func fail(_ work: Work, _ failure: IngestFailure, _ memory: MemoryBudget) {
        memory.giveBack(work.payload.readableBytes)
        work.draft.end()
        switch work {
        case .part(_, _, let outcome): outcome.tell(.failure(failure))
        case .end(_, _, _, let finish):
            finish.written.tell(.success(()))
            finish.stored.tell(.failure(failure))
        }
    }

    // MARK: In its task

    private static func commit(_ round: Round, _ shelf: any PackShelf, _ metrics: StoreMetrics) async {
        guard !round.fragments.isEmpty else { return }
        let began = ContinuousClock.now
        let records = round.fragments.map {
            IndexedFragment(
                record: $0.record, account: $0.draft.session.stream.key.account, epoch: $0.draft.session.epoch, beside: $0.finish.beside)
        }
        var progress: [PackProgress] = []
        for (pack, bytes) in round.packs {
            let times = records.filter { $0.record.place.pack == pack.name }.map(\.record.serverTime)
            guard let first = times.min(), let last = times.max() else { continue }
            progress.append(PackProgress(packID: pack.id, bytes: bytes, serverTimes: first...last))
        }
        let results = await shelf.index(records, progress)
        metrics.committed(
            fragments: records.count, bytes: records.reduce(0) { $0 + $1.record.size }, commit: ContinuousClock.now - began,
            round: ContinuousClock.now - round.began)
        for (fragment, result) in zip(round.fragments, results) {
            fragment.draft.end()
            fragment.finish.stored.tell(result)
        }
    }
}

/// Why no pack is opened.
enum PackOpening: Error {
    case file(FileFailure)
    case database(DatabaseError)
}

/// A fragment that is synced and to be indexed.
struct IndexedFragment: Sendable {
    let record: FragmentRecord
    let account: String
    let epoch: Int64
    let beside: (@Sendable (FragmentRecord, inout Batch) -> Void)?
}

/// Where a writer's packs are, and what makes a fragment of them count as stored.
protocol PackShelf: Sendable {
    /// Bytes beyond which no fragment begins in a pack, whatever else is set.
    var packBytes: Int64 { get }
    /// Makes a pack. Blocks.
    func open(retentionHours: Int64) throws(PackOpening) -> Pack
    /// Makes what was written durable, where that is promised. Blocks.
    func synchronize(_ pack: Pack) throws(FileFailure)
    /// Removes what may be removed where the disk is full; false where nothing may. Blocks.
    func makeRoom() -> Bool
    /// The disk failed twice.
    func diskFailed(_ why: String)
    /// Takes a pack over to which nothing more is written.
    func filled(_ pack: Pack)
    /// Makes fragments known to readers; for each what became of it.
    func index(_ fragments: [IndexedFragment], _ packs: [PackProgress]) async -> [Result<FragmentRecord, IngestFailure>]
}
