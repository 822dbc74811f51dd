import Locking
import Logging
import NIOCore
import NIOPosix
import ObjectStore
import SQL
import Store

/// Takes fragments over from sessions, and has them stored.
protocol FragmentWriter: Sendable {
    func start() throws(FileFailure)
    /// Takes work over; nothing more once closed, which its sessions are told.
    func add(_ work: RoundWriter.Work)
    /// Stores what was added, and ends.
    func close() async
}

extension RoundWriter: FragmentWriter {}

/// Stores fragments as objects, in rounds: what has come meanwhile becomes one pack for each retention, which is one object, and once that is
/// stored its fragments are indexed by one batch and everybody is told. Several rounds store at a time; they commit one after the other.
///
/// Threads: any may add work.
final class ObjectWriter: FragmentWriter {
    private struct Inbox {
        var works: [RoundWriter.Work] = []
        var bytes = 0
        var isClosed = false
    }

    /// A pack that is stored.
    private struct StoredPack: Sendable {
        let id: Int64
        let retentionHours: Int64
        let bytes: Int64
        let fragments: [(record: FragmentRecord, work: Ending)]
    }

    /// The end of a fragment: what makes it whole.
    private struct Ending: Sendable {
        let draft: FragmentDraft
        let payload: ByteBuffer
        let end: FragmentEnd
        let finish: RoundWriter.Finish

        var work: RoundWriter.Work { .end(draft, payload, end, finish) }
    }

    private let tier: String
    private let objects: PackObjects
    private let store: Store
    private let index: FragmentIndex
    private let disk: DiskState
    private let files: any FileSystem
    private let folder: String
    private let tuning: FragmentStore.Tuning
    private let memory: MemoryBudget
    private let metrics: StoreMetrics
    private let threads: NIOThreadPool
    private let logger: Logger
    private let inbox = Lock(Inbox())
    private let bell: AsyncStream<Void>.Continuation
    private let bells: AsyncStream<Void>
    /// Ends once it is closed and nothing waits; `close` awaits it.
    private let task = Lock<Task<Void, Never>?>(nil)

    /// How many rounds store at a time.
    private static let roundsAtOnce = 4
    /// How many packs a round may become.
    private static let mostLanes = 16

