import Files
import Glibc

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

/// What has a name in a folder.
enum EntryKind: Sendable {
    case file
    case folder
    /// A link, a socket or anything else.
    case other
}

/// A folder that is open. What is done in it is done in this very folder, whatever becomes of the path by which it was found.
final class OpenFolder: Sendable {
    /// For texts.
    let path: String
    fileprivate let descriptor: Int32

    fileprivate init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}

/// What the agent does to files, one method for each step that a crash can fall between. Names are those of entries of a folder; no link is followed.
protocol Disk: Sendable {
    /// Opens a folder, at the end of a link too. Makes it for its owner alone where it is missing; the folder above it must be there.
    func open(_ path: String) throws(DiskError) -> OpenFolder
    /// Opens a folder in a folder.
    func open(_ name: String, in folder: OpenFolder) throws(DiskError) -> OpenFolder
    /// The names in a folder, in no order.
    func list(_ folder: OpenFolder) throws(DiskError) -> [String]
    /// What has this name; nil where nothing has.
    func kind(_ name: String, in folder: OpenFolder) throws(DiskError) -> EntryKind?
    /// The bytes of a file; nil where there is none. A file over `limit` bytes is refused, and so is what is no file.
    func read(_ name: String, in folder: OpenFolder, limit: Int) throws(DiskError) -> [UInt8]?
    /// Nil where there is no such file.
    func stamp(_ name: String, in folder: OpenFolder) throws(DiskError) -> FileStamp?
    /// Writes a new file that only its owner may read, in place of one that is there, and waits until its bytes will survive a loss of power. A
    /// crash or a failure may leave a part of it.
    func write(_ bytes: [UInt8], to name: String, in folder: OpenFolder) throws(DiskError)
    /// Gives a file another name, in place of what has that name, in one step.
    func rename(_ name: String, to other: String, in folder: OpenFolder) throws(DiskError)
    /// Waits until the names in a folder will survive a loss of power.
    func synchronize(_ folder: OpenFolder) throws(DiskError)
    /// Removes a file or a link, if it is there.
    func removeFile(_ name: String, in folder: OpenFolder) throws(DiskError)
    /// Removes a folder that is empty, if it is there.
    func removeFolder(_ name: String, in folder: OpenFolder) throws(DiskError)
}

