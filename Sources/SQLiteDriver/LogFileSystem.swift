import CSQLite
import Glibc
import Locking
import SQL

/// A file system layer for the writer: what a commit appends to the write-ahead log reaches the kernel in few calls, the last of them right before
/// the log is flushed. SQLite makes two calls for each page, a sixth of what a small transaction costs.
///
/// It is right for a connection that writes to the log in commits alone (`cache_spill = OFF`) and flushes it in each (`synchronous = FULL`), before
/// anybody is told of what is new in it. So nothing waits here but while a COMMIT runs: one that fails or is killed leaves nothing that could be
/// written later, over what others have committed meanwhile.
enum LogFileSystem {
    private static let registration = Lock(())

    /// The name of the layer over the file system `base`, which is SQLite's usual one where it is nil.
    static func name(over base: String?) throws(DatabaseError) -> String {
        let name = "weir-log" + (base.map { "-" + $0 } ?? "")
        let isRegistered = registration.withLock { _ in sqlite3_vfs_find(name) != nil || register(name, over: base) }
        guard isRegistered else { throw DatabaseError(.unavailable, "SQLite has no file system \(base ?? "")") }
        return name
    }

    private static func register(_ name: String, over base: String?) -> Bool {
        guard let base = sqlite3_vfs_find(base) else { return false }
        // For good, as SQLite keeps it.
        let layer = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        layer.initialize(to: base.pointee)
        layer.pointee.zName = UnsafePointer(strdup(name))
        layer.pointee.pNext = nil
        layer.pointee.pAppData = UnsafeMutableRawPointer(base)
        layer.pointee.szOsFile += Int32(MemoryLayout<LogFile>.stride + MemoryLayout<LogFile>.alignment)
        layer.pointee.xOpen = { layer, path, file, flags, outFlags in
            guard let base = layer?.pointee.pAppData?.assumingMemoryBound(to: sqlite3_vfs.self), let file else { return SQLITE_ERROR }
            let code = base.pointee.xOpen(base, path, file, flags, outFlags)
            if code == SQLITE_OK, flags & SQLITE_OPEN_WAL != 0 { LogFile.attach(to: file, ofSize: Int(base.pointee.szOsFile)) }
            return code
        }
        return sqlite3_vfs_register(layer, 0) == SQLITE_OK
    }
}

/// A log that is open. It lies in the memory of SQLite's file, behind what the layer below keeps there.
private struct LogFile {
    /// What SQLite calls. First, so that the file's pointer to its methods is one to all of this.
    private var methods: sqlite3_io_methods
    /// Those of the layer below.
    private let below: sqlite3_io_methods
    /// Room for bytes that wait, how many do, and where in the file they belong.
    private let waiting: UnsafeMutableRawBufferPointer
    private var count = 0
    private var offset: sqlite3_int64 = 0

    /// How much waits at most: the pages of all but the largest groups of batches.
    /// SQLite's own layer for Unix takes no more than 128 KiB in one call.
    private static let capacity = 1 << 16

    /// Has SQLite call this layer for a file which the layer below has just opened, and which takes `size` bytes there.
    static func attach(to file: UnsafeMutablePointer<sqlite3_file>, ofSize size: Int) {
        guard let methods = file.pointee.pMethods else { return }
        let log = (UnsafeMutableRawPointer(file) + size).alignedUp(for: LogFile.self).bindMemory(to: LogFile.self, capacity: 1)
        log.initialize(to: LogFile(below: methods.pointee))
        file.pointee.pMethods = UnsafeRawPointer(log).assumingMemoryBound(to: sqlite3_io_methods.self)
    }

    private init(below: sqlite3_io_methods) {
        self.below = below
        methods = below
        waiting = .allocate(byteCount: Self.capacity, alignment: 16)
        // The first version has neither shared memory nor mapped pages, and a log needs none.
        methods.iVersion = 1
        methods.xWrite = { file, bytes, count, offset in
            LogFile.with(file) { $0.append(UnsafeRawBufferPointer(start: bytes, count: Int(count)), at: offset, of: $1) }
        }
        methods.xRead = { file, bytes, count, offset in LogFile.afterWriting(file) { $0.xRead($1, bytes, count, offset) } }
        methods.xTruncate = { file, size in LogFile.afterWriting(file) { $0.xTruncate($1, size) } }
        methods.xSync = { file, flags in LogFile.afterWriting(file) { $0.xSync($1, flags) } }
        methods.xFileSize = { file, size in LogFile.afterWriting(file) { $0.xFileSize($1, size) } }
        methods.xClose = { file in
            LogFile.with(file) { log, file in
                log.waiting.deallocate()
                return log.below.xClose(file)
            }
        }
    }

    private static func with(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (inout LogFile, UnsafeMutablePointer<sqlite3_file>) -> Int32
    ) -> Int32 {
        guard let file, let methods = file.pointee.pMethods else { return SQLITE_MISUSE }
        return body(&UnsafeMutableRawPointer(mutating: methods).assumingMemoryBound(to: LogFile.self).pointee, file)
    }

    /// Does something else with a file than to append to it.
    private static func afterWriting(
        _ file: UnsafeMutablePointer<sqlite3_file>?, _ body: (sqlite3_io_methods, UnsafeMutablePointer<sqlite3_file>) -> Int32
    ) -> Int32 {
        with(file) { log, file in
            let code = log.writeWaiting(to: file)
            return code == SQLITE_OK ? body(log.below, file) : code
        }
    }

    /// Has bytes wait behind those that do. Where they do not follow on these, or there is no room, these are written first.
    private mutating func append(
        _ bytes: UnsafeRawBufferPointer, at place: sqlite3_int64, of file: UnsafeMutablePointer<sqlite3_file>
    ) -> Int32 {
        if place != offset + sqlite3_int64(count) || bytes.count > waiting.count - count {
            let code = writeWaiting(to: file)
            guard code == SQLITE_OK else { return code }
            offset = place
        }
        guard bytes.count <= waiting.count else { return below.xWrite(file, bytes.baseAddress, Int32(bytes.count), place) }
        UnsafeMutableRawBufferPointer(rebasing: waiting[count...]).copyMemory(from: bytes)
        count += bytes.count
        return SQLITE_OK
    }

    /// Where it fails, what waited is gone: SQLite rolls the transaction back.
    private mutating func writeWaiting(to file: UnsafeMutablePointer<sqlite3_file>) -> Int32 {
        defer { count = 0 }
        return count == 0 ? SQLITE_OK : below.xWrite(file, waiting.baseAddress, Int32(count), offset)
    }
}
