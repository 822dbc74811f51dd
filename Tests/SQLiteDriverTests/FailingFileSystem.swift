import CSQLite
import Foundation
import Locking

/// SQLite's usual file system, registered once more under another name, that counts what is written to write-ahead logs and fails on demand.
///
/// One for the process: `FailingDiskTests` uses it, one test after the other.
enum FailingFileSystem {
    static let name = "failing"

    /// What fails from now on.
    struct Failure {
        /// SQLite's result code.
        var code: Int32
        /// Whether flushes fail, or else writes.
        var isFlush: Bool
    }

    static let failure = Lock<Failure?>(nil)
    /// How many calls wrote to a log.
    static let writes = Lock(0)

    private static func code(isFlush: Bool) -> Int32? {
        if !isFlush { writes.withLock { $0 += 1 } }
        return failure.withLock { $0?.isFlush == isFlush ? $0?.code : nil }
    }

    static let register: Void = {
        guard let usual = sqlite3_vfs_find(nil) else { return }
        let failing = UnsafeMutablePointer<sqlite3_vfs>.allocate(capacity: 1)
        failing.initialize(to: usual.pointee)
        failing.pointee.zName = UnsafePointer(strdup(name))
        failing.pointee.pNext = nil
        failing.pointee.xOpen = { system, path, file, flags, outFlags in
            guard let usual = sqlite3_vfs_find(nil), let open = usual.pointee.xOpen else { return SQLITE_ERROR }
            let code = open(system, path, file, flags, outFlags)
            if code == SQLITE_OK, flags & SQLITE_OPEN_WAL != 0, let file {
                file.pointee.pMethods = FailingFileSystem.methods(over: file.pointee.pMethods)
            }
            return code
        }
        sqlite3_vfs_register(failing, 0)
    }()

    private nonisolated(unsafe) static var usualMethods: UnsafePointer<sqlite3_io_methods>?
    private nonisolated(unsafe) static var failingMethods: UnsafeMutablePointer<sqlite3_io_methods>?
    private static let mutex = Lock(())

    private static func methods(over usual: UnsafePointer<sqlite3_io_methods>?) -> UnsafePointer<sqlite3_io_methods>? {
        mutex.withLock { _ in
            if failingMethods == nil, let usual {
                let failing = UnsafeMutablePointer<sqlite3_io_methods>.allocate(capacity: 1)
                failing.initialize(to: usual.pointee)
                failing.pointee.xSync = { file, flags in
                    FailingFileSystem.code(isFlush: true) ?? FailingFileSystem.usualMethods?.pointee.xSync(file, flags) ?? SQLITE_ERROR
                }
                // A write that fails has written the first half, as on a disk that is full.
                failing.pointee.xWrite = { file, bytes, count, offset in
                    let failure = FailingFileSystem.code(isFlush: false)
                    let code = FailingFileSystem.usualMethods?.pointee.xWrite(file, bytes, failure == nil ? count : count / 2, offset)
                    return failure ?? code ?? SQLITE_ERROR
                }
                usualMethods = usual
                failingMethods = failing
            }
            return UnsafePointer(failingMethods)
        }
    }
}
