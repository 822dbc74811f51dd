import Files
import FoundationEssentials
import Identity
import Logging
import Settings

/// The access key that a new deployment starts with, and the file in which its owner finds it.
enum FirstCredentials {
    /// Sees to it that the deployment has its first key, and that the file `credentials` in the data folder holds it: an AWS credentials file with
    /// the profile `weir`, which also tells region and endpoint.
    ///
    /// The file is written before the database knows the key, so a start that was killed in between finds the key in the file and goes on with it.
    static func provide(_ configuration: ServerConfiguration, _ keys: AccessKeys, _ logger: Logger) async throws {
        if try await keys.hasFirst() { return }
        let path = configuration.dataDirectory + "/credentials"
        let made = AccessKey.random(account: configuration.account)
        let isNew = try PrivateFile.write(text(made, configuration), to: path, replacing: false)
        let key = isNew ? made : try read(path, account: configuration.account)
        guard try await keys.addFirst(key) else {
            // Another instance was first: its file has the key that is valid.
            if isNew { try FileManager.default.removeItem(atPath: path) }
            return
        }
        logger.notice("the first access key was made", metadata: ["account": "\(configuration.account)", "file": "\(path)"])
    }

    private static func text(_ key: AccessKey, _ configuration: ServerConfiguration) -> [UInt8] {
        Array((profile("weir", key, region: configuration.region, configuration) + "\n").utf8)
    }

    /// A profile of an AWS credentials file, with which clients need nothing else.
    static func profile(_ name: String, _ key: AccessKey, region: String, _ configuration: ServerConfiguration) -> String {
        var lines = [
            "[\(name)]", "aws_access_key_id = \(key.id)", "aws_secret_access_key = \(key.secret)", "region = \(region)",
        ]
        // With port 0 the address is another at each start.
        if configuration.port != 0 { lines.append("endpoint_url = \(configuration.localEndpoint)") }
        return lines.joined(separator: "\n")
    }

    private static func read(_ path: String, account: String) throws -> AccessKey {
        let lines = String(decoding: try PrivateFile.read(path) ?? [], as: UTF8.self).split(separator: "\n")
        func value(_ name: String) -> String? {
            lines.first { $0.hasPrefix(name + " = ") }.map { String($0.dropFirst(name.count + 3)) }
        }
        guard let id = value("aws_access_key_id"), let secret = value("aws_secret_access_key") else {
            throw PrivateFile.Failure(description: "\(path) is there, but holds no access key. Move it away and start again.")
        }
        return AccessKey(id: id, account: account, secret: secret)
    }
}
