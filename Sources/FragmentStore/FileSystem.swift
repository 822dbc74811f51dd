import CPack
import Glibc
import NIOCore

/// The calls to the operating system by which packs are written and read, so that a test can stand between.
///
/// Every call may block. Threads: any thread may call any method at any time.
public protocol FileSystem: Sendable {
    /// Makes a folder and those above it, open to its owner alone, unless it is there; durably.
    func makeFolder(_ path: String) throws(FileFailure)
    /// Makes a file that is not there yet, open to its owner alone; its name is durable when this returns.
    func create(_ path: String) throws(FileFailure) -> any StoredFile
    /// Makes a file without a name, which is gone with the process.
    func createUnnamed(in folder: String) throws(FileFailure) -> any StoredFile
    /// Opens a file that is there.
    func open(_ path: String, writing: Bool) throws(FileFailure) -> any StoredFile
    /// Removes a file; one that is not there is no failure.
    func remove(_ path: String) throws(FileFailure)
    /// Bytes of the file system that holds a path, and those of them that a process may still write.
    func space(at path: String) throws(FileFailure) -> DiskSpace
    /// Takes a file, which is made where it is missing, for this process alone, until what is returned goes out of use; nil where another has it.
    func hold(_ path: String) throws(FileFailure) -> (any Sendable)?
    /// The names of what is in a folder, in no order; none where the folder is not there.
    func names(in folder: String) throws(FileFailure) -> [String]
}

/// An open file. Closed when it goes out of use.
public protocol StoredFile: AnyObject, Sendable {
    /// Writes bytes one after the other from `offset` on; how many, which may be fewer than there are.
    func write(_ bytes: [UnsafeRawBufferPointer], at offset: Int64) throws(FileFailure) -> Int
    /// Returns when everything that was written survives the loss of power.
    func synchronize() throws(FileFailure)
    /// Reads bytes from `offset` on; how many, fewer than asked for only at the end of the file.
    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileFailure) -> Int
    /// Takes space on the disk ahead of writing, without changing the file's size.
    func allocate(_ range: Range<Int64>) throws(FileFailure)
    /// Gives space back: the bytes read as zeros from then on.
    func deallocate(_ range: Range<Int64>) throws(FileFailure)
    /// Cuts the file, and gives back what was taken beyond.
    func truncate(to size: Int64) throws(FileFailure)
    func size() throws(FileFailure) -> Int64
}

extension StoredFile {
    /// Writes all of the bytes, however many calls it takes.
    func writeAll(_ bytes: ByteBuffer, at offset: Int64) throws(FileFailure) {
        var rest = bytes
        while rest.readableBytes > 0 {
            let written = try rest.withUnsafeReadableBytes { pointer throws(FileFailure) in
                try write([pointer], at: offset + Int64(bytes.readableBytes - rest.readableBytes))
            }
            guard written > 0 else { throw FileFailure("a write took nothing", code: EIO) }
            rest.moveReaderIndex(forwardBy: written)
        }
    }

    /// The bytes of a range; fewer where the file ends before.
    func bytes(_ range: PackRange) throws(FileFailure) -> ByteBuffer {
        var bytes = ByteBufferAllocator().buffer(capacity: Int(range.length))
        var failure: FileFailure?
        bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: Int(range.length)) { space in
            do throws(FileFailure) {
                return try read(into: UnsafeMutableRawBufferPointer(rebasing: space.prefix(Int(range.length))), at: range.offset)
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// What the operating system said.
public struct FileFailure: Error, Sendable, Hashable, CustomStringConvertible {
    /// The call, and what it was about.
    public let call: String
    /// The value of `errno`.
    public let code: Int32

    public init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// Whether the disk, or what of it this process may use, is full.
    public var isFull: Bool { code == ENOSPC || code == EDQUOT }
    public var isMissing: Bool { code == ENOENT }

    public var description: String { "\(call): \(String(cString: strerror(code)))" }
}

/// Bytes of a file system.
public struct DiskSpace: Sendable, Hashable {
    public let total: Int64
    public let free: Int64

    public init(total: Int64, free: Int64) {
        self.total = total
        self.free = free
    }
}

/// The files of this machine.
public struct LocalFiles: FileSystem {
    public init() {}

    public func makeFolder(_ path: String) throws(FileFailure) {
        if mkdir(path, 0o700) == 0 { return try Self.synchronizeFolder(of: path) }
        switch errno {
        case EEXIST: return
        case ENOENT:
            let parent = Self.parent(of: path)
            guard parent != path else { throw FileFailure("mkdir \(path)", code: ENOENT) }
            try makeFolder(parent)
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileFailure("mkdir \(path)", code: errno) }
            try Self.synchronizeFolder(of: path)
        default: throw FileFailure("mkdir \(path)", code: errno)
        }
    }

    public func create(_ path: String) throws(FileFailure) -> any StoredFile {
        let file = try LocalFile(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC)
        try Self.synchronizeFolder(of: path)
        return file
    }

    public func createUnnamed(in folder: String) throws(FileFailure) -> any StoredFile {
        let path = "\(folder)/ring-\(UInt64.random(in: 0 ... .max))"
        let file = try LocalFile(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC)
        try remove(path)
        return file
    }

    public func open(_ path: String, writing: Bool) throws(FileFailure) -> any StoredFile {
        try LocalFile(path, (writing ? O_RDWR : O_RDONLY) | O_CLOEXEC)
    }

    public func remove(_ path: String) throws(FileFailure) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileFailure("unlink \(path)", code: errno) }
    }

