import Foundation
import Glibc
import SQL
import Testing

@testable import PostgresDriver

/// Servers and poolers that only one test uses, and may do harm to. Started by `ops/postgres`, in a folder that is gone afterwards.
final class OwnServers {
    /// One of them: its folder and how to reach it.
    struct Server {
        let name: String
        let url: String

        /// `127.0.0.1:PORT`.
        var address: String {
            get throws {
                let components = try #require(URLComponents(string: url))
                return "\(try #require(components.host)):\(try #require(components.port))"
            }
        }
    }

    /// `ops/postgres` did not do as it was asked.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let folder: String
    private var names: [String] = []

    private init() throws {
        folder = NSTemporaryDirectory() + "weir-servers-\(UInt64.random(in: 0 ... .max))"
        // Postgres runs as another user where this runs as root, and must be able to enter.
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o711])
    }

    /// Runs `body`; afterwards every server is stopped and its files are removed.
    static func with(_ body: (OwnServers) async throws -> Void) async throws {
        let servers = try OwnServers()
        do {
            try await body(servers)
        } catch {
            Issue.record(error)
        }
        for name in servers.names.reversed() { _ = try? await servers.run("stop", name) }
        try FileManager.default.removeItem(atPath: servers.folder)
    }

    /// Starts a server, the one of this name again if there was one, with these settings.
    func start(_ name: String, _ settings: String...) async throws -> Server {
        try await make(name, ["start", "\(folder)/\(name)"] + settings)
    }

    /// Starts a streaming standby of a server.
    func standby(_ name: String, of primary: Server) async throws -> Server {
        try await make(name, ["standby", "\(folder)/\(name)", "\(folder)/\(primary.name)"])
    }

    /// Starts a pooler in transaction mode before a server.
    func pooler(_ name: String, before server: Server, _ settings: String...) async throws -> Server {
        try await make(name, ["pooler", "\(folder)/\(name)", "\(folder)/\(server.name)"] + settings)
    }

    /// Makes a standby the primary.
    func promote(_ server: Server) async throws {
        _ = try await run("promote", server.name)
    }

    /// Sends a signal to every process of a server: KILL, STOP or CONT.
    func signal(_ server: Server, _ signal: String) async throws {
        _ = try await run("signal", server.name, signal)
    }

    /// One URL for several servers, which share their passwords: the driver has to find the one that takes writes.
    func url(_ servers: Server...) throws -> String {
        let first = try #require(servers.first)
        return first.url.replacing(try first.address, with: try servers.map { try $0.address }.joined(separator: ","))
    }

    private func make(_ name: String, _ arguments: [String]) async throws -> Server {
        if !names.contains(name) { names.append(name) }
        return Server(name: name, url: try await execute(arguments))
    }

    private func run(_ command: String, _ name: String, _ more: String...) async throws -> String {
        try await execute([command, "\(folder)/\(name)"] + more)
    }

    // Blocks a thread of its own, not one of Swift's pool.
    private func execute(_ arguments: [String]) async throws -> String {
        let output = "\(folder)/\(UInt64.random(in: 0 ... .max)).output"
        return try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(with: Result { try Self.output(of: arguments, by: output) })
            }
        }
    }

    // Without Foundation's Process and without pipes: the servers that are started inherit what those wait for the end of.
    private static func output(of arguments: [String], by path: String) throws -> String {
        let script = URL(filePath: #filePath).resolvingSymlinksInPath().deletingLastPathComponent().appending(path: "../../ops/postgres")
        let words = [script.standardizedFileURL.path] + arguments
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        var pointers = words.map { strdup($0) }
        defer { for pointer in pointers { free(pointer) } }
        pointers.append(nil)
        var process = pid_t()
        let failure = posix_spawn(&process, words[0], &actions, nil, pointers, environ)
        guard failure == 0 else { throw Failure(description: "\(words[0]) cannot be run: errno \(failure)") }
        var status: Int32 = 0
        while waitpid(process, &status, 0) == -1 && errno == EINTR {}
        let text = try String(contentsOfFile: path, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
        guard status == 0 else { throw Failure(description: "\(words.joined(separator: " ")): status \(status), \(text)") }
        return text
    }
}
