import Glibc
import Locking
import NIOCore
import NIOPosix
import ObjectStore
import SQL
import Store

/// Packs that are objects of a bucket, which all instances share: `TIER/rHOURS/DAY/ID.pack`, as in a media folder. Keeps on this machine's disk, in
/// files without names, those that were stored or read lately.
///
/// Threads: any task may use it at any time.
final class PackObjects: Sendable {
    private struct Kept {
        let file: any StoredFile
        let cost: Int64
        var used: UInt64
    }

    private struct State {
        var kept: [Int64: Kept] = [:]
        var bytes: Int64 = 0
        var clock: UInt64 = 0
        /// Those that are being fetched: once, whoever asks.
        var fetching: [Int64: Task<Result<any StoredFile, ReadFailure>, Never>] = [:]
    }

    let bucket: any Bucket
    let storeID: String
    private let warmClass: String?
    private let store: Store
    private let files: any FileSystem
    private let folder: String
    private let limit: Int64
    private let threads: NIOThreadPool
    /// For ids and keys.
    private let tiers: [String: PackFolder]
    private let state = Lock(State())

    /// Larger ones are not fetched, but read where they are, range by range.
    static let largestFetched: Int64 = 16 << 20
    /// What one that is not fetched counts for in the cache.
    private static let smallCost: Int64 = 4096

    init(
        _ configuration: FragmentStore.Objects, storeID: String, _ store: Store, _ files: any FileSystem, folder: String,
        clock: @escaping @Sendable () -> Int64, _ threads: NIOThreadPool
    ) {
        bucket = configuration.bucket
        warmClass = configuration.warmClass
        limit = configuration.cacheBytes
        self.storeID = storeID
        self.store = store
        self.files = files
        self.folder = folder
        self.threads = threads
        tiers = Dictionary(
            uniqueKeysWithValues: ["HOT", "WARM"].map { tier in
                (tier, PackFolder(tier: tier, storeID: storeID, path: tier.lowercased(), files: files, clock: clock))
            })
    }

    /// The name of a bucket in the database: what its object `store` says, else what the deployment has chosen for the first bucket it used.
    static func storeID(of bucket: any Bucket, _ store: Store) async throws -> String {
        let size = try await bucket.size(of: "store")
        let written = size == nil ? nil : String(buffer: try await bucket.get("store", 0..<256))
        _ = try await store.addFact("media-store", written ?? Token.random())
        guard let chosen = try await store.fact("media-store") else {
            throw FragmentStore.OpeningFailure(description: "The database does not keep the name of the media store.")
        }
        guard let written else {
            try await bucket.put("store", ByteBuffer(string: chosen))
            return chosen
        }
        guard written == chosen else {
            throw FragmentStore.OpeningFailure(
                description: "\(bucket.name) belongs to another deployment than this database: see its object `store`.")
        }
        return chosen
    }

    // MARK: Writing

    /// Makes a pack known to the database before its object is there. Returns its id, which no other has.
    func reserve(tier: String, retentionHours: Int64) async throws(DatabaseError) -> Int64 {
        guard let folder = tiers[tier] else { preconditionFailure("there is no tier \(tier)") }
        while true {
            let id = folder.nextID()
            if try await store.reservePack(id: id, tier: tier, retentionHours: retentionHours, storeID: storeID) { return id }
        }
    }

    /// What the pack of a reserved id begins with.
    func header(_ id: Int64, tier: String, retentionHours: Int64) -> ByteBuffer {
        PackFormat.Header(packID: id, isWarm: tier == "WARM", retentionHours: retentionHours, created: id >> 20).bytes
    }

    func put(_ id: Int64, tier: String, retentionHours: Int64, _ bytes: ByteBuffer) async throws(BucketFailure) {
        let attributes = ObjectAttributes(contentType: "application/octet-stream", storageClass: tier == "WARM" ? warmClass : nil)
        try await bucket.put(key(id, tier: tier, retentionHours: retentionHours), bytes, attributes)
    }

    func remove(_ pack: PackRow) async throws(BucketFailure) {
        forget(pack.id)
        try await bucket.remove(key(pack.id, tier: pack.tier, retentionHours: pack.retentionHours))
    }

    func key(_ id: Int64, tier: String, retentionHours: Int64) -> String {
        tiers[tier]?.path(of: id, retentionHours: retentionHours) ?? "\(tier.lowercased())/\(id)"
    }

    // MARK: Reading

    /// The pack of this id, as a file.
    func file(ofPack id: Int64) async throws(ReadFailure) -> any StoredFile {
        if let kept = take(id) { return kept }
        let task = state.withLock { state in
            if let task = state.fetching[id] { return task }
            // Of all who ask, and over when the first who asked goes on.
            let task = Task { await self.fetch(id) }
            state.fetching[id] = task
            return task
        }
        return try await task.value.get()
    }