    public func space(at path: String) throws(FileFailure) -> DiskSpace {
        var found = statvfs()
        guard statvfs(path, &found) == 0 else { throw FileFailure("statvfs \(path)", code: errno) }
        let block = Int64(found.f_frsize)
        return DiskSpace(total: Int64(found.f_blocks) * block, free: Int64(found.f_bavail) * block)
    }

    public func hold(_ path: String) throws(FileFailure) -> (any Sendable)? {
        let file = try LocalFile(path, O_RDWR | O_CREAT | O_CLOEXEC)
        if flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 { return HeldFile(file) }
        guard errno == EWOULDBLOCK else { throw FileFailure("flock \(path)", code: errno) }
        return nil
    }

    public func names(in folder: String) throws(FileFailure) -> [String] {
        guard let directory = opendir(folder) else {
            if errno == ENOENT { return [] }
            throw FileFailure("opendir \(folder)", code: errno)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func parent(of path: String) -> String {
        let parent = path.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return parent.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : parent
    }

    /// Makes the name of a file or folder durable.
    private static func synchronizeFolder(of path: String) throws(FileFailure) {
        let folder = try LocalFile(parent(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard fsync(folder.descriptor) == 0 else { throw FileFailure("fsync of the folder of \(path)", code: errno) }
    }
}

/// A file by its descriptor.
private final class LocalFile: StoredFile {
    let descriptor: Int32
    private let path: String

    init(_ path: String, _ flags: Int32) throws(FileFailure) {
        descriptor = Glibc.open(path, flags, 0o600)
        self.path = path
        guard descriptor >= 0 else { throw FileFailure("open \(path)", code: errno) }
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    func write(_ bytes: [UnsafeRawBufferPointer], at offset: Int64) throws(FileFailure) -> Int {
        // The system takes no more pieces at once.
        let pieces = bytes.prefix(1024).map { iovec(iov_base: UnsafeMutableRawPointer(mutating: $0.baseAddress), iov_len: $0.count) }
        while true {
            let count = pwritev(descriptor, pieces, Int32(pieces.count), Int(offset))
            if count >= 0 { return count }
            guard errno == EINTR else { throw FileFailure("pwritev \(path)", code: errno) }
        }
    }

    func synchronize() throws(FileFailure) {
        guard fdatasync(descriptor) == 0 else { throw FileFailure("fdatasync \(path)", code: errno) }
    }

    func read(into bytes: UnsafeMutableRawBufferPointer, at offset: Int64) throws(FileFailure) -> Int {
        var total = 0
        while total < bytes.count {
            let count = pread(descriptor, bytes.baseAddress.map { $0 + total }, bytes.count - total, Int(offset) + total)
            if count == 0 { break }
            if count > 0 {
                total += count
            } else if errno != EINTR {
                throw FileFailure("pread \(path)", code: errno)
            }
        }
        return total
    }

    func allocate(_ range: Range<Int64>) throws(FileFailure) { try change(range, weir_allocate) }

    func deallocate(_ range: Range<Int64>) throws(FileFailure) { try change(range, weir_deallocate) }

    private func change(_ range: Range<Int64>, _ call: (Int32, Int64, Int64) -> Int32) throws(FileFailure) {
        while call(descriptor, range.lowerBound, Int64(range.count)) != 0 {
            switch errno {
            case EINTR: continue
            // A file system that cannot: it takes space as it is written, and gives it back with the file.
            case EOPNOTSUPP, ENOSYS: return
            default: throw FileFailure("fallocate \(path)", code: errno)
            }
        }
    }

    func truncate(to size: Int64) throws(FileFailure) {
        while ftruncate(descriptor, Int(size)) != 0 {
            guard errno == EINTR else { throw FileFailure("ftruncate \(path)", code: errno) }
        }
    }

    func size() throws(FileFailure) -> Int64 {
        var found = stat()
        guard fstat(descriptor, &found) == 0 else { throw FileFailure("fstat \(path)", code: errno) }
        return Int64(found.st_size)
    }
}

/// Now, in milliseconds since the epoch.
@Sendable public func systemTime() -> Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

/// A file that is locked for as long as this lives.
private final class HeldFile: Sendable {
    private let file: LocalFile

    init(_ file: LocalFile) { self.file = file }

    deinit {
        // A process that is being started at this moment has the file too, until it becomes another program.
        flock(file.descriptor, LOCK_UN)
    }
}
