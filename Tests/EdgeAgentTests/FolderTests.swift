import Contract
import Foundation
import TestSupport
import Testing

@testable import EdgeAgent

@Suite("Names of files")
struct StreamFilesTests {
    @Test("The name of the stream, where that is safe")
    func plain() {
        let files = StreamFiles(streamARN: arn("gate-7_a.B"))
        #expect(
            [files.configuration, files.recorderStatus, files.uploaderStatus, files.media]
                == ["gate-7_a.B.json", "gate-7_a.B.recorder-status.json", "gate-7_a.B.uploader-status.json", "gate-7_a.B.media"])
    }

    @Test("A name that would hide, climb or look like another's is changed")
    func changed() {
        #expect(StreamFiles(streamARN: arn(".")).configuration == "%2E.json")
        #expect(StreamFiles(streamARN: arn("..")).media == "%2E..media")
        #expect(StreamFiles(streamARN: arn(".hidden")).configuration == "%2Ehidden.json")
        #expect(StreamFiles(streamARN: arn("a.recorder-status")).configuration == "a%2Erecorder-status.json")
        #expect(StreamFiles(streamARN: arn(".uploader-status")).configuration == "%2Euploader-status.json")
    }

    @Test("No two streams share a name, and every name is one of a file")
    func distinct() {
        let parts = ["", ".", "a", ".json", ".media", ".recorder-status", ".uploader-status", "weir-edge-agent", ".new"]
        var streams = Set(parts.flatMap { first in parts.flatMap { second in parts.map { first + second + $0 } } })
        for length in [127, 128, 129, 180, 181, 193, 255, 256] {
            for start in ["", ".", "a.", "2E"] {
                for end in ["a", "b", ".recorder-status", ".uploader-status", ".json"] {
                    streams.insert(start + String(repeating: "x", count: length - start.count - end.count) + end)
                }
            }
        }
        streams.remove("")
        var owners: [String: String] = [:]
        for stream in streams {
            let files = StreamFiles(streamARN: arn(stream))
            #expect(StreamFiles.isConfiguration(files.configuration))
            for name in [files.configuration, files.recorderStatus, files.uploaderStatus, files.media] {
                #expect(!name.hasPrefix(".") && !name.contains("/") && name.utf8.count <= 255, "\(stream): \(name)")
                #expect(owners.updateValue(stream, forKey: name) == nil, "\(name) is of two streams")
            }
            #expect(!StreamFiles.isConfiguration(files.recorderStatus))
            #expect(!StreamFiles.isConfiguration(files.uploaderStatus))
        }
        #expect(owners.count == 4 * streams.count)
    }
}

@Suite("Folder")
struct FolderTests {
    private let temporary = TemporaryFolder()
    private let lines = LogBook()

    private func open(_ disk: any Disk = LocalDisk()) throws -> Folder {
        try Folder(temporary.path + "/agent", disk: disk, logger: lines.logger)
    }

