import Glibc
import SQL
import Synchronization

/// The files of an open database, to notice when another hand removes, renames or replaces them: SQLite goes on writing into files that no path leads
/// to any more, and what it wrote is lost with the process.
///
/// Threads: any task may use it at any time.
final class DatabaseFiles: Sendable {
    private struct Identity: Sendable, Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private let files: [(path: String, identity: Identity)]
    /// Milliseconds of the monotonic clock when all was last seen in place.
    private let lastInPlace = Atomic<Int64>(.min)

    /// For how long a read trusts the last look, in milliseconds: looking costs as much as a point read.
    private static let trusted: Int64 = 250

    /// Remembers which files are at these paths: the database, its log and the log's index, as far as they are there.
    init(path: String) {
        files = ["", "-wal", "-shm"].compactMap { suffix in
            Self.identity(path + suffix).map { (path + suffix, $0) }
        }
    }

    /// What is not where it was; nil while everything is. Takes about a microsecond for each file.
    var fault: String? {
        for file in files {
            guard let found = Self.identity(file.path) else { return "\(file.path) is gone" }
            if found != file.identity { return "\(file.path) is another file than the one that was opened" }
        }
        return nil
    }

    /// As `fault`, but looked for only where that was not done lately.
    var recentFault: String? {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        let now = Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        let last = lastInPlace.load(ordering: .relaxed)
        if last > .min, now - last < Self.trusted { return nil }
        if let fault { return fault }
        lastInPlace.store(now, ordering: .relaxed)
        return nil
    }

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }
}
