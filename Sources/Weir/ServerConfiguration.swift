import Configuration
import Contract
import ControlPlane
import Delivery
import FoundationEssentials
import Logging
import Signing

/// Everything that can be configured, read from flags, then the environment, then the file named by `--config`, and checked as a whole
/// before anything is opened. `keys` is the list of what there is: `--data-dir`, `WEIR_DATA_DIR` and `{"data-dir": ...}` are the same key.
struct ServerConfiguration: Sendable {
    var host: String
    var port: Int
    /// What this instance does.
    var roles: Set<Role>
    var dataDirectory: String
    var database: DatabaseLocation
    var postgresConnections: Int
    var postgresPreparedStatements: Bool
    var masterKeyFile: String
    var account: String
    var region: String
    /// nil allows any.
    var allowedRegions: Set<String>?
    var isSigned: Bool
    var tls: TLSFiles?
    var corsOrigins: [String]
    var endpoints: AdvertisedEndpoints
    var profile: LimitProfile
    var streamQuota: Int64
    /// nil leaves it to the profile.
    var channelQuota: Int64?
    var protectiveRate: Int?
    var minimumDurations: MinimumDurations
    /// Milliseconds.
    var edgeTimeout: Int64
    /// Milliseconds.
    var eventRetention: Int64
    var notifications: NotificationRules
    var delivery: DeliverySettings
    /// How many events of an account may wait before its changes are refused.
    var outboxLimit: Int64
    /// Seconds.
    var drainSeconds: Int
    var stopSeconds: Int
    var logLevel: String
    var logsRequests: Bool

    /// What an instance may do.
    enum Role: String, CaseIterable {
        /// Answer calls of the control plane and of edge agents.
        case control
        /// End passing statuses, keep deadlines, clean up.
        case worker

        /// By its name, or the one that it had before.
        init?(name: String) { self.init(rawValue: name == "api" ? "control" : name) }

        /// The APIs whose calls are answered.
        var apis: Set<API> {
            switch self {
            case .control: [.controlPlane, .edgeAgent]
            case .worker: []
            }
        }
    }

    /// Where the database is.
    enum DatabaseLocation: Sendable, Equatable {
        case sqlite(path: String)
        /// A libpq URL or key/value string; it may hold a password.
        case postgres(String)
    }

    /// What TLS is served with, both in PEM.
    struct TLSFiles: Sendable, Equatable {
        let certificate: String
        let key: String
    }

    /// A key of the configuration, for reading and for the list that `weir serve --help` and the README give.
    struct Key: Sendable {
        let name: String
        let fallback: String
        let help: String
        /// Whether the value may hold a password.
        var isSecret = false

        /// How it is called in the environment.
        var environmentName: String { "WEIR_" + name.uppercased().replacing("-", with: "_") }
    }

