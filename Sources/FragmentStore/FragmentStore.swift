import Locking
public import Logging
import NIOCore
import NIOPosix
public import ObjectStore
public import Prometheus
import SQL
public import ServiceLifecycle
public import Store

/// The media of all streams: fragments as they came, in packs on this machine's disk, and their index in the database.
///
/// A fragment that was told as stored survives the loss of the process and of the machine's power, and is seen by whoever looks from then on.
///
/// Threads: any task may call any method at any time.
public final class FragmentStore: Service {
    /// What can be set.
    public struct Configuration: Sendable {
        /// What to do when the disk's reserve is reached.
        public enum WhenFull: String, Sendable, CaseIterable {
            /// New sessions are refused, and running ones end after the fragment they are in.
            case refuse
            /// The oldest packs are dropped, of whatever stream.
            case oldest
        }

        /// The folder of packs; made where it is missing. Where packs are objects, that of what is not to survive the process.
        public var directory: String
        /// Where packs are objects that all instances share; nil: files in the folder.
        public var objects: Objects?
        /// That of streams in the tier WARM; nil: the same.
        public var warmDirectory: String?
        public var whenFull = WhenFull.refuse
        /// Bytes of each disk that are left free; nil: the larger of a twentieth of it and 10 GiB, but at most a fifth.
        public var reserve: Int64?
        /// Bytes that an account may store; nil: any number.
        public var accountQuota: Int64?
        /// Milliseconds and bytes of a stream without retention that are at hand.
        public var ringSpan: Int64 = 300_000
        public var ringBytes: Int64 = 200_000_000
        /// Bytes of fragments that may wait in memory, of all sessions together; beyond, each session waits with 128 KiB at most.
        public var memory = 256 << 20
        /// The instance's id, kept with its sessions.
        public var instanceID: String
        package var tuning = Tuning()

        public init(directory: String, instanceID: String) {
            self.directory = directory
            self.instanceID = instanceID
        }

        /// Bytes that are left free of a disk of `total` bytes.
        public func reserve(of total: Int64) -> Int64 { reserve ?? DiskState.reserve(of: total) }
    }

    /// A bucket of packs.
    public struct Objects: Sendable {
        public var bucket: any Bucket
        /// The storage class of packs of the tier WARM; nil: the bucket's own.
        public var warmClass: String?
        /// Bytes on this machine's disk for packs that were stored or read lately.
        public var cacheBytes: Int64 = 1 << 30

        public init(bucket: any Bucket) { self.bucket = bucket }
    }

    /// How packs are made.
    package struct Tuning: Sendable {
        /// A round begins so long after the one before, at least, unless as many bytes wait as a round may have.
        package var roundInterval = Duration.milliseconds(10)
        package var roundBytes = 32 << 20
        package var roundFragments = 500
        /// A pack takes no further fragment beyond any of these.
        package var packBytes: Int64 = 1 << 30
        package var packSpan = Duration.seconds(600)
        package var packFragments = 16_384
        /// How many rows are removed at once when a pack is sealed.
        package var removal = 1000
        /// As `roundInterval` and `roundBytes`, where packs are objects.
        package var objectInterval = Duration.milliseconds(250)
        package var objectBytes = 8 << 20
        /// Packs are put together that are older than `settled`, once they have `regroupBytes` together or one is older than `regroupAge`; their
        /// objects stay for readers for `grace`. In milliseconds.
        package var settled: Int64 = 60_000
        package var regroupAge: Int64 = 600_000
        package var regroupBytes: Int64 = 64 << 20
        package var grace: Int64 = 900_000
        /// A pack that was made known and not written is given up after so many milliseconds. By then no PUT of it is on its way any more, so that
        /// an object that is removed later is gone for good.
        package var reservation: Int64 = 3_600_000
    }

