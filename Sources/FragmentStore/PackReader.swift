import Locking
import Logging
public import NIOCore
import NIOPosix
import SQL
import Store

/// Reads packs, on threads that may block. Keeps what was read lately: open files, and the index of extents.
///
/// Threads: any task may use it at any time.
final class PackReader: Sendable {
    private struct Extent: Hashable {
        let packID: Int64
        let offset: Int64
    }

    private struct State {
        var files = LeastRecentlyUsed<Int64, any StoredFile>(limit: 256)
        var sections = LeastRecentlyUsed<Extent, [FragmentRecord]>(limit: 512)
        /// Packs that were told to be missing.
        var missing: Set<Int64> = []
    }

    private let store: Store
    private let folders: [PackFolder]
    /// Where packs are objects; the folders have none then.
    private let objects: PackObjects?
    private let ring: Ring
    private let metrics: StoreMetrics
    private let threads: NIOThreadPool
    private let logger: Logger
    private let state = Lock(State())

    init(
        _ store: Store, _ folders: [PackFolder], _ ring: Ring, _ metrics: StoreMetrics, _ threads: NIOThreadPool,
        _ logger: Logger, objects: PackObjects? = nil
    ) {
        self.store = store
        self.folders = folders
        self.objects = objects
        self.ring = ring
        self.metrics = metrics
        self.threads = threads
        self.logger = logger
    }

    /// Runs what blocks on a thread for it.
    func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws(FileFailure) -> Value) async throws(FileFailure) -> Value {
        let result: Result<Value, FileFailure>? = try? await threads.runIfActive {
            do throws(FileFailure) { return .success(try work()) } catch { return .failure(error) }
        }
        // The threads are stopped with the store only.
        guard let result else { throw FileFailure("the store is closed", code: 0) }
        return try result.get()
    }

    /// Forgets a pack that is about to be removed.
    func forget(_ packID: Int64) {
        state.withLock { state in
            state.files[packID] = nil
            state.sections.removeAll { $0.packID == packID }
        }
    }

    /// Forgets everything that was read.
    func forgetAll() {
        state.withLock { state in
            state.files.removeAll { _ in true }
            state.sections.removeAll { _ in true }
        }
    }

    private func file(of name: FragmentPlace.PackName, _ fragment: FragmentRecord) async throws(ReadFailure) -> any StoredFile {
        switch name {
        case .ring:
            guard let file = ring.file(of: fragment) else { throw .fragmentGone }
            return file
        case .archive(let id): return try await file(ofPack: id)
        }
    }

    private func file(ofPack id: Int64) async throws(ReadFailure) -> any StoredFile {
        if let objects {
            do throws(ReadFailure) { return try await objects.file(ofPack: id) } catch {
                if case .fragmentGone = error { await tellIfLost(id) }
                throw error
            }
        }
        if let open = state.withLock({ $0.files[id] }) { return open }
        let row: PackRow?
        do throws(DatabaseError) {
            row = try await store.pack(id, storeID: folders[0].storeID)
        } catch {
            throw .database(error)
        }
        guard let row, row.state != "DELETING" else { throw .fragmentGone }
        guard let folder = folders.first(where: { $0.tier == row.tier }) else { throw .fragmentGone }
        do throws(FileFailure) {
            let file = try await blocking { () throws(FileFailure) in try folder.open(row, writing: false) }
            state.withLock { $0.files[id] = file }
            return file
        } catch {
            guard error.isMissing else { throw .disk("\(error)") }
            await tellIfLost(id)
            throw .fragmentGone
        }
    }

    /// Tells operators, once, of a pack that is not there although the database has something in it. One that has expired meanwhile is nothing to tell.
    private func tellIfLost(_ id: Int64) async {
        guard let row = try? await store.pack(id, storeID: folders[0].storeID), row.state != "DELETING", row.committedBytes > 0,
            state.withLock({ $0.missing.insert(id).inserted })
        else { return }
        metrics.foundDamage()
        logger.error("a pack is missing: what was stored in it cannot be read", metadata: ["pack": "\(String(id, radix: 16))"])
    }

    /// The fragments of an extent.
    func fragments(of extent: ExtentRow) async throws(ReadFailure) -> [FragmentRecord] {
        let key = Extent(packID: extent.packID, offset: extent.footerOffset)
        if let known = state.withLock({ $0.sections[key] }) { return known }
        let file = try await file(ofPack: extent.packID)
        let place = PackRange(offset: extent.footerOffset, length: extent.footerLength)
        let bytes: ByteBuffer
        do throws(FileFailure) {
            bytes = try await blocking { () throws(FileFailure) in try file.bytes(place) }
        } catch {
            throw error.isMissing ? .fragmentGone : .disk("\(error)")
        }
        do throws(PackFormat.Damage) {
            let section = try PackFormat.Section(bytes, packID: extent.packID)
            state.withLock { $0.sections[key] = section.fragments }
            return section.fragments
        } catch {
            metrics.foundDamage()
            throw .damaged("pack \(extent.packID) at \(place.offset): \(error.text)")
        }
    }

    /// The header of a fragment.
    func trackSet(of fragment: FragmentRecord) async throws(ReadFailure) -> TrackSet {
        let file = try await file(of: fragment.place.pack, fragment)
        let set = TrackSet(bytes: try await payload(fragment.place.trackSet, of: fragment, in: file).bytes)
        guard set.id == fragment.trackSet else { throw damage(fragment, "another header is where its own should be") }
        return set
    }

    /// The whole payload of a record, checked, and its head.
    private func payload(
        _ place: PackRange, of fragment: FragmentRecord, in file: any StoredFile
    ) async throws(ReadFailure) -> (head: PackFormat.RecordHead, bytes: ByteBuffer) {
        var (head, bytes) = try await begin(place, of: fragment, in: file, most: place.length)
        guard bytes.withUnsafeReadableBytes({ PackFormat.checksum($0) }) == head.payloadChecksum else {
            throw damage(fragment, "a checksum is wrong")
        }
        bytes.discardReadBytes()
        return (head, bytes)
    }

    /// The head of a record and the first bytes of its payload, at most so many.
    fileprivate func begin(
        _ place: PackRange, of fragment: FragmentRecord, in file: any StoredFile, most: Int64
    ) async throws(ReadFailure) -> (head: PackFormat.RecordHead, bytes: ByteBuffer) {
        let headSize = Int64(PackFormat.headSize)
        var bytes = try await read(PackRange(offset: place.offset - headSize, length: headSize + min(place.length, most)), fragment, file)
        do throws(PackFormat.Damage) {
            guard let head = bytes.readSlice(length: Int(headSize)) else { throw PackFormat.Damage("it is cut off") }
            let record = try PackFormat.RecordHead(head)
            guard record.payloadLength == UInt32(place.length), bytes.readableBytes == min(place.length, most) else {
                throw PackFormat.Damage("it is cut off")
            }
            return (record, bytes)
        } catch {
            throw damage(fragment, error.text)
        }
    }

    fileprivate func read(_ range: PackRange, _ fragment: FragmentRecord, _ file: any StoredFile) async throws(ReadFailure) -> ByteBuffer {
        do throws(FileFailure) {
            let bytes = try await blocking { () throws(FileFailure) in try file.bytes(range) }
            metrics.read(bytes: bytes.readableBytes)
            return bytes
        } catch {
            throw error.isMissing ? .fragmentGone : .disk("\(error)")
        }
    }

    fileprivate func damage(_ fragment: FragmentRecord, _ text: String) -> ReadFailure {
        metrics.foundDamage()
        return .damaged("fragment \(fragment.number) of stream \(fragment.streamID): \(text)")
    }

    fileprivate func open(_ fragment: FragmentRecord) async throws(ReadFailure) -> any StoredFile {
        try await file(of: fragment.place.pack, fragment)
    }
}

