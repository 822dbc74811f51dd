import Synchronization

@testable import EdgeAgent

/// The disk of this machine, until a fuse blows; or with an error at one kind of step.
struct FailingDisk: Disk {
    enum Step: Sendable, CaseIterable {
        case list, write, rename, synchronizeFolder, removeFile, removeFolder
    }

    let disk = LocalDisk()
    var fuse = Fuse()
    /// The step that fails, and how.
    var failing: (step: Step, code: Int32)?

    /// Makes a step that changes something, unless the fuse blows.
    private func step(_ step: Step, _ path: String) throws(DiskError) {
        if let failing, failing.step == step { throw DiskError(path: path, action: "changed", code: failing.code) }
        guard fuse.step() else { throw DiskError(path: path, action: "changed", code: 0) }
    }

    func makeFolder(_ path: String) throws(DiskError) { try disk.makeFolder(path) }

    func list(_ path: String) throws(DiskError) -> [String] {
        try step(.list, path)
        return try disk.list(path)
    }

    func read(_ path: String, limit: Int) throws(DiskError) -> [UInt8]? { try disk.read(path, limit: limit) }
    func stamp(_ path: String) throws(DiskError) -> FileStamp? { try disk.stamp(path) }
    func isFolder(_ path: String) throws(DiskError) -> Bool { try disk.isFolder(path) }

    /// Two steps: a crash between them leaves half of the file.
    func write(_ bytes: [UInt8], to path: String) throws(DiskError) {
        if failing?.step == .write { try disk.write(Array(bytes.prefix(bytes.count / 2)), to: path) }
        try step(.write, path)
        try disk.write(Array(bytes.prefix(bytes.count / 2)), to: path)
        try step(.write, path)
        try disk.write(bytes, to: path)
    }

    func rename(_ path: String, to other: String) throws(DiskError) {
        try step(.rename, path)
        try disk.rename(path, to: other)
    }

    func synchronizeFolder(_ path: String) throws(DiskError) {
        try step(.synchronizeFolder, path)
        try disk.synchronizeFolder(path)
    }

    func removeFile(_ path: String) throws(DiskError) {
        try step(.removeFile, path)
        try disk.removeFile(path)
    }

    func removeFolder(_ path: String) throws(DiskError) {
        try step(.removeFolder, path)
        try disk.removeFolder(path)
    }
}
