import Glibc
import SQL

/// The files of an open database, to notice when another hand removes, renames or replaces them: SQLite goes on writing into files that no path leads
/// to any more, and what it wrote is lost with the process.
///
/// Threads: immutable, so it may be shared.
final class DatabaseFiles: Sendable {
    private struct Identity: Sendable, Equatable {
        let device: dev_t
        let inode: ino_t
    }

    private let files: [(path: String, identity: Identity)]

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

    private static func identity(_ path: String) -> Identity? {
        var status = stat()
        guard stat(path, &status) == 0 else { return nil }
        return Identity(device: status.st_dev, inode: status.st_ino)
    }
}
