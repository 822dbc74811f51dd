import Files
import FoundationEssentials
import Glibc

/// The file of an audit log, one record a line: only its owner may read it, and each batch is on the disk before it counts. A file that is full or of
/// another day gets the time and the place of its last record as an addition to its name, and a new one is begun.
///
/// Threads: a value of one thread at a time.
struct AuditFile {
    /// Why the file cannot be written. The text is for operators.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let path: String
    private let mostBytes: Int
    private var descriptor: Int32 = -1
    private var length = 0
    private var day: Int64 = 0

    init(path: String, mostBytes: Int) {
        self.path = path
        self.mostBytes = mostBytes
    }

    /// Gives the descriptor back.
    mutating func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    /// Appends lines, all of them or none. `now` is in milliseconds since the epoch; `mark` tells a full file from others of the same second.
    mutating func append(_ lines: [UInt8], now: Int64, mark: String) throws(Failure) {
        try open(now)
        if length > 0, length + lines.count > mostBytes || now / 86_400_000 != day { try rotate(now, mark) }
        let fault = writeWhole(lines, to: descriptor)
        guard fault == 0, fdatasync(descriptor) == 0 else {
            let reason = fault == 0 ? errno : fault
            // A batch that is there in part would break the chain when it is written again.
            let isUndone = ftruncate(descriptor, off_t(length)) == 0
            close()
            throw Failure(
                description:
                    "\(path) cannot be written: \(String(cString: strerror(reason)))\(isUndone ? "" : ", nor what was written undone")"
            )
        }
        length += lines.count
    }

    private mutating func open(_ now: Int64) throws(Failure) {
        if descriptor >= 0 {
            var (held, named) = (stat(), stat())
            if fstat(descriptor, &held) == 0, stat(path, &named) == 0, held.st_ino == named.st_ino, held.st_dev == named.st_dev { return }
            close()
        }
        descriptor = Glibc.open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        var status = stat()
        guard descriptor >= 0, fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 == 0 else {
            let reason = descriptor < 0 ? String(cString: strerror(errno)) : "it is no file of its owner's alone (mode 0600)"
            close()
            throw Failure(description: "\(path) cannot be opened: \(reason)")
        }
        length = Int(status.st_size)
        day = length > 0 ? Int64(status.st_mtim.tv_sec) / 86_400 : now / 86_400_000
        // A process that was killed while it wrote leaves a torn line, which verify tells of.
        var last: UInt8 = 0
        if length > 0, pread(descriptor, &last, 1, off_t(length - 1)) == 1, last != UInt8(ascii: "\n") {
            guard writeWhole([UInt8(ascii: "\n")], to: descriptor) == 0 else {
                throw Failure(description: "\(path) cannot be written: \(String(cString: strerror(errno)))")
            }
            length += 1
        }
    }

    private mutating func rotate(_ now: Int64, _ mark: String) throws(Failure) {
        let time = AuditEntry.time(now).filter { $0 != "-" && $0 != ":" }
        guard rename(path, "\(path).\(time).\(mark)") == 0 else {
            throw Failure(description: "\(path) cannot be renamed: \(String(cString: strerror(errno)))")
        }
        close()
        try open(now)
        day = now / 86_400_000
    }

    /// The files of a log, the oldest first.
    static func all(_ path: String) -> [String] {
        let (folder, name) = split(path)
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let full = names.filter { $0.hasPrefix(name + ".") }.sorted().map { folder + "/" + $0 }
        return full + (names.contains(name) ? [path] : [])
    }

    private static func split(_ path: String) -> (folder: String, name: String) {
        guard let slash = path.lastIndex(of: "/") else { return (".", path) }
        return (slash == path.startIndex ? "/" : String(path[..<slash]), String(path[path.index(after: slash)...]))
    }

    /// Calls `body` with each line of a file, without its line break. Memory is bounded by the longest line.
    static func forEachLine(of path: String, _ body: (Substring) throws -> Void) throws {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Failure(description: "\(path) cannot be read: \(String(cString: strerror(errno)))") }
        defer { _ = Glibc.close(file) }
        var part = [UInt8](repeating: 0, count: 1 << 18)
        var rest: [UInt8] = []
        while true {
            let count = read(file, &part, part.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(description: "\(path) cannot be read: \(String(cString: strerror(errno)))") }
            if count == 0 { break }
            rest += part[..<count]
            guard rest.count <= 1 << 24 else { throw Failure(description: "\(path) has a line of more than 16 MiB, as no audit log has.") }
            var start = rest.startIndex
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                try body(String(decoding: rest[start..<end], as: UTF8.self)[...])
                start = end + 1
            }
            rest.removeSubrange(..<start)
        }
        if !rest.isEmpty { try body(String(decoding: rest, as: UTF8.self)[...]) }
    }
}
