package import Glibc

/// Files with secrets, which nobody but their owner may read or write.
package enum PrivateFile {
    /// Why a file cannot be used. The text is for operators and names the file, never what is in it.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) {
            self.description = description
        }
    }

    /// No file with secrets is longer, in bytes.
    private static let limit = 1 << 20

    /// Makes a folder, and those above it, that only its owner may enter, unless it is there. Refuses a folder in which anybody may write: files
    /// could be planted there.
    package static func makeFolder(_ path: String) throws(Failure) {
        if mkdir(path, 0o700) != 0 {
            let parent = folder(of: path)
            if errno == ENOENT, parent != path {
                try makeFolder(parent)
                guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw failure("The folder \(path) cannot be made") }
            } else if errno != EEXIST {
                throw failure("The folder \(path) cannot be made")
            }
        }
    }

    /// Refuses a folder for secrets in which anybody may write, and so plant a file or take one away. One that is not there will do.
    package static func requireUnshared(_ path: String) throws(Failure) {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return }
            throw failure("The folder \(path) cannot be read")
        }
        guard status.st_mode & S_IFMT == S_IFDIR else { throw Failure(description: "\(path) is not a folder.") }
        guard status.st_mode & 0o002 == 0 else {
            throw Failure(description: "Anybody may write in the folder \(path), where secrets are kept. Run: chmod o-w \(path)")
        }
    }

    /// The bytes of a file; nil where there is none.
    ///
    /// The file must be this process's own and closed to group and others (0600 or less), or root's, closed to others and not for the group to
    /// write (0640 or less): that is how secrets are mounted into containers, often behind a symbolic link and read-only. So PostgreSQL has it
    /// for its keys (its manual, "Secure TCP/IP Connections with SSL").
    package static func read(_ path: String) throws(Failure) -> [UInt8]? {
        // Not blocking: a pipe of this name must not hold up the start.
        let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else {
            if errno == ENOENT { return nil }
            throw failure("\(path) cannot be read")
        }
        defer { close(file) }
        var status = stat()
        guard fstat(file, &status) == 0 else { throw failure("\(path) cannot be read") }
        guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(description: "\(path) is not a file.") }
        if let fault = fault(owner: status.st_uid, mode: status.st_mode, reader: geteuid()) {
            throw Failure(description: "\(path) \(fault)\(remedy(path, owner: status.st_uid))")
        }
        return try bytes(of: file, path)
    }

    /// What is wrong with the rights to a file with secrets; nil where nothing is.
    ///
    /// - Parameters:
    ///   - owner: The user that the file belongs to.
    ///   - mode: The file's mode; only the bits of the rights count.
    ///   - reader: The user that wants to read it.
    package static func fault(owner: uid_t, mode: mode_t, reader: uid_t) -> String? {
        guard owner == reader || owner == 0 else {
            return "belongs to user \(owner), who is neither root nor user \(reader), as whom Weir runs."
        }
        let rights = mode & 0o777
        let text = "0" + String(rights, radix: 8)
        guard rights & 0o007 == 0 else { return "can be read or written by others than its owner (its mode is \(text))." }
        guard rights & (owner == 0 ? 0o030 : 0o070) == 0 else { return "is open to its group (its mode is \(text))." }
        return nil
    }

    private static func remedy(_ path: String, owner: uid_t) -> String {
        let change = owner == geteuid() ? "chmod 600 \(path)" : "chown \(geteuid()) \(path) && chmod 600 \(path)"
        return """
             Run: \(change). \
            Where that is not possible, as for a secret that is mounted: root's with mode 0440 or 0640 will do, if a group of Weir's may read it \
            (Kubernetes: defaultMode: 0440 for the volume, and fsGroup for the pod).
            """
    }

    private static func bytes(of file: Int32, _ path: String) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while true {
            let length = Glibc.read(file, &part, part.count)
            if length < 0, errno == EINTR { continue }
            guard length >= 0 else { throw failure("\(path) cannot be read") }
            if length == 0 { return bytes }
            bytes += part[..<length]
            guard bytes.count <= limit else { throw Failure(description: "\(path) is longer than a file of secrets may be.") }
        }
    }

    /// Writes a file that appears whole or not at all and survives the loss of power. Where `replacing` is false and the file is there already,
    /// it is left as it is.
    ///
    /// - Returns: Whether it was written.
    package static func write(_ bytes: [UInt8], to path: String, replacing: Bool) throws(Failure) -> Bool {
        let temporary = "\(path).\(getpid()).new"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure("\(temporary) cannot be written") }
        defer {
            close(file)
            unlink(temporary)
        }
        guard fchmod(file, 0o600) == 0 else { throw failure("\(temporary) cannot be written") }
        errno = writeWhole(bytes, to: file)
        guard errno == 0, fsync(file) == 0 else { throw failure("\(temporary) cannot be written") }
        // link() refuses where there is a file already, so that of two starts at once one wins.
        let isDone = replacing ? rename(temporary, path) == 0 : link(temporary, path) == 0
        guard isDone || (!replacing && errno == EEXIST) else { throw failure("\(path) cannot be written") }
        try keepNames(inFolderOf: path)
        return isDone
    }

    /// A file survives the loss of power once its name does too, which is its folder's to keep.
    private static func keepNames(inFolderOf path: String) throws(Failure) {
        let parent = folder(of: path)
        let descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("\(parent) cannot be opened") }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("\(parent) cannot be written") }
    }

    /// The folder that a path is in.
    private static func folder(of path: String) -> String {
        var path = path[...]
        while path.count > 1, path.last == "/" { path.removeLast() }
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A failure with what the system says last.
    private static func failure(_ text: String) -> Failure {
        Failure(description: "\(text): \(String(cString: strerror(errno))).")
    }
}