    private func fetch(_ id: Int64) async -> Result<any StoredFile, ReadFailure> {
        defer { state.withLock { $0.fetching[id] = nil } }
        do {
            // One that is DELETING may have been put together with others since it was looked up, and stays for a while.
            guard let row = try await store.pack(id, storeID: storeID), row.committedBytes > 0 else { return .failure(.fragmentGone) }
            let key = key(id, tier: row.tier, retentionHours: row.retentionHours)
            guard row.committedBytes <= Self.largestFetched else {
                let file = ObjectFile(bucket, key, size: row.committedBytes)
                keep(id, file, cost: Self.smallCost)
                return .success(file)
            }
            let bytes = try await bucket.get(key, 0..<row.committedBytes)
            return .success(try await keep(id, bytes))
        } catch let error as DatabaseError {
            return .failure(.database(error))
        } catch BucketFailure.missing {
            return .failure(.fragmentGone)
        } catch {
            return .failure(.disk("\(error)"))
        }
    }

    /// Keeps the bytes of a pack for readers.
    @discardableResult
    func keep(_ id: Int64, _ bytes: ByteBuffer) async throws -> any StoredFile {
        let (files, folder) = (files, folder)
        let file = try await threads.runIfActive {
            let file = try files.createUnnamed(in: folder)
            try file.writeAll(bytes, at: 0)
            return file
        }
        keep(id, file, cost: Int64(bytes.readableBytes))
        return file
    }

    private func take(_ id: Int64) -> (any StoredFile)? {
        state.withLock { state in
            guard let kept = state.kept[id] else { return nil }
            state.clock += 1
            state.kept[id]?.used = state.clock
            return kept.file
        }
    }

    private func keep(_ id: Int64, _ file: any StoredFile, cost: Int64) {
        state.withLock { state in
            state.clock += 1
            state.bytes += cost - (state.kept[id]?.cost ?? 0)
            state.kept[id] = Kept(file: file, cost: cost, used: state.clock)
            guard state.bytes > limit else { return }
            // An eighth at once, so that the oldest are looked for seldom.
            for (old, kept) in state.kept.sorted(by: { $0.value.used < $1.value.used }) {
                guard state.bytes > limit - limit / 8 else { break }
                state.kept[old] = nil
                state.bytes -= kept.cost
            }
        }
    }

    private func forget(_ id: Int64) {
        state.withLock { state in
            state.bytes -= state.kept[id]?.cost ?? 0
            state.kept[id] = nil
        }
    }
}

/// An object that is read where it is.
final class ObjectFile: StoredFile {
    private let bucket: any Bucket
    private let key: String
    private let bytes: Int64

    init(_ bucket: any Bucket, _ key: String, size: Int64) {
        self.bucket = bucket
        self.key = key
        bytes = size
    }

    func read(into space: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileFailure) -> Int {
        let end = min(offset + Int64(space.count), bytes)
        guard offset < end else { return 0 }
        let (bucket, key) = (bucket, key)
        let answer: Result<ByteBuffer, BucketFailure>? = waitForTask {
            do throws(BucketFailure) { return .success(try await bucket.get(key, offset..<end)) } catch { return .failure(error) }
        }
        switch answer {
        case .success(let found):
            return found.withUnsafeReadableBytes { from in
                space.copyMemory(from: from)
                return from.count
            }
        case .failure(.missing): throw FileFailure("GET \(key)", code: ENOENT)
        case .failure(let failure): throw FileFailure("GET \(key): \(failure)", code: EIO)
        case nil: throw FileFailure("GET \(key)", code: EIO)
        }
    }

    func size() throws(FileFailure) -> Int64 { bytes }
    func write(_ bytes: [UnsafeRawBufferPointer], at offset: Int64) throws(FileFailure) -> Int { throw unchangeable }
    func synchronize() throws(FileFailure) { throw unchangeable }
    func allocate(_ range: Range<Int64>) throws(FileFailure) { throw unchangeable }
    func deallocate(_ range: Range<Int64>) throws(FileFailure) { throw unchangeable }
    func truncate(to size: Int64) throws(FileFailure) { throw unchangeable }

    private var unchangeable: FileFailure { FileFailure("an object does not change: \(key)", code: EROFS) }
}

/// A pack that is being made in memory, from its beginning to its end.
///
/// Threads: any may use it, one call at a time.
final class PackInMemory: StoredFile {
    private let content: Lock<ByteBuffer>

    /// With what it begins with.
    init(_ header: ByteBuffer) { content = Lock(header) }

    var bytes: ByteBuffer { content.withLock { $0 } }

    func write(_ bytes: [UnsafeRawBufferPointer], at offset: Int64) throws(FileFailure) -> Int {
        // The pointers are good for as long as this call is.
        nonisolated(unsafe) let bytes = bytes
        let written = content.withLock { content in
            guard offset == content.readableBytes else { return 0 }
            return bytes.reduce(0) { $0 + content.writeBytes($1) }
        }
        return written
    }

    func read(into space: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileFailure) -> Int {
        let bytes = bytes
        return bytes.withUnsafeReadableBytes { from in
            let part = from.dropFirst(Int(offset)).prefix(space.count)
            space.copyBytes(from: part)
            return part.count
        }
    }

    func size() throws(FileFailure) -> Int64 { Int64(bytes.readableBytes) }
    func synchronize() throws(FileFailure) {}
    func allocate(_ range: Range<Int64>) throws(FileFailure) {}
    func deallocate(_ range: Range<Int64>) throws(FileFailure) {}
    func truncate(to size: Int64) throws(FileFailure) {}
}
