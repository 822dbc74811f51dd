import FoundationEssentials
import Locking
import Logging
import SQL
import Store

/// The packs of a tier, in a folder of this instance's, indexed by the database.
///
/// Threads: any may use it at any time.
final class ArchiveShelf: PackShelf {
    let folder: PackFolder
    private let store: Store
    private let disk: DiskState
    private let fragmentIndex: FragmentIndex
    private let room: @Sendable () async -> Bool
    private let hand: @Sendable (Pack) -> Void

    /// `room` drops the oldest media where that is what is wanted of a full disk; `hand` takes packs over that are full; `eventsWait`
    /// is called where something was committed beside fragments.
    init(
        _ folder: PackFolder, _ store: Store, _ disk: DiskState, _ quota: QuotaGauge, room: @escaping @Sendable () async -> Bool,
        hand: @escaping @Sendable (Pack) -> Void, eventsWait: @escaping @Sendable () -> Void, _ logger: Logger
    ) {
        self.folder = folder
        self.store = store
        self.disk = disk
        fragmentIndex = FragmentIndex(store, quota, eventsWait, logger)
        self.room = room
        self.hand = hand
    }

    /// A sixteenth of the disk, so that a full one has packs that are SEALED, and dropping the oldest drops little.
    var packBytes: Int64 { disk.space.map { $0.total / 16 } ?? .max }

    func open(retentionHours: Int64) throws(PackOpening) -> Pack {
        let id = folder.nextID()
        let (store, folder) = (store, folder)
        let opened: Result<Void, DatabaseError>? = waitForTask {
            do throws(DatabaseError) {
                return .success(
                    try await store.openPack(id: id, tier: folder.tier, retentionHours: retentionHours, storeID: folder.storeID))
            } catch {
                return .failure(error)
            }
        }
        if case .failure(let failure) = opened { throw .database(failure) }
        do throws(FileFailure) {
            return try folder.create(id, retentionHours: retentionHours, mostBytes: packBytes)
        } catch {
            // The row is of no use; what is left of it the next start removes.
            _ = waitForTask { (try? await store.abandonPack(id)) != nil ? try? await store.removePack(id) : nil }
            throw .file(error)
        }
    }

    func synchronize(_ pack: Pack) throws(FileFailure) { try pack.file.synchronize() }
    func makeRoom() -> Bool { waitForTask { [room] in await room() } ?? false }
    func diskFailed(_ why: String) { disk.failed(why) }

    func filled(_ pack: Pack) {
        // One that could not be synced is cut to what was committed, and sealed, at the next start.
        if !pack.isSuspect { hand(pack) }
    }

    func index(_ fragments: [IndexedFragment], _ packs: [PackProgress]) async -> [Result<FragmentRecord, IngestFailure>] {
        await fragmentIndex.add(fragments, packs)
    }
}

/// The folder of a tier's packs: `TIER/rHOURS/DAY/ID.pack` in the media folder, days in UTC.
///
/// Threads: any may use it at any time.
final class PackFolder: Sendable {
    /// HOT or WARM.
    let tier: String
    let storeID: String
    let path: String
    let files: any FileSystem
    private let clock: @Sendable () -> Int64
    private let lastID = Lock<Int64>(0)

    init(tier: String, storeID: String, path: String, files: any FileSystem, clock: @escaping @Sendable () -> Int64) {
        self.tier = tier
        self.storeID = storeID
        self.path = path
        self.files = files
        self.clock = clock
    }

    /// An id that no pack has: milliseconds since the epoch, and 20 random bits.
    func nextID() -> Int64 {
        lastID.withLock { last in
            last = max(clock() << 20 | Int64.random(in: 0..<1 << 20), last + 1)
            return last
        }
    }

    func path(of id: Int64, retentionHours: Int64) -> String {
        let hex = String(id, radix: 16)
        let name = String(repeating: "0", count: max(0, 16 - hex.utf8.count)) + hex
        return "\(path)/r\(retentionHours)/\(Self.day(id >> 20))/\(name).pack"
    }

    /// Makes the file of a pack, with its header.
    func create(_ id: Int64, retentionHours: Int64, mostBytes: Int64) throws(FileFailure) -> Pack {
        let path = path(of: id, retentionHours: retentionHours)
        try files.makeFolder(path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/"))
        let file = try files.create(path)
        let header = PackFormat.Header(packID: id, isWarm: tier == "WARM", retentionHours: retentionHours, created: id >> 20).bytes
        do throws(FileFailure) {
            try file.writeAll(header, at: 0)
        } catch {
            try? files.remove(path)
            throw error
        }
        return Pack(.archive(id), retentionHours: retentionHours, file: file, end: Int64(PackFormat.headerSize), mostBytes: mostBytes)
    }

    func open(_ pack: PackRow, writing: Bool) throws(FileFailure) -> any StoredFile {
        try files.open(path(of: pack.id, retentionHours: pack.retentionHours), writing: writing)
    }

    func remove(_ pack: PackRow) throws(FileFailure) {
        try files.remove(path(of: pack.id, retentionHours: pack.retentionHours))
    }

    /// The day of a moment in UTC, as in 2026-12-01.
    static func day(_ milliseconds: Int64) -> String {
        Date(timeIntervalSince1970: Double(milliseconds / 1000)).formatted(.iso8601.year().month().day())
    }
}