    /// Why a store cannot be opened. The text is for operators.
    public struct OpeningFailure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    let store: Store
    let configuration: Configuration
    let clock: @Sendable () -> Int64
    let memory: MemoryBudget
    let quota: QuotaGauge
    let logger: Logger
    let metrics: StoreMetrics
    let eventsWait: @Sendable () -> Void
    private let files: any FileSystem
    private let hotDisk: DiskState
    private let warmDisk: DiskState
    private let streams = Lock<[Int64: StreamState]>([:])
    /// Packs that are full and could not be sealed when they were.
    let unsealed = Lock<[Pack]>([])
    private let opened = Lock<Opened?>(nil)
    /// Whether it was told that packs cannot be stored as objects.
    let storeIsAway = Lock(false)

    /// What there is between `open` and `close`.
    struct Opened: Sendable {
        let storeID: String
        let hot: PackFolder
        let warm: PackFolder
        let objects: PackObjects?
        let writers: [IngestSession.Place: any FragmentWriter]
        let ring: Ring
        let reader: PackReader
        let threads: NIOThreadPool
        let filled: AsyncStream<Pack>.Continuation
        /// Seals packs, until `filled` ends; `close` awaits it. Nil where nothing is written.
        let sealing: Task<Void, Never>?
        /// The folders, for this process alone.
        let holds: [any Sendable]

        var folders: [PackFolder] { [hot, warm] }
        func folder(of pack: PackRow) -> PackFolder { pack.tier == "WARM" ? warm : hot }
    }

    /// A store of media beside a store of everything else. Nothing is opened yet. `eventsWait` is called after events, and must return at once.
    public init(
        store: Store, configuration: Configuration, files: any FileSystem = LocalFiles(),
        clock: @escaping @Sendable () -> Int64 = systemTime, registry: Registry = Registry(),
        eventsWait: @escaping @Sendable () -> Void = {}, logger: Logger
    ) {
        self.store = store
        self.configuration = configuration
        self.files = files
        self.clock = clock
        self.eventsWait = eventsWait
        self.logger = logger
        memory = MemoryBudget(limit: configuration.memory)
        quota = QuotaGauge(quota: configuration.accountQuota)
        metrics = StoreMetrics(registry)
        hotDisk = DiskState(reserve: configuration.reserve)
        warmDisk = configuration.warmDirectory == nil ? hotDisk : DiskState(reserve: configuration.reserve)
        metrics.show(tier: "HOT", hotDisk)
        metrics.show(tier: "WARM", warmDisk)
        metrics.show(memory)
    }

    /// The media folder, or the store that all instances share, by its name in the database; nil while it is not open.
    public var storeID: String? { opened.withLock { $0?.storeID } }

    // MARK: Opening

    /// Takes the folders for this process alone, and makes them agree with the index: what was never told as stored is cut off. To be called
    /// before anything else.
    public func open() async throws {
        do {
            try await openFolders()
        } catch {
            await close()
            switch error {
            case let failure as FileFailure: throw OpeningFailure(description: "The media folder cannot be opened: \(failure)")
            case let failure as BucketFailure: throw OpeningFailure(description: "The media store cannot be used: \(failure)")
            case let failure as DatabaseError:
                throw OpeningFailure(description: "The media folder cannot be compared with the database: \(failure.message)")
            default: throw error
            }
        }
    }