    init(
        tier: String, _ objects: PackObjects, _ store: Store, _ index: FragmentIndex, _ disk: DiskState, _ files: any FileSystem,
        folder: String, _ tuning: FragmentStore.Tuning, _ memory: MemoryBudget, _ metrics: StoreMetrics, _ threads: NIOThreadPool,
        _ logger: Logger
    ) {
        self.tier = tier
        self.objects = objects
        self.store = store
        self.index = index
        self.disk = disk
        self.files = files
        self.folder = folder
        self.tuning = tuning
        self.memory = memory
        self.metrics = metrics
        self.threads = threads
        self.logger = logger
        (bells, bell) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    func start() throws(FileFailure) { task.withLock { $0 = Task { await self.run() } } }

    func add(_ work: RoundWriter.Work) {
        if case .part(let draft, let bytes, let written) = work {
            spool(bytes, of: draft, written)
            return
        }
        let isTaken = inbox.withLock { inbox in
            if inbox.isClosed { return false }
            inbox.works.append(work)
            inbox.bytes += work.payload.readableBytes
            return true
        }
        if isTaken { bell.yield() } else { RoundWriter.fail(work, .internal("the store is closed"), memory) }
    }

    func close() async {
        inbox.withLock { $0.isClosed = true }
        bell.yield()
        let task = task.withLock { task in
            defer { task = nil }
            return task
        }
        await task?.value
    }

    /// Puts a part of a long fragment aside on this machine's disk, until the fragment is whole.
    private func spool(_ bytes: ByteBuffer, of draft: FragmentDraft, _ written: Outcome<Void, IngestFailure>) {
        threads.submit { [files, folder, memory] state in
            do throws(FileFailure) {
                guard case .active = state else { throw FileFailure("the store is closed", code: 0) }
                let before = draft.spool
                let file = if let before { before.file } else { try files.createUnnamed(in: folder) }
                let length = before?.length ?? 0
                try file.writeAll(bytes, at: length)
                draft.putAside(FragmentDraft.Spool(file: file, length: length + Int64(bytes.readableBytes)))
                memory.giveBack(bytes.readableBytes)
                written.tell(.success(()))
            } catch {
                RoundWriter.fail(.part(draft, bytes, written), .archival("\(error)"), memory)
            }
        }
    }

    // MARK: Rounds

    private func run() async {
        var last = ContinuousClock.now - tuning.objectInterval
        // When the bell is to ring by itself.
        var alarm: ContinuousClock.Instant?
        var committed: Outcome<Void, Never>?
        await withTaskGroup(of: Void.self) { rounds in
            var running = 0
            for await _ in bells {
                while inbox.withLock({ !$0.works.isEmpty }) {
                    let due = last + tuning.objectInterval
                    guard isUrgent || due <= .now else {
                        if alarm != due { ring(at: due) }
                        alarm = due
                        break
                    }
                    if running == Self.roundsAtOnce {
                        await rounds.next()
                        running -= 1
                    }
                    let endings = take()
                    last = .now
                    let (before, done) = (committed, Outcome<Void, Never>())
                    committed = done
                    running += 1
                    rounds.addTask {
                        await self.round(endings, after: before)
                        done.tell(.success(()))
                    }
                }
                if inbox.withLock({ $0.isClosed && $0.works.isEmpty }) { break }
            }
        }
    }

    private var isUrgent: Bool { inbox.withLock { $0.isClosed || $0.bytes >= tuning.objectBytes } }

    /// Rings the bell when a round is due. Nobody awaits the task: it ends within a round's wait, and a bell that nobody hears does nothing.
    private func ring(at due: ContinuousClock.Instant) {
        Task { [bell] in
            try? await Task.sleep(until: due, clock: .continuous)
            bell.yield()
        }
    }

    /// What has waited longest, as much as a round may have.
    private func take() -> [Ending] {
        inbox.withLock { inbox in
            var bytes = 0
            let count = inbox.works.prefix(tuning.roundFragments).prefix { work in
                defer { bytes += work.payload.readableBytes }
                return bytes < tuning.objectBytes
            }.count
            let taken = Array(inbox.works.prefix(count))
            inbox.works.removeFirst(count)
            inbox.bytes -= taken.reduce(0) { $0 + $1.payload.readableBytes }
            return taken.compactMap { work in
                guard case .end(let draft, let payload, let end, let finish) = work else { return nil }
                return Ending(draft: draft, payload: payload, end: end, finish: finish)
            }
        }
    }

    private func round(_ endings: [Ending], after before: Outcome<Void, Never>?) async {
        let began = ContinuousClock.now
        let packs = await withTaskGroup(of: StoredPack?.self) { group in
            for (hours, endings) in Self.lanes(endings) { group.addTask { await self.stored(endings, retentionHours: hours) } }
            var packs: [StoredPack] = []
            for await case let pack? in group { packs.append(pack) }
            return packs
        }
        await before?.value()
        if !packs.isEmpty { await commit(packs, began) }
    }

    /// Fragments by the retention of the pack that they are for: their own, or where there are too many a longer one.
    private static func lanes(_ endings: [Ending]) -> [Int64: [Ending]] {
        var lanes = Dictionary(grouping: endings) { $0.draft.retentionHours }
        while lanes.count > mostLanes {
            let hours = lanes.keys.sorted()
            let shortest = lanes.removeValue(forKey: hours[0]) ?? []
            lanes[hours[1], default: []] += shortest
        }
        return lanes
    }

    /// Stores a pack of fragments; where that fails they are told so.
    private func stored(_ endings: [Ending], retentionHours: Int64) async -> StoredPack? {
        let id: Int64
        do throws(DatabaseError) {
            id = try await reserve(retentionHours: retentionHours)
        } catch {
            logger.error("a pack is not known to the database", metadata: ["error": "\(error)", "fragments": "\(endings.count)"])
            fail(endings, .internal("\(error)"))
            return nil
        }
        do {
            let file = PackInMemory(objects.header(id, tier: tier, retentionHours: retentionHours))
            let pack = Pack(.archive(id), retentionHours: retentionHours, file: file, end: Int64(PackFormat.headerSize))
            var plan = Pack.Plan(pack)
            var fragments: [(record: FragmentRecord, work: Ending)] = []
            for ending in endings {
                let draft = ending.draft
                let (part, trackSet) = plan.add(
                    draft.head(ending.end), try await whole(ending), arn: draft.session.stream.arn, draft.start.trackSet)
                fragments.append((draft.record(ending.end, in: .archive(id), [part], trackSet: trackSet), ending))
            }
            try pack.write(plan)
            let bytes = file.bytes
            let began = ContinuousClock.now
            try await objects.put(id, tier: tier, retentionHours: retentionHours, bytes)
            metrics.synced(ContinuousClock.now - began)
            metrics.packOpened()
            // Whoever reads it then finds it here; that it is not kept is no failure.
            _ = try? await objects.keep(id, bytes)
            for ending in endings {
                memory.giveBack(ending.payload.readableBytes)
                ending.finish.written.tell(.success(()))
            }
            metrics.wrote(bytes: bytes.readableBytes)
            return StoredPack(id: id, retentionHours: retentionHours, bytes: Int64(bytes.readableBytes), fragments: fragments)
        } catch {
            metrics.writeFailed()
            if error is BucketFailure { disk.failed("\(error)") }
            logger.error("fragments could not be stored", metadata: ["failure": "\(error)", "fragments": "\(endings.count)"])
            fail(endings, .archival("\(error)"))
            return nil
        }
    }

    private func reserve(retentionHours: Int64) async throws(DatabaseError) -> Int64 {
        let end = ContinuousClock.now + FragmentIndex.patience
        while true {
            do throws(DatabaseError) {
                return try await objects.reserve(tier: tier, retentionHours: retentionHours)
            } catch {
                guard error.kind != .mistake, ContinuousClock.now < end, (try? await Task.sleep(for: .milliseconds(100))) != nil else {
                    throw error
                }
            }
        }
    }

    /// All bytes of a fragment: what was put aside, and the rest.
    private func whole(_ ending: Ending) async throws -> ByteBuffer {
        guard let spool = ending.draft.spool else { return ending.payload }
        var bytes = try await threads.runIfActive { try spool.file.bytes(PackRange(offset: 0, length: spool.length)) }
        guard bytes.readableBytes == spool.length else { throw FileFailure("what was put aside is cut off", code: 5) }
        bytes.writeImmutableBuffer(ending.payload)
        return bytes
    }

    private func commit(_ packs: [StoredPack], _ began: ContinuousClock.Instant) async {
        let committing = ContinuousClock.now
        let fragments = packs.flatMap(\.fragments)
        let indexed = fragments.map {
            IndexedFragment(
                record: $0.record, account: $0.work.draft.session.stream.key.account, epoch: $0.work.draft.session.epoch,
                beside: $0.work.finish.beside)
        }
        let progress = packs.compactMap { pack -> PackProgress? in
            let times = pack.fragments.map(\.record.serverTime)
            guard let first = times.min(), let last = times.max() else { return nil }
            return PackProgress(packID: pack.id, bytes: pack.bytes, serverTimes: first...last)
        }
        let results = await index.add(indexed, progress)
        metrics.committed(
            fragments: fragments.count, bytes: fragments.reduce(0) { $0 + $1.record.size }, commit: ContinuousClock.now - committing,
            round: ContinuousClock.now - began)
        for (fragment, result) in zip(fragments, results) {
            fragment.work.draft.end()
            fragment.work.finish.stored.tell(result)
        }
        // Of a pack in which nothing was indexed for certain the object is of no use.
        for pack in packs where !zip(fragments, results).contains(where: { $0.record.place.pack == .archive(pack.id) && !$1.isRefused }) {
            try? await objects.bucket.remove(objects.key(pack.id, tier: tier, retentionHours: pack.retentionHours))
            try? await store.giveUpEmptyPack(pack.id)
        }
    }

    private func fail(_ endings: [Ending], _ failure: IngestFailure) {
        for ending in endings { RoundWriter.fail(ending.work, failure, memory) }
    }
}

extension Result<FragmentRecord, IngestFailure> {
    /// Whether the index was asked and would not have it.
    fileprivate var isRefused: Bool {
        switch self {
        case .failure(.fenced), .failure(.streamGone): true
        case .success, .failure(.quota), .failure(.archival), .failure(.internal): false
        }
    }
}
