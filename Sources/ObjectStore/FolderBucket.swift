import FoundationEssentials
import Glibc
public import NIOCore
import NIOPosix

/// A bucket that is a folder: each object a file of its key's path.
///
/// A file is written under another name in `.new`, synced, renamed, and its folder synced. Calls of the file system run on threads for it.
public struct FolderBucket: Bucket {
    public let name: String
    private let path: String
    private let threads = NIOThreadPool.singleton

    /// A bucket in a folder, which is made where it is missing. Files that a process left behind in `.new` over an hour ago are removed.
    public init(_ path: String) async throws(BucketFailure) {
        self.path = path
        name = "file:\(path)"
        try await blocking { () throws(BucketFailure) in
            try Self.makeFolder(path + "/.new")
            let old = time(nil) - 3600
            for entry in Self.names(in: path + "/.new") {
                var found = stat()
                let file = "\(path)/.new/\(entry)"
                if lstat(file, &found) == 0, found.st_mtim.tv_sec < old { unlink(file) }
            }
        }
    }

    /// There is nothing to end.
    public func close() async {}

    public func put(_ key: String, _ bytes: ByteBuffer, _ attributes: ObjectAttributes) async throws(BucketFailure) {
        try ObjectKey.require(key)
        try await blocking { () throws(BucketFailure) in
            let temporary = "\(path)/.new/\(UInt64.random(in: 0 ... .max))"
            let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard file >= 0 else { throw Self.failure("open \(temporary)") }
            defer {
                Glibc.close(file)
                unlink(temporary)
            }
            var rest = bytes
            while rest.readableBytes > 0 {
                let count = rest.withUnsafeReadableBytes { write(file, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { throw Self.failure("write \(temporary)") }
                rest.moveReaderIndex(forwardBy: count)
            }
            guard fsync(file) == 0 else { throw Self.failure("fsync \(temporary)") }
            let target = "\(path)/\(key)"
            let folder = Self.folder(of: target)
            // Once more where another has removed the folder in this moment, since it was empty.
            for isLast in [false, true] {
                try Self.makeFolder(folder)
                if rename(temporary, target) == 0 { break }
                guard errno == ENOENT, !isLast else { throw Self.failure("rename to \(target)") }
            }
            try Self.synchronizeFolder(folder)
        }
    }

    public func get(_ key: String, _ range: Range<Int64>) async throws(BucketFailure) -> ByteBuffer {
        try ObjectKey.require(key)
        return try await blocking { () throws(BucketFailure) in
            let file = open("\(path)/\(key)", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw Self.failure("open \(key)") }
            defer { Glibc.close(file) }
            var bytes = ByteBuffer()
            bytes.reserveCapacity(range.count)
            var hasFailed = false
            while !hasFailed, bytes.readableBytes < range.count {
                let offset = Int(range.lowerBound) + bytes.readableBytes
                let wanted = min(range.count - bytes.readableBytes, 1 << 20)
                let count = bytes.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { space in
                    while true {
                        let count = pread(file, space.baseAddress, wanted, offset)
                        if count >= 0 { return count }
                        guard errno == EINTR else {
                            hasFailed = true
                            return 0
                        }
                    }
                }
                if hasFailed { throw Self.failure("pread \(key)") }
                if count == 0 { break }
            }
            return bytes
        }
    }

    public func size(of key: String) async throws(BucketFailure) -> Int64? {
        try ObjectKey.require(key)
        return try await blocking { () throws(BucketFailure) in
            var found = stat()
            guard stat("\(path)/\(key)", &found) == 0 else {
                if errno == ENOENT || errno == ENOTDIR { return nil }
                throw Self.failure("stat \(key)")
            }
            return found.st_mode & S_IFMT == S_IFREG ? Int64(found.st_size) : nil
        }
    }

    public func remove(_ keys: [String]) async throws(BucketFailure) {
        for key in keys { try ObjectKey.require(key) }
        try await blocking { () throws(BucketFailure) in
            for key in keys {
                guard unlink("\(path)/\(key)") == 0 || errno == ENOENT || errno == ENOTDIR else { throw Self.failure("unlink \(key)") }
                // Folders go with the last of what was in them.
                var folder = Self.folder(of: "\(path)/\(key)")
                while folder.utf8.count > path.utf8.count, rmdir(folder) == 0 { folder = Self.folder(of: folder) }
            }
        }
    }

    public func list(prefix: String, after key: String) async throws(BucketFailure) -> [StoredObject] {
        try await blocking { () throws(BucketFailure) in
            var found: [StoredObject] = []
            try collect("", prefix: prefix, after: key, &found)
            return found
        }
    }

    /// Adds what is in the folder of the keys that begin with `parent`, in the order of the keys' bytes: there a folder's name ends in a slash.
    private func collect(_ parent: String, prefix: String, after key: String, _ found: inout [StoredObject]) throws(BucketFailure) {
        var entries: [(key: String, status: stat)] = []
        for name in Self.names(in: "\(path)/\(parent)") where !name.hasPrefix(".") {
            var status = stat()
            guard lstat("\(path)/\(parent)\(name)", &status) == 0 else { continue }
            entries.append((parent + name + (status.st_mode & S_IFMT == S_IFDIR ? "/" : ""), status))
        }
        entries.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (entry, status) in entries {
            guard found.count < 1000 else { return }
            if entry.hasSuffix("/") {
                guard prefix.hasPrefix(entry) || entry.hasPrefix(prefix) else { continue }
                guard key.hasPrefix(entry) || key.utf8.lexicographicallyPrecedes(entry.utf8) else { continue }
                try collect(entry, prefix: prefix, after: key, &found)
            } else if entry.hasPrefix(prefix), key.utf8.lexicographicallyPrecedes(entry.utf8), status.st_mode & S_IFMT == S_IFREG {
                found.append(Self.object(entry, status))
            }
        }
    }

    private func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws(BucketFailure) -> Value) async throws(BucketFailure)
        -> Value
    {
        let result: Result<Value, BucketFailure>? = try? await threads.runIfActive {
            do throws(BucketFailure) { return .success(try work()) } catch { return .failure(error) }
        }
        guard let result else { throw .unavailable("the threads for files have been stopped") }
        return try result.get()
    }

    private static func object(_ key: String, _ status: stat) -> StoredObject {
        StoredObject(
            key: key, size: Int64(status.st_size), modified: Date(timeIntervalSince1970: TimeInterval(status.st_mtim.tv_sec)))
    }

    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }

    /// Makes a folder and those above it, durably.
    private static func makeFolder(_ path: String) throws(BucketFailure) {
        if mkdir(path, 0o700) != 0 {
            switch errno {
            case EEXIST: return
            case ENOENT where path != "/":
                try makeFolder(folder(of: path))
                guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("mkdir \(path)") }
            default: throw failure("mkdir \(path)")
            }
        }
        try synchronizeFolder(folder(of: path))
    }

    private static func synchronizeFolder(_ path: String) throws(BucketFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open \(path)") }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("fsync \(path)") }
    }

    private static func names(in folder: String) -> [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    private static func failure(_ call: String) -> BucketFailure {
        let code = errno
        return code == ENOENT ? .missing : .unavailable("\(call): \(String(cString: strerror(code)))")
    }
}