    private func openFolders() async throws {
        let directory = configuration.directory
        let warmDirectory = configuration.warmDirectory ?? directory
        var holds: [any Sendable] = []
        for folder in Set([directory, warmDirectory]).sorted() {
            try files.makeFolder(folder)
            guard let hold = try files.hold(folder + "/lock") else {
                throw OpeningFailure(description: "The media folder \(folder) is in use by another process.")
            }
            holds.append(hold)
        }
        try await recordHolder(of: directory)
        if let objects = configuration.objects { return try await openObjects(objects, holds) }
        let storeID = try storeID(in: directory, else: Token.random())
        guard try self.storeID(in: warmDirectory, else: storeID) == storeID else {
            throw OpeningFailure(description: "\(warmDirectory) does not belong to \(directory): they were not used together before.")
        }
        let hot = PackFolder(tier: "HOT", storeID: storeID, path: directory + "/hot", files: files, clock: clock)
        let warm = PackFolder(tier: "WARM", storeID: storeID, path: warmDirectory + "/warm", files: files, clock: clock)
        try files.makeFolder(hot.path)
        try files.makeFolder(warm.path)
        let threads = NIOThreadPool(numberOfThreads: 8)
        threads.start()
        let ring = Ring(
            files, folder: directory, span: configuration.ringSpan, bytes: configuration.ringBytes, clock: clock)
        let (filled, hand) = AsyncStream<Pack>.makeStream()
        let room: @Sendable () async -> Bool = { [weak self] in await self?.makeRoom() ?? false }
        func shelf(_ folder: PackFolder, _ disk: DiskState) -> ArchiveShelf {
            ArchiveShelf(folder, store, disk, quota, room: room, hand: { hand.yield($0) }, eventsWait: eventsWait, logger)
        }
        let shelves: [IngestSession.Place: any PackShelf] = [.hot: shelf(hot, hotDisk), .warm: shelf(warm, warmDisk), .ring: ring]
        let writers: [IngestSession.Place: any FragmentWriter] = Dictionary(
            uniqueKeysWithValues: shelves.map { place, shelf in
                (place, RoundWriter(shelf, place == .ring ? ringTuning : configuration.tuning, memory, metrics, logger))
            })
        let sealing = Task { [weak self] in
            for await pack in filled { await self?.seal(pack) }
        }
        opened.withLock {
            $0 = Opened(
                storeID: storeID, hot: hot, warm: warm, objects: nil, writers: writers, ring: ring,
                reader: PackReader(store, [hot, warm], ring, metrics, threads, logger), threads: threads, filled: hand, sealing: sealing,
                holds: holds)
        }
        try await recover()
        await measureDisks()
        try await countQuota()
        for writer in writers.values { try writer.start() }
    }

    /// The same where packs are objects. What other instances write is there already: nothing is recovered.
    private func openObjects(_ settings: Objects, _ holds: [any Sendable]) async throws {
        let directory = configuration.directory
        let storeID = try await PackObjects.storeID(of: settings.bucket, store)
        let threads = NIOThreadPool(numberOfThreads: 32)
        threads.start()
        let objects = PackObjects(settings, storeID: storeID, store, files, folder: directory, clock: clock, threads)
        let ring = Ring(files, folder: directory, span: configuration.ringSpan, bytes: configuration.ringBytes, clock: clock)
        let index = FragmentIndex(store, quota, eventsWait, logger)
        func writer(_ tier: String, _ disk: DiskState) -> ObjectWriter {
            ObjectWriter(
                tier: tier, objects, store, index, disk, files, folder: directory, configuration.tuning, memory, metrics, threads, logger)
        }
        let writers: [IngestSession.Place: any FragmentWriter] = [
            .hot: writer("HOT", hotDisk), .warm: writer("WARM", warmDisk),
            .ring: RoundWriter(ring, ringTuning, memory, metrics, logger),
        ]
        // Of the folders nothing but this machine's disk is used.
        let folder = PackFolder(tier: "HOT", storeID: storeID, path: directory, files: files, clock: clock)
        let (_, hand) = AsyncStream<Pack>.makeStream()
        opened.withLock {
            $0 = Opened(
                storeID: storeID, hot: folder, warm: folder, objects: objects, writers: writers, ring: ring,
                reader: PackReader(store, [folder], ring, metrics, threads, logger, objects: objects), threads: threads, filled: hand,
                sealing: nil,
                holds: holds)
        }
        try await countQuota()
        for writer in writers.values { try writer.start() }
    }

    /// A file of the ring is gone once the last fragment in it is.
    private var ringTuning: Tuning {
        var tuning = configuration.tuning
        (tuning.packBytes, tuning.packSpan) = (min(tuning.packBytes, 32 << 20), min(tuning.packSpan, .seconds(60)))
        return tuning
    }

