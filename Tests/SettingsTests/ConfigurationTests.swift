import ArgumentParser
import ControlPlane
import Delivery
import Files
import Foundation
import Testing

@testable import Settings

/// Parses flags, and reads and checks the configuration as a command does.
private func read(_ flags: [String] = [], _ environment: [String: String] = [:]) throws -> ServerConfiguration {
    try ServerConfiguration(given(flags, environment))
}

private func given(_ flags: [String] = [], _ environment: [String: String] = [:]) throws -> GivenConfiguration {
    try GivenConfiguration(ConfigurationFlags.parse(flags), environment: environment)
}

private func faults(_ flags: [String] = [], _ environment: [String: String] = [:]) -> [String] {
    do {
        _ = try read(flags, environment)
        return []
    } catch let error as ServerConfiguration.Invalid {
        return error.faults
    } catch {
        return ["\(error)"]
    }
}

/// The files of a test, which go with it.
private final class TemporaryFiles: Sendable {
    private let folder = FileManager.default.temporaryDirectory.appending(path: "weir-settings-\(UUID().uuidString)")

    /// The path of a new file.
    func make(_ text: String, mode: Int = 0o600) throws -> String {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appending(path: UUID().uuidString).path
        try Data(text.utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        return path
    }

    deinit { try? FileManager.default.removeItem(at: folder) }
}

@Suite("Configuration")
struct ConfigurationTests {
    private let files = TemporaryFiles()

    @Test func `is what the keys say where nothing is given`() throws {
        let configuration = try read()
        #expect(configuration.host == "127.0.0.1")
        #expect(configuration.port == 7080)
        #expect(configuration.roles == [.control, .media, .archive, .signaling, .worker])
        #expect(configuration.database == .sqlite(path: "./weir-data/weir.db"))
        #expect(configuration.masterKeyFile == "./weir-data/master.key")
        #expect(configuration.isSigned && configuration.tls == nil && configuration.remarks.isEmpty)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.9.8.7", true), ("10.0.0.0/8", "11.0.0.1", false), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false), ("192.0.2.7,2001:db8::/33", "2001:db8:7fff::1", true),
        ("192.0.2.7,2001:db8::/33", "2001:db8:8000::1", false), ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("::1", "127.0.0.1", false), ("::1", "", false), ("", "127.0.0.1", false),
    ])
    func `says which addresses are proxies`(_ list: String, _ address: String, _ isOne: Bool) throws {
        #expect(try read(["--trusted-proxies", list]).trustedProxies.contains(address) == isOne)
    }

    @Test(arguments: ["10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/8/9", "a", "10.0.0.0/8,", "::/129", "010.0.0.1", "public"])
    func `refuses what is no list of proxies`(_ list: String) {
        #expect(faults(["--trusted-proxies", list]).map { $0.prefix(16) } == ["trusted-proxies:"])
    }

    @Test func `is taken from flags before the environment before the file`() throws {
        let file = try files.make(#"{"port": 1, "region": "file-1", "account": "000000000001", "log-requests": false}"#)
        let environment = ["WEIR_CONFIG": file, "WEIR_PORT": "2", "WEIR_REGION": "environment-1", "PORT": "9"]
        let given = try given(["--port", "3", "--host=::1"], environment)
        #expect(
            ["port", "region", "account", "log-requests", "host", "auth"].map { given.texts[$0] ?? "" }
                == ["3", "environment-1", "000000000001", "false", "::1", "sigv4"])
        #expect(["port", "region", "account", "host", "auth"].map { given.sources[$0] } == [.flag, .environment, .file, .flag, .fallback])
        #expect(try read(["--config", file], ["WEIR_CONFIG": "/nonexistent"]).port == 1)
        #expect(try read(["--port", "1", "--port", "2"]).port == 2)
    }

    @Test func `tells every fault at once, each by its key`() {
        let found = faults(["--prot", "1", "--port", "x", "--account", "1"], ["WEIR_REGOIN": "x"]).joined(separator: "\n")
        for words in ["--prot: there is no such flag", "port: must be", "account: must be", "WEIR_REGOIN: there is no such key"] {
            #expect(found.contains(words))
        }
    }