    private func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: temporary.path + "/" + name)[.posixPermissions] as? Int
    }

    @Test("Holds what was written, for its owner only, and says so after a start")
    func writing() async throws {
        do {
            let folder = try open()
            #expect(try await folder.held().isEmpty)
            try await folder.write(configuration(arn("b"), "r1"))
            try await folder.write(configuration(arn("a"), "r1"))
            try await folder.write(configuration(arn("b"), "r2"))
        }
        #expect(
            try await open().held() == [
                HeldEdgeConfiguration(revision: "r1", streamARN: arn("a")), HeldEdgeConfiguration(revision: "r2", streamARN: arn("b")),
            ])
        #expect(try temporary.names() == ["agent/", "agent/a.json", "agent/b.json"])
        #expect(try mode("agent") == 0o700)
        #expect(try mode("agent/b.json") == 0o600)
        let object = try JSONSerialization.jsonObject(with: temporary.data("agent/b.json")) as? [String: Any]
        #expect(object?.keys.sorted() == ["EdgeConfig", "Revision", "StreamARN"])
        #expect(object?["Revision"] as? String == "r2")
        let recorder = (object?["EdgeConfig"] as? [String: Any])?["RecorderConfig"] as? [String: [String: String]]
        #expect(recorder?["MediaSourceConfig"]?["MediaUriSecretArn"]?.hasSuffix(":secret:hush") == true)
    }

    @Test("A file that is no configuration is left alone, and complained about once")
    func strangers() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a"), "r1"))
        let good = String(decoding: try temporary.data("agent/a.json"), as: UTF8.self)
        try temporary.write("agent/copy.json", good)
        try temporary.write("agent/torn.json", String(good.prefix(100)))
        try temporary.write("agent/list.json", "[]")
        try temporary.write("agent/notes.txt", "hello")
        try temporary.write("agent/folder.json/x", "")
        for _ in 0..<2 { #expect(try await folder.held().map(\.streamARN) == [arn("a")]) }
        #expect(lines.count(of: "left alone") == 4)
        #expect(try temporary.names().count == 8)

        // Neither written over nor deleted.
        let before = try temporary.contents()
        for name in ["torn", "list", "folder"] {
            await #expect(throws: Folder.Refusal.self) { try await folder.write(configuration(arn(name), "r1")) }
            await #expect(throws: Folder.Refusal.self) { try await folder.delete(streamARN: arn(name)) }
        }
        for name in ["torn", "list"] { try await folder.forget(streamARN: arn(name)) }
        #expect(try temporary.contents() == before)

        // Moved away, it is in nobody's way.
        try FileManager.default.removeItem(atPath: temporary.path + "/agent/torn.json")
        try await folder.write(configuration(arn("torn"), "r1"))
        #expect(try await folder.held().map(\.streamARN) == [arn("a"), arn("torn")])
    }

    @Test("Deletes the file, the statuses and the media, and nothing else; again and again")
    func deleting() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a"), "r1"))
        try await folder.write(configuration(arn("a.media"), "r1"))
        for name in ["a.recorder-status.json", "a.uploader-status.json", "a.media/1.mkv", "a.media/day/2.mkv", "a.media.media/3.mkv"] {
            try temporary.write("agent/" + name, "{}")
        }
        try temporary.write("elsewhere/keep", "")
        try FileManager.default.createSymbolicLink(
            atPath: temporary.path + "/agent/a.media/link", withDestinationPath: temporary.path + "/elsewhere")
        for _ in 0..<2 {
            try await folder.delete(streamARN: arn("a"))
            #expect(
                try temporary.names() == [
                    "agent/", "agent/a.media.json", "agent/a.media.media/", "agent/a.media.media/3.mkv", "elsewhere/", "elsewhere/keep",
                ])
        }
    }

    @Test("Media that is elsewhere is not deleted, and the deployment learns why")
    func linkedMedia() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a"), "r1"))
        try temporary.write("disk/day/1.mkv", "")
        try FileManager.default.createSymbolicLink(
            atPath: temporary.path + "/agent/a.media", withDestinationPath: temporary.path + "/disk")
        let refusal = await #expect(throws: Folder.Refusal.self) { try await folder.delete(streamARN: arn("a")) }
        #expect(refusal?.description.contains("a.media is no folder but a link") == true)
        #expect(try temporary.names().contains("disk/day/1.mkv"))
        #expect(try await folder.held().map(\.streamARN) == [arn("a")])
    }

    @Test("A link in place of a configuration or a status is not followed")
    func linkedFiles() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a"), "r1"))
        try FileManager.default.moveItem(atPath: temporary.path + "/agent/a.json", toPath: temporary.path + "/a.json")
        try temporary.write("status.json", #"{"Status": "SUCCESS"}"#)
        for (link, target) in [("a.json", "a.json"), ("b.recorder-status.json", "status.json")] {
            try FileManager.default.createSymbolicLink(
                atPath: temporary.path + "/agent/" + link, withDestinationPath: temporary.path + "/" + target)
        }
        #expect(try await folder.held().isEmpty)
        await #expect(throws: Folder.Refusal.self) { try await folder.delete(streamARN: arn("a")) }
        await #expect(throws: Folder.Refusal.self) { try await folder.write(configuration(arn("a"), "r2")) }
        try await folder.write(configuration(arn("b"), "r1"))
        #expect(await folder.untoldStatuses(thing: thing).isEmpty)
        #expect(try temporary.names().filter { !$0.hasPrefix("agent") } == ["a.json", "status.json"])
    }

    @Test("A folder that becomes a link while its media is removed leads nowhere")
    func swappedFolder() async throws {
        try temporary.write("agent/a.media/day/1.mkv", "")
        try temporary.write("elsewhere/1.mkv", "keep")
        // The folder is listed, and then another hand puts a link in its place.
        let folder = try open(SwappingDisk(name: "day", target: temporary.path + "/elsewhere"))
        try? await folder.delete(streamARN: arn("a"))
        #expect(try temporary.names().contains("elsewhere/1.mkv"))
    }

    @Test("Forgets a stream but not its media, and not a younger stream of the same name")
    func forgetting() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a", 2), "r2"))
        try temporary.write("agent/a.recorder-status.json", "{}")
        try temporary.write("agent/a.media/1.mkv", "")
        try await folder.forget(streamARN: arn("a", 1))
        #expect(
            try temporary.names() == ["agent/", "agent/a.json", "agent/a.media/", "agent/a.media/1.mkv", "agent/a.recorder-status.json"])
        for _ in 0..<2 {
            try await folder.forget(streamARN: arn("a", 2))
            #expect(try temporary.names() == ["agent/", "agent/a.media/", "agent/a.media/1.mkv"])
        }
    }

    @Test("A file system that cannot tell two names apart does not lose one of them")
    func sameName() async throws {
        let folder = try open()
        try await folder.write(configuration(arn("a"), "r1"))
        // What a file system without capital letters would find under the name of the stream b.
        try FileManager.default.moveItem(atPath: temporary.path + "/agent/a.json", toPath: temporary.path + "/agent/b.json")
        await #expect(throws: Folder.Refusal.self) { try await folder.write(configuration(arn("b"), "r1")) }
        await #expect(throws: Folder.Refusal.self) { try await folder.delete(streamARN: arn("b")) }
        try await folder.forget(streamARN: arn("b"))
        #expect(try temporary.names() == ["agent/", "agent/b.json"])
    }

    @Test("Is one agent's at a time")
    func locked() async throws {
        let folder = try open()
        #expect(throws: Folder.Refusal.self) { try open() }
        #expect(try await folder.held().isEmpty)
    }

    @Test("A folder that cannot be is an error at the start")
    func impossible() throws {
        try temporary.write("file", "")
        #expect(throws: DiskError.self) { try Folder(temporary.path + "/file", logger: lines.logger) }
        #expect(throws: DiskError.self) { try Folder(temporary.path + "/no/where", logger: lines.logger) }
    }

    @Test("Where a write fails, the old file stays and nothing is left over", arguments: [FailingDisk.Step.write, .rename])
    func failingWrite(_ step: FailingDisk.Step) async throws {
        do { try await open().write(configuration(arn("a"), "r1")) }
        let before = try temporary.contents()
        let folder = try open(FailingDisk(failing: (step, ENOSPC)))
        let error = await #expect(throws: DiskError.self) { try await folder.write(configuration(arn("a"), "r2")) }
        #expect(error?.description.hasSuffix("No space left on device") == true)
        #expect(try temporary.contents() == before)
        #expect(!FileManager.default.fileExists(atPath: temporary.path + "/agent/.weir-edge-agent.new"))
    }

    @Test("A killed write leaves the old file or the new one, whole, at every step")
    func killedWrite() async throws {
        var versions: [Data] = []
        for revision in ["r2", "r1"] {
            do { try await open().write(configuration(arn("a"), revision)) }
            versions.append(try temporary.data("agent/a.json"))
        }
        var steps = 0
        var seen: Set<Data> = []
        while true {
            do { try await open().write(configuration(arn("a"), "r1")) }
            let fuse = Fuse(after: steps)
            do {
                let folder = try open(FailingDisk(fuse: fuse))
                try? await folder.write(configuration(arn("a"), "r2"))
            }
            let now = try temporary.data("agent/a.json")
            #expect(versions.contains(now))
            seen.insert(now)
            do {
                let folder = try open()
                #expect(try await folder.held().count == 1)
                try await folder.write(configuration(arn("a"), "r2"))
            }
            #expect(try temporary.data("agent/a.json") == versions[0])
            if !fuse.isBlown { break }
            steps += 1
        }
        // Two of the write, the name, and the folder.
        #expect(steps == 4)
        #expect(seen.count == 2)
    }
}

