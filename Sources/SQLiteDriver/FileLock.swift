import Glibc
import Locking
import SQL

/// The right of this process to a database file, taken with `flock` on a lock file beside it and given back when the last reference
/// goes; the kernel gives it back when the process dies. The lock file stays: removing it would let two openers lock two files.
///
/// Threads: any may use it; what changes is behind a mutex.
final class FileLock: Sendable {
    private let path: String
    private let isTaken: Bool
    private let descriptor: Lock<Int32>

    /// Takes the lock at once or fails as `unavailable`. Where `isTaken` is false it is left to whoever has it.
    init(beside path: String, isTaken: Bool) throws(DatabaseError) {
        let lockPath = path + ".lock"
        try createPrivateFile(lockPath)
        let descriptor = open(lockPath, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw unavailable("open", lockPath) }
        self.path = lockPath
        self.isTaken = isTaken
        self.descriptor = Lock(descriptor)
        guard !isTaken || flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            // The descriptor is closed by deinit, which runs since the object is complete. Closing it here too would close another's.
            guard errno == EWOULDBLOCK else { throw unavailable("lock", lockPath) }
            throw DatabaseError(.unavailable, "another weir already uses \(path): stop it first; several instances need Postgres")
        }
    }

    deinit {
        descriptor.withLock {
            // A process that is being started at this moment has the file too, until it becomes another program.
            if isTaken { flock($0, LOCK_UN) }
            close($0)
        }
    }

    /// Takes the lock at its path again, where the file was removed or replaced and nobody else was faster.
    func renew() {
        guard isTaken else { return }
        descriptor.withLock { descriptor in
            var held = stat()
            var found = stat()
            guard fstat(descriptor, &held) == 0 else { return }
            if stat(path, &found) == 0, found.st_ino == held.st_ino, found.st_dev == held.st_dev { return }
            var new = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
            guard new >= 0 else { return }
            if flock(new, LOCK_EX | LOCK_NB) == 0 { swap(&descriptor, &new) }
            close(new)
        }
    }
}

/// Creates a file that only its owner can read, whatever the umask; an existing one is left as it is.
///
/// An existing file is not even opened: closing a descriptor of it would drop the locks that SQLite holds on it in this process.
func createPrivateFile(_ path: String) throws(DatabaseError) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
        if errno == EEXIST { return }
        throw unavailable("create", path)
    }
    defer { close(descriptor) }
    guard fchmod(descriptor, 0o600) == 0 else { throw unavailable("set the mode of", path) }
}

/// The path without symbolic links, so that two names of one file have one lock.
func resolvedPath(_ path: String) throws(DatabaseError) -> String {
    guard let resolved = realpath(path, nil) else { throw unavailable("find", path) }
    defer { free(resolved) }
    return String(cString: resolved)
}

private func unavailable(_ action: String, _ path: String) -> DatabaseError {
    DatabaseError(.unavailable, "cannot \(action) \(path): \(String(cString: strerror(errno)))")
}