    /// Opens the folders for reading alone, beside the server that has them. Sessions are refused, and `run` is not for it.
    public func openForReading() throws {
        do throws(FileFailure) {
            let file = try files.open(configuration.directory + "/store", writing: false)
            let storeID = String(buffer: try file.bytes(PackRange(offset: 0, length: file.size())))
            let warmDirectory = configuration.warmDirectory ?? configuration.directory
            let hot = PackFolder(tier: "HOT", storeID: storeID, path: configuration.directory + "/hot", files: files, clock: clock)
            let warm = PackFolder(tier: "WARM", storeID: storeID, path: warmDirectory + "/warm", files: files, clock: clock)
            let threads = NIOThreadPool(numberOfThreads: 2)
            threads.start()
            let ring = Ring(files, folder: configuration.directory, span: 0, bytes: 0, clock: clock)
            let reader = PackReader(store, [hot, warm], ring, metrics, threads, logger)
            let (_, hand) = AsyncStream<Pack>.makeStream()
            opened.withLock {
                $0 = Opened(
                    storeID: storeID, hot: hot, warm: warm, objects: nil, writers: [:], ring: ring, reader: reader, threads: threads,
                    filled: hand,
                    sealing: nil, holds: [])
            }
        } catch {
            throw OpeningFailure(description: "\(configuration.directory) cannot be read as a media folder: \(error)")
        }
    }

    /// The name of a media folder, made where it has none.
    private func storeID(in folder: String, else new: String) throws -> String {
        let path = folder + "/store"
        let file = try openOrCreate(path)
        let text = String(buffer: try file.bytes(PackRange(offset: 0, length: file.size())))
        guard text.isEmpty else {
            guard text.utf8.count == new.utf8.count else { throw FileFailure("\(path) is not what Weir wrote", code: 0) }
            return text
        }
        // Where the process ends before this, the file is empty, and named by the next.
        try file.writeAll(ByteBuffer(string: new), at: 0)
        try file.synchronize()
        return new
    }

    /// Records this instance as the holder of the folder, and the one before it as stopped: its lock is ours, so it is gone, whatever its last
    /// heartbeat says. A full disk is no reason to have no media: the next holder waits then until it counts as dead.
    private func recordHolder(of folder: String) async throws {
        do {
            let file = try openOrCreate(folder + "/holder")
            let former = String(buffer: try file.bytes(PackRange(offset: 0, length: file.size())))
            if try await store.markStopped(instance: former) {
                logger.notice("the instance that had the media folder is gone", metadata: ["instance": "\(former)"])
            }
            // After the statement: where the process ends in between, the next start finds the former holder again.
            try file.truncate(to: 0)
            try file.writeAll(ByteBuffer(string: configuration.instanceID), at: 0)
        } catch let failure as FileFailure where failure.isFull {
            logger.warning("the holder of the media folder could not be recorded", metadata: ["error": "\(failure)"])
        }
    }

    /// A file of a folder whose lock is held.
    private func openOrCreate(_ path: String) throws(FileFailure) -> any StoredFile {
        do {
            return try files.open(path, writing: true)
        } catch {
            guard error.isMissing else { throw error }
            return try files.create(path)
        }
    }

    /// Finishes what waits, and gives the folders back. The bucket stays open, for whoever made it.
    public func close() async {
        guard let opened = opened.withLock({ $0 }) else { return }
        for writer in opened.writers.values { await writer.close() }
        opened.filled.finish()
        await opened.sealing?.value
        try? await opened.threads.shutdownGracefully()
        self.opened.withLock { $0 = nil }
    }