/// The disk of this machine, on which another hand puts a link in place of a folder just after it was found to be one.
private struct SwappingDisk: Disk {
    let name: String
    let target: String
    private let disk = LocalDisk()

    init(name: String, target: String) {
        self.name = name
        self.target = target
    }

    func open(_ path: String) throws(DiskError) -> OpenFolder { try disk.open(path) }
    func open(_ name: String, in folder: OpenFolder) throws(DiskError) -> OpenFolder { try disk.open(name, in: folder) }
    func list(_ folder: OpenFolder) throws(DiskError) -> [String] { try disk.list(folder) }

    func kind(_ name: String, in folder: OpenFolder) throws(DiskError) -> EntryKind? {
        let kind = try disk.kind(name, in: folder)
        if name == self.name, kind == .folder {
            let path = folder.path + "/" + name
            try? FileManager.default.moveItem(atPath: path, toPath: folder.path + "/moved")
            try? FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: target)
        }
        return kind
    }

    func read(_ name: String, in folder: OpenFolder, limit: Int) throws(DiskError) -> [UInt8]? {
        try disk.read(name, in: folder, limit: limit)
    }

    func stamp(_ name: String, in folder: OpenFolder) throws(DiskError) -> FileStamp? { try disk.stamp(name, in: folder) }
    func write(_ bytes: [UInt8], to name: String, in folder: OpenFolder) throws(DiskError) {
        try disk.write(bytes, to: name, in: folder)
    }
    func rename(_ name: String, to other: String, in folder: OpenFolder) throws(DiskError) {
        try disk.rename(name, to: other, in: folder)
    }
    func synchronize(_ folder: OpenFolder) throws(DiskError) { try disk.synchronize(folder) }
    func removeFile(_ name: String, in folder: OpenFolder) throws(DiskError) { try disk.removeFile(name, in: folder) }
    func removeFolder(_ name: String, in folder: OpenFolder) throws(DiskError) { try disk.removeFolder(name, in: folder) }
}
