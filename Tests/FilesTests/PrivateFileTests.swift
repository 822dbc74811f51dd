import Files
import Foundation
import Testing

@Suite("Files with secrets")
struct PrivateFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "weir-files-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private func path(_ name: String) -> String { folder.appending(path: name).path }

    private func make(_ name: String, mode: Int) throws -> String {
        try Data("hush".utf8).write(to: URL(filePath: path(name)))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path(name))
        return path(name)
    }

    /// The rule of PostgreSQL for its keys: one's own and closed to all others, or root's and closed to the world.
    @Test(
        arguments: [
            (1000, 0o600, nil), (1000, 0o400, nil), (1000, 0o700, nil), (0, 0o600, nil), (0, 0o640, nil), (0, 0o440, nil),
            (1000, 0o640, "open to its group"), (1000, 0o604, "by others"), (0, 0o644, "by others"), (0, 0o660, "open to its group"),
            (0, 0o450, "open to its group"), (0, 0o602, "by others"), (1001, 0o600, "belongs to user 1001"),
            (1001, 0o400, "belongs to user 1001"),
        ] as [(uid_t, mode_t, String?)])
    func `may be read by whom they belong to`(_ owner: uid_t, _ mode: mode_t, _ words: String?) {
        let fault = PrivateFile.fault(owner: owner, mode: S_IFREG | mode, reader: 1000)
        #expect((fault == nil) == (words == nil))
        if let words { #expect(fault?.contains(words) == true) }
    }

    @Test func `of root may be read by its group, by root too`() {
        #expect(PrivateFile.fault(owner: 0, mode: S_IFREG | 0o440, reader: 0) == nil)
        #expect(PrivateFile.fault(owner: 1000, mode: S_IFREG | 0o600, reader: 0) != nil)
    }

    @Test func `are read, behind links too, and missing ones are told apart`() throws {
        let file = try make("secret", mode: 0o400)
        try FileManager.default.createSymbolicLink(atPath: path("link"), withDestinationPath: file)
        #expect(try PrivateFile.read(path("link")) == Array("hush".utf8))
        #expect(try PrivateFile.read(path("missing")) == nil)
    }

    @Test func `that the world can read are refused, with what helps and without what is in them`() throws {
        let file = try make("secret", mode: 0o644)
        let failure = #expect(throws: PrivateFile.Failure.self) { try PrivateFile.read(file) }
        for words in [file, "0644", "chmod 600", "fsGroup"] { #expect(failure?.description.contains(words) == true) }
        #expect(failure?.description.contains("hush") == false)
    }

    @Test func `are files`() throws {
        #expect(mkfifo(path("pipe"), 0o600) == 0)
        for name in ["pipe", "."] { #expect(throws: PrivateFile.Failure.self) { try PrivateFile.read(path(name)) } }
    }

    @Test func `are written whole, once, for their owner only`() throws {
        let old = umask(0)
        defer { umask(old) }
        #expect(try PrivateFile.write(Array("one".utf8), to: path("new"), replacing: false))
        #expect(try !PrivateFile.write(Array("two".utf8), to: path("new"), replacing: false))
        #expect(try PrivateFile.read(path("new")) == Array("one".utf8))
        #expect(try PrivateFile.write(Array("three".utf8), to: path("new"), replacing: true))
        #expect(try PrivateFile.read(path("new")) == Array("three".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["new"])
        #expect(throws: PrivateFile.Failure.self) { try PrivateFile.write([1], to: path("no/where"), replacing: false) }
    }

    @Test func `are in folders of their owner`() throws {
        let old = umask(0)
        defer { umask(old) }
        try PrivateFile.makeFolder(path("a/b/c"))
        try PrivateFile.makeFolder(path("a/b/c"))
        for name in ["a", "a/b", "a/b/c"] {
            let mode = try FileManager.default.attributesOfItem(atPath: path(name))[.posixPermissions] as? Int
            #expect(mode == 0o700)
        }
        try PrivateFile.requireUnshared(path("a"))
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path("a"))
        #expect(throws: PrivateFile.Failure.self) { try PrivateFile.requireUnshared(path("a")) }
        _ = try make("file", mode: 0o600)
        #expect(throws: PrivateFile.Failure.self) { try PrivateFile.makeFolder(path("file/b")) }
    }

    @Test func `are written to the last byte, or the error is told`() throws {
        var ends: [Int32] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        #expect(writeWhole(Array("whole".utf8), to: ends[1]) == 0)
        close(ends[1])
        #expect(writeWhole([1], to: ends[1]) == EBADF)
    }
}