    static let keys: [Key] = [
        Key(name: "host", fallback: "127.0.0.1", help: "Address to listen on."),
        Key(name: "port", fallback: "7080", help: "Port to listen on; 0 takes a free one."),
        Key(
            name: "roles", fallback: "control,worker",
            help: "What this instance does, separated by commas: control (or api) answers calls, worker does what happens later."),
        Key(name: "data-dir", fallback: "./weir-data", help: "Folder of the database (SQLite), the master key and the first credentials."),
        Key(
            name: "database", fallback: "sqlite", help: "sqlite, sqlite:PATH, or a libpq URL or key/value string for Postgres 15 or newer.",
            isSecret: true),
        Key(name: "postgres-connections", fallback: "4", help: "Connections to Postgres, each with a thread: 1 to 64."),
        Key(name: "postgres-prepared-statements", fallback: "true", help: "false for poolers in transaction mode."),
        Key(
            name: "master-key-file", fallback: "",
            help: "32 random bytes, the same for all instances; empty: master.key in the data folder."),
        Key(name: "account", fallback: "123456789012", help: "Account of the first access key, and of everybody with auth none."),
        Key(name: "region", fallback: "us-east-1", help: "Region of the first credentials, and of everybody with auth none."),
        Key(name: "allowed-regions", fallback: "", help: "Regions that signatures may name, separated by commas; empty: any."),
        Key(name: "auth", fallback: "sigv4", help: "sigv4, or none: no signatures, allowed on loopback only."),
        Key(name: "tls-certificate", fallback: "", help: "PEM file of the certificate chain; with tls-key, TLS is served."),
        Key(name: "tls-key", fallback: "", help: "PEM file of the private key."),
        Key(name: "cors-origins", fallback: "", help: "Origins of web pages that may call, separated by commas; * for all."),
        Key(name: "advertised-data", fallback: "echo", help: "URL told for PutMedia and GetMedia; echo: the address that the client used."),
        Key(name: "advertised-archive", fallback: "echo", help: "URL told for archived media; echo: the address that the client used."),
        Key(
            name: "advertised-wss", fallback: "echo",
            help: "URL told for signaling by web sockets; echo: the address that the client used, as ws or wss."),
        Key(
            name: "advertised-https", fallback: "echo", help: "URL told for signaling by requests; echo: the address that the client used."),
        Key(
            name: "advertised-webrtc", fallback: "echo",
            help: "URL told for sessions whose media is stored; echo: the address that the client used."),
        Key(name: "profile", fallback: "relaxed", help: "aws: the documented quotas and rates; relaxed: none of them."),
        Key(name: "stream-quota", fallback: "", help: "Streams an account may have in a region; empty: as the profile says."),
        Key(
            name: "channel-quota", fallback: "", help: "Signaling channels an account may have in a region; empty: as the profile says."),
        Key(name: "protective-rate", fallback: "", help: "Requests a second that an account may make of this instance; empty: any number."),
        Key(name: "minimum-creating-ms", fallback: "0", help: "How long streams and channels stay CREATING at least, in milliseconds."),
        Key(name: "minimum-updating-ms", fallback: "0", help: "How long streams and channels stay UPDATING at least, in milliseconds."),
        Key(name: "minimum-deleting-ms", fallback: "0", help: "How long streams and channels stay DELETING at least, in milliseconds."),
        Key(
            name: "edge-timeout-seconds", fallback: "900",
            help: "How long an edge agent may be silent about a configuration before it has failed."),
        Key(
            name: "event-retention-hours", fallback: "168",
            help: "Hours for which events, and what became of their deliveries, are kept; what waits is kept longer."),
        Key(
            name: "delivery-networks", fallback: "public",
            help: "Where webhooks may lead, separated by commas: public, and networks such as 10.20.0.0/16."),
        Key(name: "delivery-allow-http", fallback: "false", help: "Whether webhooks may be http:// URLs, without TLS."),
        Key(name: "delivery-ca-file", fallback: "", help: "PEM file of authorities that receivers may use besides the system's."),
        Key(name: "delivery-timeout-seconds", fallback: "15", help: "How long a receiver may take to answer."),
        Key(name: "delivery-attempts", fallback: "15", help: "How often an event is attempted before it is given up."),
        Key(
            name: "delivery-pause-hours", fallback: "120",
            help: "How long a destination may do nothing but fail before it is paused."),
        Key(name: "sns-endpoint", fallback: "", help: "URL at which topics are published to; empty: AWS, in the topic's region."),
        Key(name: "sns-access-key-id", fallback: "", help: "Access key that publishing to topics is signed with."),
        Key(name: "sns-secret-access-key", fallback: "", help: "Its secret.", isSecret: true),
        Key(
            name: "sns-session-token", fallback: "",
            help: "Its session token, where the key is a temporary one.", isSecret: true),
        Key(
            name: "lifecycle-notifications", fallback: "false",
            help: "Whether the topics of streams are told what happens to the stream, besides of its fragments."),
        Key(
            name: "destination-limit", fallback: "100",
            help:
                "How many destinations the notification configurations of an account may name in a region."),
        Key(
            name: "outbox-limit", fallback: "1000000",
            help: "How many events of an account may wait for their destinations before its changes are refused."),
        Key(name: "drain-seconds", fallback: "0", help: "How long to answer as before, but not ready, after SIGTERM."),
        Key(name: "stop-seconds", fallback: "10", help: "How long requests in flight may take to finish when stopping."),
        Key(name: "log-level", fallback: "info", help: "trace, debug, info, notice, warning, error or critical."),
        Key(name: "log-requests", fallback: "true", help: "Whether each request gets a line in the log."),
    ]