/// The disk of this machine.
struct LocalDisk: Disk {
    func open(_ path: String) throws(DiskError) -> OpenFolder {
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw DiskError(path: path, action: "made", code: errno) }
        let descriptor = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw DiskError(path: path, action: "opened", code: errno) }
        return OpenFolder(path: path, descriptor: descriptor)
    }

    func open(_ name: String, in folder: OpenFolder) throws(DiskError) -> OpenFolder {
        let descriptor = openat(folder.descriptor, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw error(name, folder, "opened") }
        return OpenFolder(path: folder.path + "/" + name, descriptor: descriptor)
    }

    func list(_ folder: OpenFolder) throws(DiskError) -> [String] {
        // A descriptor of its own, since reading moves it and closing the stream closes it.
        let descriptor = openat(folder.descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0, let stream = fdopendir(descriptor) else {
            let code = errno
            if descriptor >= 0 { close(descriptor) }
            throw DiskError(path: folder.path, action: "listed", code: code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        errno = 0
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
            errno = 0
        }
        guard errno == 0 else { throw DiskError(path: folder.path, action: "listed", code: errno) }
        return names
    }

    func kind(_ name: String, in folder: OpenFolder) throws(DiskError) -> EntryKind? {
        guard let status = try status(name, folder) else { return nil }
        return switch status.st_mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .folder
        case _: .other
        }
    }

    func read(_ name: String, in folder: OpenFolder, limit: Int) throws(DiskError) -> [UInt8]? {
        // Not blocking: a pipe of this name must not hold up the agent.
        let file = openat(folder.descriptor, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw error(name, folder, "read")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw error(name, folder, "read") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw error(name, folder, "read", EINVAL) }
        var bytes: [UInt8] = []
        while true {
            let room = limit + 1 - bytes.count
            guard room > 0 else { throw error(name, folder, "read", EFBIG) }
            var failure: Int32 = 0
            let part = [UInt8](unsafeUninitializedCapacity: min(room, 65536)) { buffer, count in
                let length = Glibc.read(file, buffer.baseAddress, buffer.count)
                failure = length < 0 ? errno : 0
                count = max(length, 0)
            }
            if failure == EINTR { continue }
            guard failure == 0 else { throw error(name, folder, "read", failure) }
            if part.isEmpty { return bytes }
            bytes += part
        }
    }

    func stamp(_ name: String, in folder: OpenFolder) throws(DiskError) -> FileStamp? {
        guard let status = try status(name, folder) else { return nil }
        return FileStamp(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), size: Int64(status.st_size), seconds: Int64(status.st_mtim.tv_sec),
            nanoseconds: Int64(status.st_mtim.tv_nsec))
    }

    func write(_ bytes: [UInt8], to name: String, in folder: OpenFolder) throws(DiskError) {
        // Made anew, so that no other name of an old file gets these bytes.
        try removeFile(name, in: folder)
        let file = openat(folder.descriptor, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw error(name, folder, "written") }
        defer { close(file) }
        let failure = writeWhole(bytes, to: file)
        guard failure == 0 else { throw error(name, folder, "written", failure) }
        guard fchmod(file, 0o600) == 0, fsync(file) == 0 else { throw error(name, folder, "written") }
    }

    func rename(_ name: String, to other: String, in folder: OpenFolder) throws(DiskError) {
        guard renameat(folder.descriptor, name, folder.descriptor, other) == 0 else { throw error(other, folder, "written") }
    }

    func synchronize(_ folder: OpenFolder) throws(DiskError) {
        // Some network file systems have nothing to do here, and say so with EINVAL.
        guard fsync(folder.descriptor) == 0 || errno == EINVAL else { throw DiskError(path: folder.path, action: "written", code: errno) }
    }

    func removeFile(_ name: String, in folder: OpenFolder) throws(DiskError) {
        guard unlinkat(folder.descriptor, name, 0) == 0 || errno == ENOENT else { throw error(name, folder, "removed") }
    }

    func removeFolder(_ name: String, in folder: OpenFolder) throws(DiskError) {
        guard unlinkat(folder.descriptor, name, AT_REMOVEDIR) == 0 || errno == ENOENT else { throw error(name, folder, "removed") }
    }

    private func status(_ name: String, _ folder: OpenFolder) throws(DiskError) -> stat? {
        var status = stat()
        guard fstatat(folder.descriptor, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
            if errno == ENOENT { return nil }
            throw error(name, folder, "read")
        }
        return status
    }

    private func error(_ name: String, _ folder: OpenFolder, _ action: String, _ code: Int32 = errno) -> DiskError {
        DiskError(path: folder.path + "/" + name, action: action, code: code)
    }
}

/// Keeps a folder for one agent, for as long as it lives.
final class FolderLock: Sendable {
    private let file: Int32

    /// - Throws: `DiskError`; with the code `EWOULDBLOCK` where another agent has the folder.
    init(_ name: String, in folder: OpenFolder) throws(DiskError) {
        let path = folder.path + "/" + name
        file = openat(folder.descriptor, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw DiskError(path: path, action: "written", code: errno) }
        // The file is closed by deinit, which runs since the object is complete. Closing it here too would close another's.
        guard flock(file, LOCK_EX | LOCK_NB) == 0 else { throw DiskError(path: path, action: "locked", code: errno) }
    }

    deinit {
        guard file >= 0 else { return }
        // A process that is being started at this moment has the file too, until it becomes another program.
        flock(file, LOCK_UN)
        close(file)
    }
}