/// The bytes of a fragment. Throws `ReadFailure`.
///
/// Threads: each iterator belongs to one task.
public struct FragmentBytes: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    public typealias Failure = ReadFailure

    let fragment: FragmentRecord
    let store: FragmentStore

    public struct AsyncIterator: AsyncIteratorProtocol {
        private let fragment: FragmentRecord
        private let store: FragmentStore
        private var file: (any StoredFile)?
        private var parts: ArraySlice<PackRange>
        /// What of the first part is read: bytes, their checksum, and what the checksum of all is to be.
        private var read: Int64 = 0
        private var checksum: UInt32 = 0
        private var wanted: UInt32 = 0

        /// The most bytes of a piece.
        private static let pieceSize: Int64 = 1 << 20

        init(_ fragment: FragmentRecord, _ store: FragmentStore) {
            self.fragment = fragment
            self.store = store
            parts = fragment.place.parts[...]
        }

        public mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws(ReadFailure) -> ByteBuffer? {
            let reader = try store.reader()
            while let part = parts.first {
                let file: any StoredFile
                if let open = self.file {
                    file = open
                } else {
                    file = try await reader.open(fragment)
                    self.file = file
                }
                let bytes: ByteBuffer
                if read == 0 {
                    let (head, first) = try await reader.begin(part, of: fragment, in: file, most: Self.pieceSize)
                    guard head.streamID == fragment.streamID, head.sequence == fragment.number.sequence else {
                        throw reader.damage(fragment, "another record is where its own should be")
                    }
                    (bytes, checksum, wanted) = (first, 0, head.payloadChecksum)
                } else {
                    let range = PackRange(offset: part.offset + read, length: Swift.min(Self.pieceSize, part.length - read))
                    bytes = try await reader.read(range, fragment, file)
                    guard bytes.readableBytes == range.length else { throw reader.damage(fragment, "it is cut off") }
                }
                checksum = bytes.withUnsafeReadableBytes { PackFormat.checksum($0, after: checksum) }
                read += Int64(bytes.readableBytes)
                if read == part.length {
                    guard checksum == wanted else { throw reader.damage(fragment, "a checksum is wrong") }
                    parts = parts.dropFirst()
                    read = 0
                }
                if bytes.readableBytes > 0 { return bytes }
            }
            return nil
        }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(fragment, store) }
}

/// A dictionary that forgets what was not asked for for longest.
struct LeastRecentlyUsed<Key: Hashable, Value> {
    private var values: [Key: (value: Value, used: UInt64)] = [:]
    private var clock: UInt64 = 0
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    subscript(key: Key) -> Value? {
        mutating get {
            guard let found = values[key] else { return nil }
            clock += 1
            values[key] = (found.value, clock)
            return found.value
        }
        set {
            clock += 1
            values[key] = newValue.map { ($0, clock) }
            guard values.count > limit else { return }
            // An eighth at once, so that it is looked for seldom.
            for (key, _) in values.sorted(by: { $0.value.used < $1.value.used }).prefix(max(1, limit / 8)) { values[key] = nil }
        }
    }

    mutating func removeAll(where isUnwanted: (Key) -> Bool) { values = values.filter { !isUnwanted($0.key) } }
}