    /// What is wrong with a configuration, each fault by the name of its key.
    struct Invalid: Error, CustomStringConvertible {
        let faults: [String]
        var description: String { "The configuration is not valid:\n" + faults.map { "  " + $0 }.joined(separator: "\n") }
    }

    /// Reads and checks everything at once; throws `Invalid` with every fault there is.
    /// - Parameters:
    ///   - arguments: Of the command: `--key value` or `--key=value`.
    ///   - environment: Of the process.
    static func read(arguments: [String], environment: [String: String]) throws -> ServerConfiguration {
        var faults: [String] = []
        var flags = flags(arguments, &faults)
        let file = flags.removeValue(forKey: "config") ?? environment["WEIR_CONFIG"]
        let fileValues = try file.map { try values(ofFile: $0, &faults) } ?? [:]
        let environmentNames = Set(keys.map(\.environmentName) + ["WEIR_CONFIG"])
        for name in environment.keys.sorted() where name.hasPrefix("WEIR_") && !environmentNames.contains(name) {
            faults.append("\(name): there is no such key (in the environment)")
        }
        let reader = ConfigReader(providers: [
            InMemoryProvider(flags), EnvironmentVariablesProvider(environmentVariables: environment), InMemoryProvider(fileValues),
        ]).scoped(to: "weir")
        let texts = keys.map { key in
            (key.name, reader.string(forKey: ConfigKey([key.name]), isSecret: key.isSecret, default: key.fallback))
        }
        var checking = ConfigurationChecking(texts: Dictionary(uniqueKeysWithValues: texts), faults: faults)
        let configuration = ServerConfiguration(&checking)
        guard checking.faults.isEmpty else { throw Invalid(faults: checking.faults) }
        return configuration
    }

