import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Files that only their owner may read.
enum PrivateFile {
    /// Why a file cannot be used. The text is for operators and names the file, never what is in it.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Makes a folder, and those above it, that only its owner may enter, unless it is there.
    static func makeFolder(_ path: String) throws {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        } catch {
            throw Failure(description: "The folder \(path) cannot be made: \(String(cString: strerror(errno))).")
        }
    }

    /// The bytes of a file; nil where there is none. Refuses a file that others may read.
    static func read(_ path: String) throws -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw Failure(description: "\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw Failure(description: "\(path) can be read by others than its owner. Run: chmod 600 \(path)")
        }
        do { return Array(try Data(contentsOf: URL(filePath: path))) } catch {
            throw Failure(description: "\(path) cannot be read.")
        }
    }

    /// Writes a file that appears whole or not at all and survives the loss of power. Where `replacing` is false and the file is there already,
    /// it is left as it is; answers whether it was written.
    static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws -> Bool {
        let temporary = "\(path).\(getpid()).new"
        let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw Failure(description: "\(temporary) cannot be written: \(String(cString: strerror(errno))).") }
        defer {
            close(file)
            unlink(temporary)
        }
        let written = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        guard fchmod(file, 0o600) == 0, written == bytes.count, fsync(file) == 0 else {
            throw Failure(description: "\(temporary) cannot be written: \(String(cString: strerror(errno))).")
        }
        // link() refuses where there is a file already, so that of two starts at once one wins.
        let isDone = replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0
        guard isDone || (!replacing && errno == EEXIST) else {
            throw Failure(description: "\(path) cannot be written: \(String(cString: strerror(errno))).")
        }
        try keepNames(inFolderOf: path)
        return isDone
    }

    /// A file survives the loss of power once its name does too, which is its folder's to keep.
    private static func keepNames(inFolderOf path: String) throws {
        let parent = path.contains("/") ? String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)]) : "."
        let folder = open(parent.isEmpty ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Failure(description: "\(parent) cannot be opened: \(String(cString: strerror(errno))).") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw Failure(description: "\(parent) cannot be written: \(String(cString: strerror(errno))).") }
    }
}
