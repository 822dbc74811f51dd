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

    func open(_ path: String) throws(DiskError) -> OpenFolder { try disk.open(path) }
    func open(_ name: String, in folder: OpenFolder) throws(DiskError) -> OpenFolder { try disk.open(name, in: folder) }

    func list(_ folder: OpenFolder) throws(DiskError) -> [String] {
        try step(.list, folder.path)
        return try disk.list(folder)
    }

    func kind(_ name: String, in folder: OpenFolder) throws(DiskError) -> EntryKind? { try disk.kind(name, in: folder) }

    func read(_ name: String, in folder: OpenFolder, limit: Int) throws(DiskError) -> [UInt8]? {
        try disk.read(name, in: folder, limit: limit)
    }

    func stamp(_ name: String, in folder: OpenFolder) throws(DiskError) -> FileStamp? { try disk.stamp(name, in: folder) }

    /// Two steps: a crash between them leaves half of the file.
    func write(_ bytes: [UInt8], to name: String, in folder: OpenFolder) throws(DiskError) {
        let half = Array(bytes.prefix(bytes.count / 2))
        if failing?.step == .write { try disk.write(half, to: name, in: folder) }
        try step(.write, name)
        try disk.write(half, to: name, in: folder)
        try step(.write, name)
        try disk.write(bytes, to: name, in: folder)
    }

    func rename(_ name: String, to other: String, in folder: OpenFolder) throws(DiskError) {
        try step(.rename, name)
        try disk.rename(name, to: other, in: folder)
    }

    func synchronize(_ folder: OpenFolder) throws(DiskError) {
        try step(.synchronizeFolder, folder.path)
        try disk.synchronize(folder)
    }

    func removeFile(_ name: String, in folder: OpenFolder) throws(DiskError) {
        try step(.removeFile, name)
        try disk.removeFile(name, in: folder)
    }

    func removeFolder(_ name: String, in folder: OpenFolder) throws(DiskError) {
        try step(.removeFolder, name)
        try disk.removeFolder(name, in: folder)
    }
}