    /// Seals packs, removes what expired, watches the disks, until the process is asked to stop; then finishes what waits and gives the folders
    /// back.
    public func run() async throws {
        await cancelWhenGracefulShutdown { [self] in
            var round: UInt64 = 0
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                await measureDisks()
                opened.withLock { $0 }?.ring.dropOld()
                if round % 5 == 0 { await maintain() }
                if round % 60 == 0 { await giveUpReserved() }
                if round % 60 == 0 { await recountQuota() }
                round += 1
            }
        }
        await close()
    }

    // MARK: For sessions

    func use() throws(FileFailure) -> Opened {
        guard let opened = opened.withLock({ $0 }) else { throw FileFailure("the store is closed", code: 0) }
        return opened
    }

    /// Why no media is taken that is to be kept, without anything that is for operators alone; nil where it is.
    public var obstacle: String? {
        guard hotDisk.refusal ?? warmDisk.refusal != nil else { return nil }
        if configuration.objects != nil { return "the media store cannot be written to" }
        return hotDisk.hasFailed || warmDisk.hasFailed ? "the media disk has failed" : "the reserve of the media disk is reached"
    }

    func disk(of place: IngestSession.Place) -> DiskState {
        switch place {
        case .hot, .ring: hotDisk
        case .warm: warmDisk
        }
    }

    /// The disks and the folders on each.
    func disks(_ opened: Opened) -> [(state: DiskState, folders: [PackFolder])] {
        hotDisk === warmDisk ? [(hotDisk, [opened.hot, opened.warm])] : [(hotDisk, [opened.hot]), (warmDisk, [opened.warm])]
    }

    /// Hands work to the writer of its place; where the store is closed whoever waits for it is told so.
    func add(_ work: RoundWriter.Work, to place: IngestSession.Place) {
        if let writer = opened.withLock({ $0?.writers[place] }) {
            writer.add(work)
        } else {
            RoundWriter.fail(work, .internal("the store is closed"), memory)
        }
    }

    /// Opens a session of a stream that is CREATING, ACTIVE or UPDATING, the newest from now on.
    ///
    /// - Parameter cause: The producer's call.
    /// - Parameter limit: How many sessions of the stream may live on this instance with this one; nil: any number.
    public func openSession(
        _ key: ResourceKey, by cause: EventCause = EventCause(keyID: "", requestID: ""), limit: Int? = nil
    ) async throws(SessionRefusal) -> IngestSession {
        guard opened.withLock({ $0?.writers.isEmpty == false }) else { throw .disk("the store is not open for writing") }
        // Looked at before anything is written: whoever is refused changes nothing.
        guard let found = try await ask({ store throws(DatabaseError) in try await store.mediaStream(key) }) else { throw .notFound }
        let place = IngestSession.Place(found)
        if place != .ring {
            if let refusal = disk(of: place).refusal { throw .disk(refusal) }
            if quota.isReached(by: key.account) { throw .quota }
        }
        if let limit, let id = found.id, streams.withLock({ $0[id]?.sessionCount ?? 0 }) >= limit { throw .tooManySessions }
        let id = Int64.random(in: 1...(.max))
        let session = try await ask { store throws(DatabaseError) in
            try await store.openMediaSession(found.key, id: id, instanceID: self.configuration.instanceID, cause)
        }
        guard let session else { throw .notFound }
        eventsWait()
        let shared = streams.withLock { streams in
            let state = streams[session.streamID] ?? StreamState()
            streams[session.streamID] = state
            state.opened(session.epoch)
            return state
        }
        return IngestSession(session, cause, self, shared)
    }

    private func ask<Answer>(_ question: (Store) async throws(DatabaseError) -> Answer) async throws(SessionRefusal) -> Answer {
        do throws(DatabaseError) { return try await question(store) } catch { throw .database(error) }
    }

    /// A session has ended.
    func closed(_ session: MediaSession, reason: String, _ cause: EventCause) async {
        streams.withLock { streams in
            if streams[session.streamID]?.closed(session.epoch) == true { streams[session.streamID] = nil }
        }
        do throws(DatabaseError) {
            try await store.closeMediaSession(session, reason: reason, cause)
            eventsWait()
        } catch {
            logger.warning("the end of a session is not noted", metadata: ["error": "\(error)"])
        }
    }
}
