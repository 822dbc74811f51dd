package import Contract
package import ControlPlane
package import Delivery
import IPAddresses
import Logging
package import MediaPlane
package import ObjectStore
import Signing

/// Everything that can be configured, read from flags, then the environment, then the file named by `--config`, and checked as a whole
/// before anything is opened. `ConfigurationKey.all` lists what there is: `--data-dir`, `WEIR_DATA_DIR` and `{"data-dir": ...}` are the same key.
package struct ServerConfiguration: Sendable {
    package let host: String
    package let port: Int
    /// What this instance does.
    package let roles: Set<Role>
    package let dataDirectory: String
    package let mediaFolder: MediaFolder
    /// Nil: media is in the folder.
    package let mediaStore: MediaStore?
    /// The path of weir-frames; nil: beside this program.
    package let frames: String?
    /// Nil: as many as is sensible for the machine.
    package let framesProcesses: Int?
    package let images: Images
    package let database: DatabaseLocation
    package let postgresConnections: Int
    package let postgresPreparedStatements: Bool
    package let masterKeyFile: String
    package let account: String
    package let region: String
    /// nil allows any.
    package let allowedRegions: Set<String>?
    package let isSigned: Bool
    package let tls: TLSFiles?
    /// Where devices are listened for, which are known by their certificates; 0 is any port that is free. Nil: nowhere.
    package let deviceListener: (host: String, port: Int)?
    /// Nil takes as many as the limit on open files allows.
    package let connections: Int?
    /// Nil allows an address half of all.
    package let connectionsPerAddress: Int?
    package let trustedProxies: TrustedProxies
    package let failedSignatures: Int
    /// Seconds.
    package let clientIdle: Int64
    package let clientArrival: Int64
    package let clientUnread: Int64
    package let corsOrigins: [String]
    package let playbackOrigins: [String]
    package let endpoints: AdvertisedEndpoints
    /// Where clients reach this instance by itself; nil where it tells nobody.
    package let instanceAddress: String?
    /// Nil where other instances cannot reach this one.
    package let linkListener: LinkListener?
    package let profile: LimitProfile
    package let media: MediaSettings
    package let streamQuota: Int64
    /// nil leaves it to the profile.
    package let channelQuota: Int64?
    package let protectiveRate: Int?
    package let minimumDurations: MinimumDurations
    /// Milliseconds.
    package let edgeTimeout: Int64
    /// Milliseconds.
    package let eventRetention: Int64
    package let notifications: NotificationRules
    package var delivery: DeliverySettings
    /// How many events of an account may wait before its changes are refused.
    package let outboxLimit: Int64
    /// Seconds.
    package let drainSeconds: Int
    /// How long WebSockets may take to go to another instance.
    package let signalingGraceSeconds: Int64
    /// Whether events tell of viewers.
    package let tellsViewers: Bool
    /// Whether clients of signaling are told where a TURN server stops answering.
    package let signalingReconnectsICE: Bool
    /// TURN servers, each by its URIs.
    package let turnServers: [[String]]
    /// What credentials for them are made by; nil where there is none.
    package let turnSecretFile: String?
    package let stun: STUNBinding
    package let stopSeconds: Int
    package let logLevel: String
    package let logsRequests: Bool
    package let audit: Audit
    /// What the operator should know of how it was given, though nothing is wrong.
    package let remarks: [String]

    /// Where it is written down who changes what.
    package struct Audit: Sendable, Equatable {
        package let isInFile: Bool
        package let isInTable: Bool
        package let file: String
        package let fileBytes: Int
        /// Milliseconds.
        package let retention: Int64
        /// Whether changes are refused while records cannot be written.
        package let refuses: Bool
    }

    /// What an instance may do.
    package enum Role: String, CaseIterable, Sendable {
        /// Answer calls of the control plane and of edge agents.
        case control
        /// Take media, and send it as it comes.
        case media
        /// Answer calls about media that is kept.
        case archive
        /// Hold the WebSockets of masters and viewers, and tell them of ICE servers.
        case signaling
        /// End passing statuses, keep deadlines, clean up.
        case worker

        /// By its name, or the one that it had before.
        init?(name: String) { self.init(rawValue: name == "api" ? "control" : name) }

        /// The APIs whose calls are answered.
        package var apis: Set<API> {
            switch self {
            case .control: [.controlPlane, .edgeAgent]
            case .media: [.media]
            case .archive: [.archivedMedia]
            case .signaling: [.signaling]
            case .worker: []
            }
        }
    }

    /// Where media is kept, and how much.
    package struct MediaFolder: Sendable, Equatable {
        package let path: String
        /// Nil: beside the rest.
        package let warmPath: String?
        /// Whether a full disk loses the oldest media; else no more is taken.
        package let dropsOldest: Bool
        /// Bytes; nil: as much as is sensible for the disk.
        package let reserve: Int64?
        /// Bytes; nil: any number.
        package let accountQuota: Int64?
    }

    /// Where other instances are listened for.
    package struct LinkListener: Sendable, Equatable {
        package let host: String
        /// 0 is any that is free.
        package let port: Int
        /// What they are told, HOST:PORT; nil: where it listens.
        package let address: String?
    }

    /// Where STUN is answered.
    package enum STUNBinding: Sendable, Equatable {
        case none
        /// At the address and port of the server, by UDP.
        case asServer
        case at(host: String, port: Int)
    }

    /// Where media is that all instances share.
    package struct MediaStore: Sendable {
        package let location: BucketLocation
        /// Nil for a folder.
        package let s3: S3Settings?
        package let warmClass: String?
        package let cacheBytes: Int64
    }

    /// Where generated images may go.
    package struct Images: Sendable, Equatable {
        /// Nil: no `file:` destinations.
        package let folder: String?
        /// Nil: AWS.
        package let endpoint: String?
        /// Nil: the destination's.
        package let region: String?
        /// Nil: no `s3:` destinations.
        package let accessKeyID: String?
        package let secretFile: String?
        package let caFile: String?
        /// Milliseconds.
        package let retry: Int64

        /// The store of `s3:` destinations, of a region that is still to be set where none is configured.
        package func store(secret: String) -> S3Settings? {
            accessKeyID.map { id in
                S3Settings(
                    endpoint: endpoint, region: region ?? "", credentials: Credentials(accessKeyID: id, secretAccessKey: secret),
                    caFile: caFile)
            }
        }
    }

    /// Where the database is.
    package enum DatabaseLocation: Sendable, Equatable {
        case sqlite(path: String)
        /// A libpq URL or key/value string; it may hold a password.
        case postgres(String)
    }

    /// What is wrong with a configuration, each fault by the name of its key.
    package struct Invalid: Error, CustomStringConvertible {
        package let faults: [String]

        package init(faults: [String]) {
            self.faults = faults
        }

        package var description: String { "The configuration is not valid:\n" + faults.map { "  " + $0 }.joined(separator: "\n") }
    }

    /// Checks everything at once.
    ///
    /// - Throws: `Invalid` with every fault there is, those of the reading included.
    package init(_ given: GivenConfiguration) throws(Invalid) {
        var checking = ConfigurationChecking(texts: given.texts, faults: given.faults)
        self.init(&checking, remarks: given.remarks)
        checkTogether(&checking)
        guard checking.faults.isEmpty else { throw Invalid(faults: checking.faults) }
    }

    /// Reads each key by itself.
    private init(_ checking: inout ConfigurationChecking, remarks: [String]) {
        self.remarks = remarks
        host = checking.text("host")
        port = Int(checking.integer("port", in: 0...65535))
        roles = checking.roles()
        dataDirectory = checking.text("data-dir")
        mediaFolder = MediaFolder(
            path: checking.optionalText("media-dir") ?? dataDirectory + "/media", warmPath: checking.optionalText("warm-dir"),
            dropsOldest: checking.text("disk-full", "refuse or oldest") { $0 == "refuse" || $0 == "oldest" } == "oldest",
            reserve: checking.optionalInteger("media-reserve-bytes", in: 0...(.max)),
            accountQuota: checking.optionalInteger("media-quota-bytes", in: 1...(.max)))
        mediaStore = checking.mediaStore()
        frames = checking.optionalText("frames")
        framesProcesses = checking.optionalInteger("frames-processes", in: 1...64).map { Int($0) }
        images = checking.images()
        database = checking.database(dataDirectory: dataDirectory)
        postgresConnections = Int(checking.integer("postgres-connections", in: 1...64))
        postgresPreparedStatements = checking.boolean("postgres-prepared-statements")
        masterKeyFile = checking.optionalText("master-key-file") ?? dataDirectory + "/master.key"
        account = checking.text("account", "twelve digits") { $0.utf8.count == 12 && $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }
        region = checking.text("region", "a region such as us-east-1", ServerConfiguration.isRegion)
        allowedRegions = checking.optionalText("allowed-regions").map { Set($0.split(separator: ",").map(String.init)) }
        isSigned = checking.text("auth", "sigv4 or none") { $0 == "sigv4" || $0 == "none" } == "sigv4"
        tls = checking.tls()
        deviceListener = checking.deviceListener(isTLS: tls != nil)
        connections = checking.optionalInteger("connections", in: 32...1_000_000).map { Int($0) }
        connectionsPerAddress = checking.optionalInteger("connections-per-address", in: 1...1_000_000).map { Int($0) }
        trustedProxies = checking.trustedProxies()
        failedSignatures = Int(checking.integer("failed-signatures", in: 10...1_000_000_000))
        clientIdle = checking.integer("client-idle-seconds", in: 1...3600)
        clientArrival = checking.integer("client-arrival-seconds", in: 1...3600)
        clientUnread = checking.integer("client-unread-seconds", in: 1...3600)
        corsOrigins = checking.optionalText("cors-origins").map { $0.split(separator: ",").map(String.init) } ?? []
        playbackOrigins = checking.optionalText("playback-origins").map { $0.split(separator: ",").map(String.init) } ?? []
        endpoints = AdvertisedEndpoints(
            data: checking.address("advertised-data"), archive: checking.address("advertised-archive"),
            wss: checking.address("advertised-wss", webSocket: true), https: checking.address("advertised-https"),
            webrtc: checking.address("advertised-webrtc"))
        instanceAddress = checking.instanceAddress()
        linkListener = checking.linkListener(host: host)
        profile = LimitProfile(rawValue: checking.text("profile", "relaxed or aws") { LimitProfile(rawValue: $0) != nil }) ?? .relaxed
        media = checking.media(profile)
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
        tellsViewers = checking.boolean("viewer-events")
        signalingReconnectsICE = checking.boolean("signaling-reconnect-ice")
        signalingGraceSeconds = checking.integer("signaling-grace-seconds", in: 0...3600)
        turnServers = checking.turnServers()
        turnSecretFile = checking.optionalText("turn-secret-file")
        stun = checking.stunBinding()
        stopSeconds = Int(checking.integer("stop-seconds", in: 1...3600))
        logLevel = checking.text("log-level", "a level such as info") { Logger.Level(rawValue: $0) != nil }
        logsRequests = checking.boolean("log-requests")
        audit = checking.audit(dataDirectory: dataDirectory)
    }

    /// Checks what keys say together.
    private func checkTogether(_ checking: inout ConfigurationChecking) {
        checking.require(
            checking.optionalText("instance-address") != nil || !endpoints.tellsInstance(of: roles),
            "instance-address: must be given, since an advertised address, such as advertised-data, is instance and this instance has its role"
        )
        checking.require(isSigned || IPAddress.isLoopback(host: host), "auth: none is allowed on a loopback address only, not on \(host)")
        checking.require(
            checking.boolean("plain-http-beyond-loopback") || tls != nil || IPAddress.isLoopback(host: host),
            "host: \(host) would be served without TLS, for everybody on the way to read: give tls-certificate and tls-key, or, where TLS ends "
                + "at a balancer or the network is trusted, plain-http-beyond-loopback true")
        if let regions = allowedRegions {
            checking.require(regions.allSatisfy(Self.isRegion), "allowed-regions: must be regions separated by commas")
        }
    }

    /// How long a passing status lasts at least, whichever lasts longest, in milliseconds.
    package var longestStatus: Int64 { max(minimumDurations.creating, minimumDurations.updating, minimumDurations.deleting) }

    private static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
    }
}

extension AdvertisedEndpoints {
    /// Whether clients are told the address of an instance for what some roles do.
    fileprivate func tellsInstance(of roles: Set<ServerConfiguration.Role>) -> Bool {
        let told: [(ServerConfiguration.Role, Address)] = [
            (.media, data), (.archive, archive), (.signaling, wss), (.signaling, https), (.signaling, webrtc),
        ]
        return told.contains { role, address in
            switch address {
            case .instance: roles.contains(role)
            case .echo, .fixed: false
            }
        }
    }
}
