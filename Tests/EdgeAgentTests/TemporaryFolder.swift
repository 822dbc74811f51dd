import Foundation

/// A folder of a test, which goes with it.
final class TemporaryFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/weir-edge-agent-" + UUID().uuidString
        // A test that cannot have its folder fails at its first file.
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// The bytes of every file below the folder, by path, but for those that the agent keeps for itself; folders end with a slash.
    func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for name in try FileManager.default.subpathsOfDirectory(atPath: path) where !name.contains(".weir-edge-agent.") {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path + "/" + name, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue { contents[name + "/"] = Data() } else { contents[name] = try data(name) }
        }
        return contents
    }

    func names() throws -> [String] { try contents().keys.sorted() }

    func data(_ name: String) throws -> Data { try Data(contentsOf: URL(filePath: path + "/" + name)) }

    /// Writes a file, and makes the folders that it is in.
    func write(_ name: String, _ text: String) throws {
        let url = URL(filePath: path + "/" + name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
    }
}
