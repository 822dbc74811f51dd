#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What could not be done to a file. The text tells its path and never what is in it.
struct DiskError: Error, CustomStringConvertible {
    let path: String
    let action: String
    let code: Int32

    var description: String { "\(path) cannot be \(action): \(String(cString: strerror(code)))" }
}

/// When a file was changed last, and what else changes when it does.
struct FileStamp: Sendable, Equatable {
    let device: UInt64
    let inode: UInt64
    let size: Int64
    let seconds: Int64
    let nanoseconds: Int64
}

/// What the agent does to files, one method for each step that a crash can fall between.
protocol Disk: Sendable {
    /// Makes a folder that only its owner may enter, unless it is there. The folder above it must be there.
    func makeFolder(_ path: String) throws(DiskError)
    /// The names in a folder, in no order; none where there is no folder.
    func list(_ path: String) throws(DiskError) -> [String]
    /// The bytes of a file; nil where there is none. A file over `limit` bytes is refused, and so is what is no file.
    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8]?
    /// Nil where there is no such file. Follows links.
    func stamp(_ path: String) throws(DiskError) -> FileStamp?
    /// Whether this is a folder itself, and not a link to one.
    func isFolder(_ path: String) throws(DiskError) -> Bool
    /// Writes a file that only its owner may read, in place of one that is there, and waits until its bytes will survive a loss of power. A
    /// crash or a failure may leave a part of it.
    func write(_ bytes: [UInt8], to path: String) throws(DiskError)
    /// Gives a file another name, in place of what has that name, in one step.
    func rename(_ path: String, to other: String) throws(DiskError)
    /// Waits until the names in a folder will survive a loss of power.
    func synchronizeFolder(_ path: String) throws(DiskError)
    /// Removes a file or a link, if it is there.
    func removeFile(_ path: String) throws(DiskError)
    /// Removes a folder that is empty, if it is there.
    func removeFolder(_ path: String) throws(DiskError)
}

/// The disk of this machine.
struct LocalDisk: Disk {
    func makeFolder(_ path: String) throws(DiskError) {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw DiskError(path: path, action: "made", code: errno) }
    }

    func list(_ path: String) throws(DiskError) -> [String] {
        guard let folder = opendir(path) else {
            if errno == ENOENT { return [] }
            throw DiskError(path: path, action: "listed", code: errno)
        }
        defer { closedir(folder) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw DiskError(path: path, action: "listed", code: errno) }
        return names
    }

    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8]? {
        // Not blocking: a pipe of this name must not hold up the agent.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw DiskError(path: path, action: "read", code: errno)
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw DiskError(path: path, action: "read", code: errno) }
        guard status.st_mode & S_IFMT == S_IFREG else { throw DiskError(path: path, action: "read", code: EINVAL) }
        var bytes: [UInt8] = []
        while true {
            let room = limit + 1 - bytes.count
            guard room > 0 else { throw DiskError(path: path, action: "read", code: EFBIG) }
            var failure: Int32 = 0
            let part = [UInt8](unsafeUninitializedCapacity: min(room, 65536)) { buffer, count in
                let length = Glibc.read(file, buffer.baseAddress, buffer.count)
                failure = length < 0 ? errno : 0
                count = max(length, 0)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw DiskError(path: path, action: "read", code: failure) }
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    func stamp(_ path: String) throws(DiskError) -> FileStamp? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw DiskError(path: path, action: "read", code: errno)
        }
        return FileStamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int64(status.st_mtim.tv_sec),
            nanoseconds: Int64(status.st_mtim.tv_nsec))
    }

    func isFolder(_ path: String) throws(DiskError) -> Bool {
        var status = stat()
        guard lstat(path, &status) == 0 else {
            if errno == ENOENT { return false }
            throw DiskError(path: path, action: "read", code: errno)
        }
        return status.st_mode & S_IFMT == S_IFDIR
    }

    func write(_ bytes: [UInt8], to path: String) throws(DiskError) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw DiskError(path: path, action: "written", code: errno) }
        defer { close(file) }
        let failure = bytes.withUnsafeBytes { bytes -> Int32 in
            var rest = bytes[...]
            while !rest.isEmpty {
                let length = Glibc.write(file, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if length < 0, errno == EINTR { continue }
                guard length > 0 else { return length < 0 ? errno : ENOSPC }
                rest = rest.dropFirst(length)
            }
            return fchmod(file, 0o600) == 0 && fsync(file) == 0 ? 0 : errno
        }
        guard failure == 0 else { throw DiskError(path: path, action: "written", code: failure) }
    }

    func rename(_ path: String, to other: String) throws(DiskError) {
        guard Glibc.rename(path, other) == 0 else { throw DiskError(path: other, action: "written", code: errno) }
    }

    func synchronizeFolder(_ path: String) throws(DiskError) {
        let folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw DiskError(path: path, action: "written", code: errno) }
        defer { close(folder) }
        // Some network file systems have nothing to do here, and say so with EINVAL.
        guard fsync(folder) == 0 || errno == EINVAL else { throw DiskError(path: path, action: "written", code: errno) }
    }

    func removeFile(_ path: String) throws(DiskError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw DiskError(path: path, action: "removed", code: errno) }
    }

    func removeFolder(_ path: String) throws(DiskError) {
        guard rmdir(path) == 0 || errno == ENOENT else { throw DiskError(path: path, action: "removed", code: errno) }
    }
}

/// Keeps a folder for one agent, for as long as it lives.
final class FolderLock: Sendable {
    private let file: Int32

    /// - Throws: `DiskError`; with the code `EWOULDBLOCK` where another agent has the folder.
    init(_ path: String) throws(DiskError) {
        file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw DiskError(path: path, action: "written", code: errno) }
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            close(file)
            throw DiskError(path: path, action: "locked", code: code)
        }
    }

    deinit { close(file) }
}
