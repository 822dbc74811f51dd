import Locking
import Store

/// The last minutes of streams that keep nothing: files without names, and an index in memory.
///
/// Threads: any may use it at any time.
final class Ring: PackShelf {
    private struct Entry {
        let record: FragmentRecord
        let file: any StoredFile
    }

    private struct Entries {
        var all: [Entry] = []
        /// How many of the first are gone.
        var gone = 0
        var bytes: Int64 = 0

        var live: ArraySlice<Entry> { all[gone...] }

        mutating func append(_ entry: Entry) {
            all.append(entry)
            bytes += entry.record.size
        }

        mutating func dropFirst(where isOld: (FragmentRecord, Int64) -> Bool) {
            while gone < all.count, isOld(all[gone].record, bytes) {
                bytes -= all[gone].record.size
                gone += 1
            }
            if gone > 32, gone > all.count / 2 {
                all.removeFirst(gone)
                gone = 0
            }
        }
    }

    private struct State {
        var streams: [Int64: Entries] = [:]
        /// Those that are written to.
        var files: [Int64: any StoredFile] = [:]
        var nextID: Int64 = 1
    }

    private let files: any FileSystem
    private let folder: String
    private let span: Int64
    private let bytes: Int64
    private let clock: @Sendable () -> Int64
    private let state = Lock(State())

    /// Keeps `span` milliseconds of a stream, and at most `bytes`.
    init(_ files: any FileSystem, folder: String, span: Int64, bytes: Int64, clock: @escaping @Sendable () -> Int64) {
        self.files = files
        self.folder = folder
        self.span = span
        self.bytes = bytes
        self.clock = clock
    }

    var packBytes: Int64 { .max }

    /// At most `limit` fragments of a stream after a sequence.
    func fragments(of streamID: Int64, after sequence: Int64, limit: Int) -> [FragmentRecord] {
        dropOld(of: streamID)
        return state.withLock { state in
            Array((state.streams[streamID]?.live ?? []).lazy.map(\.record).filter { $0.number.sequence > sequence }.prefix(limit))
        }
    }

    /// The file that a fragment is in; nil where it is gone.
    func file(of fragment: FragmentRecord) -> (any StoredFile)? {
        state.withLock { state in
            state.streams[fragment.streamID]?.live.first { $0.record.number == fragment.number }?.file
        }
    }

    /// Drops what is too old, or too much.
    func dropOld(of streamID: Int64? = nil) {
        let oldest = clock() - span
        state.withLock { state in
            for stream in streamID.map({ [$0] }) ?? Array(state.streams.keys) {
                guard var entries = state.streams[stream] else { continue }
                // One copy only, so that it is changed in place.
                state.streams[stream] = nil
                entries.dropFirst { $0.serverTime <= oldest || $1 > bytes }
                if !entries.live.isEmpty { state.streams[stream] = entries }
            }
        }
    }

    /// Drops what there is of a stream.
    func forget(_ streamID: Int64) { state.withLock { $0.streams[streamID] = nil } }

    func open(retentionHours: Int64) throws(PackOpening) -> Pack {
        do throws(FileFailure) {
            let file = try files.createUnnamed(in: folder)
            let id = state.withLock { state in
                defer { state.nextID += 1 }
                state.files[state.nextID] = file
                return state.nextID
            }
            return Pack(.ring(id), retentionHours: 0, file: file, end: 0)
        } catch {
            throw .file(error)
        }
    }

    func synchronize(_ pack: Pack) throws(FileFailure) {}
    func makeRoom() -> Bool { false }
    func diskFailed(_ why: String) {}
    func filled(_ pack: Pack) { state.withLock { $0.files[pack.id] = nil } }

    func index(_ fragments: [IndexedFragment], _ packs: [PackProgress]) async -> [Result<FragmentRecord, IngestFailure>] {
        let results: [Result<FragmentRecord, IngestFailure>] = state.withLock { state in
            fragments.map { fragment in
                guard case .ring(let id) = fragment.record.place.pack, let file = state.files[id] else {
                    return .failure(.internal("the file of the ring is gone"))
                }
                state.streams[fragment.record.streamID, default: Entries()].append(Entry(record: fragment.record, file: file))
                return .success(fragment.record)
            }
        }
        for streamID in Set(fragments.map(\.record.streamID)) { dropOld(of: streamID) }
        return results
    }
}