    private static func flags(_ arguments: [String], _ faults: inout [String]) -> [String: String] {
        var flags: [String: String] = [:]
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = parts[0].hasPrefix("--") ? String(parts[0].dropFirst(2)) : ""
            guard name == "config" || keys.contains(where: { $0.name == name }) else {
                faults.append("\(parts[0]): there is no such flag")
                continue
            }
            guard let value = parts.count == 2 ? String(parts[1]) : rest.popFirst() else {
                faults.append("\(parts[0]): the value is missing")
                continue
            }
            flags[name] = value
        }
        return flags
    }

    private static func values(ofFile path: String, _ faults: inout [String]) throws -> [String: String] {
        let json: JSONValue
        do {
            json = try JSONParser.parse(Array(Data(contentsOf: URL(filePath: path))))
        } catch let error as JSONError {
            throw Invalid(faults: ["config: \(path) is not valid JSON: \(error.message)"])
        } catch {
            throw Invalid(faults: ["config: \(path) cannot be read"])
        }
        guard case .object(let object) = json else { throw Invalid(faults: ["config: \(path) is not a JSON object"]) }
        var values: [String: String] = [:]
        for member in object.members {
            guard keys.contains(where: { $0.name == member.key }) else {
                faults.append("\(member.key): there is no such key (in \(path))")
                continue
            }
            switch member.value {
            case .string(let text): values[member.key] = text
            case .integer(let number): values[member.key] = String(number)
            case .bool(let flag): values[member.key] = String(flag)
            case .null, .number, .array, .object: faults.append("\(member.key): must be a string, a whole number or a boolean (in \(path))")
            }
        }
        return values
    }

    private init(_ checking: inout ConfigurationChecking) {
        host = checking.text("host")
        port = Int(checking.integer("port", in: 0...65535))
        roles = checking.roles()
        dataDirectory = checking.text("data-dir")
        database = checking.database(dataDirectory: dataDirectory)
        postgresConnections = Int(checking.integer("postgres-connections", in: 1...64))
        postgresPreparedStatements = checking.boolean("postgres-prepared-statements")
        masterKeyFile = checking.optionalText("master-key-file") ?? dataDirectory + "/master.key"
        account = checking.text("account", "twelve digits") { $0.utf8.count == 12 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        region = checking.text("region", "a region such as us-east-1", ServerConfiguration.isRegion)
        allowedRegions = checking.optionalText("allowed-regions").map { Set($0.split(separator: ",").map(String.init)) }
        isSigned = checking.text("auth", "sigv4 or none") { $0 == "sigv4" || $0 == "none" } == "sigv4"
        tls = checking.tls()
        corsOrigins = checking.optionalText("cors-origins").map { $0.split(separator: ",").map(String.init) } ?? []
        endpoints = AdvertisedEndpoints(
            data: checking.address("advertised-data"), archive: checking.address("advertised-archive"),
            wss: checking.address("advertised-wss", webSocket: true), https: checking.address("advertised-https"),
            webrtc: checking.address("advertised-webrtc"))
        profile = LimitProfile(rawValue: checking.text("profile", "relaxed or aws") { LimitProfile(rawValue: $0) != nil }) ?? .relaxed
        streamQuota = checking.optionalInteger("stream-quota", in: 1...(.max)) ?? profile.streamQuota
        channelQuota = checking.optionalInteger("channel-quota", in: 1...(.max))
        protectiveRate = checking.optionalInteger("protective-rate", in: 1...1_000_000).map { Int($0) }
        let day: Int64 = 24 * 60 * 60 * 1000
        minimumDurations = MinimumDurations(
            creating: checking.integer("minimum-creating-ms", in: 0...day), updating: checking.integer("minimum-updating-ms", in: 0...day),
            deleting: checking.integer("minimum-deleting-ms", in: 0...day))
        edgeTimeout = checking.integer("edge-timeout-seconds", in: 1...86_400) * 1000
        eventRetention = checking.integer("event-retention-hours", in: 1...87_600) * 60 * 60 * 1000
        notifications = NotificationRules(
            tellsTopicsOfLifecycle: checking.boolean("lifecycle-notifications"), allowsHTTP: checking.boolean("delivery-allow-http"),
            destinationLimit: checking.integer("destination-limit", in: 0...1_000_000))
        delivery = checking.delivery()
        outboxLimit = checking.integer("outbox-limit", in: 1...1_000_000_000)
        drainSeconds = Int(checking.integer("drain-seconds", in: 0...3600))
        stopSeconds = Int(checking.integer("stop-seconds", in: 1...3600))
        logLevel = checking.text("log-level", "a level such as info") { Logger.Level(rawValue: $0) != nil }
        logsRequests = checking.boolean("log-requests")
        checking.require(isSigned || Self.isLoopback(host), "auth: none is allowed on a loopback address only, not on \(host)")
        if let regions = allowedRegions {
            checking.require(regions.allSatisfy(Self.isRegion), "allowed-regions: must be regions separated by commas")
        }
    }

    private static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1"
            || (host.hasPrefix("127.") && host.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E })
    }
}

extension InMemoryProvider {
    /// Values of the keys of this program.
    fileprivate init(_ values: [String: String]) {
        let secrets = Set(ServerConfiguration.keys.filter(\.isSecret).map(\.name))
        self.init(
            values: Dictionary(
                uniqueKeysWithValues: values.map { name, text in
                    (AbsoluteConfigKey(["weir", name]), ConfigValue(.string(text), isSecret: secrets.contains(name)))
                }))
    }
}