    @Test func `has a key for every flag, and every key is a flag`() throws {
        for key in ConfigurationKey.all {
            #expect(try given(["--\(key.name)", "some text"]).texts[key.name] == "some text")
            #expect(try given([], [key.environmentName: "some text"]).texts[key.name] == "some text")
        }
        #expect(Set(ConfigurationKey.all.map(\.name)).count == ConfigurationKey.all.count)
        let help = ConfigurationFlags.helpMessage()
        for key in ConfigurationKey.all { #expect(help.contains("--\(key.name) ")) }
    }

    @Test(arguments: [["--sns-secret-key", "hunter2"], ["--sns-secret-key=hunter2"], ["--database-url", "hunter2", "--port", "1"]])
    func `does not echo the value of a flag that there is not`(_ flags: [String]) {
        let found = faults(flags)
        #expect(found.count == 1 && found.first?.hasSuffix("there is no such flag") == true)
        #expect(!found.joined().contains("hunter2"))
    }

    @Test func `names a word that belongs to nothing`() {
        #expect(faults(["stray"]) == ["stray: there is no such word in this command"])
    }

    // MARK: Secrets

    @Test(
        arguments: [
            ("sqlite", false), ("sqlite:/password", false), ("postgres://db/weir", false), ("postgres://user@db/weir?passfile=/p", false),
            ("postgres://user:pw@db/weir", true), ("postgresql://:p@db", true), ("postgres://db/weir?password=pw", true),
            ("host=db user=weir", false), ("host=db password=pw", true),
        ])
    func `shows a database, but no password`(_ text: String, _ isSecret: Bool) throws {
        #expect(try given([], ["WEIR_DATABASE": text]).shown("database") == (isSecret ? "(secret)" : text))
        #expect(try given(["--database", text]).remarks.isEmpty == !isSecret)
        #expect(try given([], ["WEIR_DATABASE": text]).remarks.isEmpty)
    }

    @Test func `with a secret is in a file that is closed to others`() throws {
        let secret = #"{"sns-access-key-id": "id", "sns-secret-access-key": "hunter2"}"#
        #expect(try read(["--config", files.make(secret)]).delivery.snsCredentials != nil)
        let found = try faults(["--config", files.make(secret, mode: 0o644)])
        #expect(found.count == 1 && found.first?.contains("sns-secret-access-key may not be in a file that others can read") == true)
        #expect(!found.joined().contains("hunter2"))
        #expect(try read(["--config", files.make(#"{"port": 1}"#, mode: 0o644)]).port == 1)
    }

    @Test func `in a file that is none is refused`() throws {
        #expect(faults(["--config", "/nonexistent"]) == ["config: /nonexistent cannot be read"])
        for text in ["[]", "{", #"{"port": 1, "port": 2}"#] { #expect(try faults(["--config", files.make(text)]).count == 1) }
        #expect(try faults(["--config", files.make(#"{"prot": 1, "port": [1]}"#)]).count == 2)
    }

    // MARK: What may be read on the way

    @Test(arguments: [
        (["--host", "10.0.0.11"], false), (["--host", "::"], false), (["--host", "weir.example.com"], false),
        (["--host", "0.0.0.0", "--plain-http-beyond-loopback", "false"], false),
        (["--host", "0.0.0.0", "--plain-http-beyond-loopback", "true"], true),
        (["--host", "0.0.0.0", "--tls-certificate", "c", "--tls-key", "k"], true),
        (["--host", "::1"], true), (["--host", "127.8.8.8"], true), (["--host", "localhost"], true),
    ])
    func `serves plain HTTP beyond loopback only where it is told to`(_ flags: [String], _ isTaken: Bool) {
        let found = faults(flags)
        #expect(found.isEmpty == isTaken && found.allSatisfy { $0.hasPrefix("host: ") && $0.contains("plain-http-beyond-loopback true") })
    }

    // MARK: Kubernetes

    /// What Kubernetes gives a pod beside services called weir and weir-api with a named port (enableServiceLinks), and Docker by links.
    @Test func `passes over how Kubernetes tells of services, and says so once`() throws {
        let links = [
            "WEIR_PORT": "tcp://10.96.0.17:7080", "WEIR_SERVICE_HOST": "10.96.0.17", "WEIR_SERVICE_PORT": "7080",
            "WEIR_SERVICE_PORT_HTTP": "7080", "WEIR_PORT_7080_TCP": "tcp://10.96.0.17:7080", "WEIR_PORT_7080_TCP_PROTO": "tcp",
            "WEIR_PORT_7080_TCP_PORT": "7080", "WEIR_PORT_7080_TCP_ADDR": "10.96.0.17", "WEIR_API_SERVICE_HOST": "10.96.0.18",
            "WEIR_API_PORT": "tcp://10.96.0.18:80", "WEIR_API_PORT_53_UDP": "udp://10.96.0.18:53",
            "WEIR_API_PORT_53_UDP_ADDR": "10.96.0.18",
        ]
        let configuration = try read([], links)
        #expect(configuration.port == 7080)
        #expect(configuration.remarks.count == 1 && configuration.remarks.first?.contains("WEIR_API_PORT_53_UDP_ADDR") == true)
        #expect(try read(["--port", "81"], links).port == 81)
    }

    @Test(arguments: ["WEIR_PROT", "WEIR_SERVICE_HOSTS", "WEIR_SERVICE", "WEIR_PORT_TCP", "WEIR_PORT_7080_TCP_NAME", "WEIR_ADDR"])
    func `refuses other variables that it does not know`(_ name: String) {
        #expect(faults([], [name: "1"]) == ["\(name): there is no such key (in the environment)"])
    }

    @Test func `takes a port from the environment as ever`() {
        #expect(faults([], ["WEIR_PORT": "tcp"]).count == 1)
        #expect(faults([], ["WEIR_HOST": "::1", "WEIR_PORT": "1"]).isEmpty)
    }
}
