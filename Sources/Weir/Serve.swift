import ArgumentParser
import Audit
import Contract
import ControlPlane
import Delivery
import Devices
import Files
import FoundationEssentials
import FragmentStore
import Frames
import Gateway
import Identity
import Links
import Locking
import Logging
import MediaPlane
import Migrations
import NIOCore
import NIOPosix
import Prometheus
import SQL
import ServiceLifecycle
import Settings
import SignalingPlane
import Store
import TokenPlane
import UnixSignals
import Workers

/// Serves the API until it is told to stop.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve the API.",
        discussion: ConfigurationFlags.precedence)

    @OptionGroup(title: "Configuration")
    var flags: ConfigurationFlags

    func run() async throws {
        Reloading.ignoreSignal()
        MemoryReturn.prepare()
        var configuration = try flags.read()
        let logger = Log.make(level: configuration.logLevel)
        for remark in configuration.remarks { logger.warning("\(remark)") }
        let files = try OpenFiles()
        let connections = ConnectionLimits(
            all: try files.connections(configuration), perAddress: configuration.connectionsPerAddress,
            isProxy: { [proxies = configuration.trustedProxies] in proxies.contains($0) })
        logger.notice(
            "limits of open files and connections",
            metadata: [
                "files": "\(files.limit)", "connections": "\(connections.all)", "connections_per_address": "\(connections.perAddress)",
            ])
        configuration.delivery.mostSockets = files.deliveries(configuration)
        let metrics = Registry()
        metrics.readProcess()
        metrics.read(.droppedLines) { Double(Log.droppedLines) }
        metrics.read(.build, [Weir.version]) { 1 }
        try await Deployment.open(configuration, logger, metrics: metrics) { deployment in
            try deployment.prepareSchema()
            let masterKey = try await deployment.masterKey()
            let keys = AccessKeys(store: deployment.store, masterKey: masterKey)
            if configuration.isSigned { try await FirstCredentials.provide(configuration, keys, logger) }
            try await configuration.withMediaObjects { objects in
                try await serve(configuration, deployment, masterKey, keys, connections, objects, metrics, logger)
            }
        }
        logger.notice("stopped")
    }

    private func serve(
        _ configuration: ServerConfiguration, _ deployment: Deployment, _ masterKey: MasterKey, _ keys: AccessKeys,
        _ connections: ConnectionLimits, _ objects: FragmentStore.Objects?, _ registry: Registry, _ logger: Logger
    ) async throws {
        let store = deployment.store
        let certificates = try configuration.tls.map { try ServerCertificates($0) }
        let authorities = DeviceAuthorities(store: store, masterKey: masterKey)
        let deviceCertificates = try await configuration.deviceCertificates(authorities)
        let signal = WorkSignal()
        let courier = try Courier(
            store: store, settings: configuration.delivery,
            secrets: WebhookKeys(store: store, masterKey: masterKey).source, logger: logger)
        registry.read(.deliverySockets) { Double(courier.sockets) }
        registry.read(.deliverySocketsLimit) { Double(configuration.delivery.mostSockets) }
        let gauge = LeaseGauge()
        let mediaObstacle = Lock<@Sendable () -> String?>({ nil })
        let readiness = Readiness(
            roles: { [roles = configuration.roles] in
                roles.filter { !$0.apis.isEmpty }.sorted { $0.rawValue < $1.rawValue }.map { role in
                    Readiness.Role(role.rawValue, obstacle: role == .media ? mediaObstacle.withLock { $0 }() : nil)
                }
            }, check: { await store.obstacle() })
        let accessLog = AccessLog(isEnabled: configuration.logsRequests, write: Log.write)
        let outbox = Outbox(limit: configuration.outboxLimit)
        let limits = LimitEvents()
        let throttle = Throttle(
            Throttle.Rates(profile: configuration.profile, protective: configuration.protectiveRate), limits: limits)
        let metrics = Metrics(registry: registry)
        let controlPlane = ControlPlane(
            store: store, rules: configuration.rules, masterKey: masterKey, isStopping: { readiness.isDraining }, outbox: outbox,
            limits: limits,
            committed: { waiting in
                switch waiting {
                case .task: signal.raise()
                case .events: courier.hint()
                }
            })
        var own = configuration.identity
        let links = try await configuration.links(of: deployment, &own, masterKey, registry, logger)
        let identity = own
        let audit = try await AuditLog.open(configuration, identity.id, masterKey, store, registry, logger)
        var mediaConfiguration = configuration.fragmentStore(instanceID: identity.id)
        mediaConfiguration.objects = objects
        let media = FragmentStore(
            store: store,
            configuration: mediaConfiguration, registry: registry, eventsWait: { courier.hint() },
            logger: logger)
        if configuration.storesMedia { try await media.open() }
        let neighbours = MediaNeighbours(
            instance: identity.id,
            isAlone: configuration.storesMedia && configuration.mediaStore == nil && deployment.database.isShared)
        mediaObstacle.withLock { $0 = { [weak media] in neighbours.obstacle ?? media?.obstacle } }
        let turnSecret = Lock(try configuration.turnSecret())
        let frames = configuration.storesMedia ? FramePool(configuration, registry, logger) : nil
        let mediaPlane = MediaPlane(
            store: media, settings: configuration.media, masterKey: masterKey, frames: frames,
            links: configuration.roles.contains(.media) ? links : nil, registry: registry,
            obstacle: { neighbours.obstacle },
            archiveAddress: { key, caller throws(OperationError) in try await controlPlane.archiveAddress(of: key, for: caller) },
            logger: logger)
        let stunPort = Lock(0)
        let (ports, listening) = AsyncStream.makeStream(of: Int.self)
        let turnServers = configuration.turnServers.map(ICEServers.TURN.init)
        let turnWatch = TURNWatch(turnServers, registry: registry, logger: logger)
        let signaling = SignalingPlane(
            store: store, instance: identity.id, limits: configuration.signalingLimits,
            servers: ICEServers(
                turn: turnServers, secret: { turnSecret.withLock { $0 } }, stunPort: { stunPort.withLock { $0 } },
                isThere: { turnWatch.isThere($0) }),
            links: links, tellsViewers: configuration.tellsViewers, registry: registry, logger: logger,
            eventsWait: { courier.hint() }, isStopping: { readiness.isDraining })
        let gateway = Gateway(
            operations: controlPlane.operations + mediaPlane.operations + signaling.operations
                + TokenPlane(store: store, keys: keys).operations, keys: keys, throttle: throttle,
            metrics: metrics, accessLog: accessLog,
            readiness: readiness, configuration: configuration.gateway, devices: DeviceCredentials(store: store, keys: keys),
            audit: audit?.log, logger: logger)
        let membership = Membership(
            store: store, identity: identity,
            condition: {
                Membership.Condition(
                    status: readiness.isDraining ? .draining : .running, answered: metrics.answeredCount, leasedTasks: gauge.count)
            },
            learn: { instances in
                throttle.share(among: instances.count(where: \.servesControlPlane))
                if neighbours.learn(instances) {
                    logger.error("media is refused", metadata: ["reason": "\(neighbours.obstacle ?? "")"])
                }
            }, logger: logger)
        let server = GatewayServer(
            gateway, host: configuration.host, port: configuration.port,
            tls: certificates.map { certificates in { @Sendable in certificates.context } }, limits: connections,
            stopTime: .seconds(configuration.stopSeconds), logger: logger,
            isListening: { port in
                stunPort.withLock { if $0 == 0 { $0 = port } }
                listening.yield(port)
                logger.notice("listening on \(configuration.scheme)://\(configuration.host):\(port)")
            })
        // Stopped in reverse: first the instance is not ready, then takes no new requests, then the workers end, then the others learn of it, and
        // the log has the last word.
        var services: [any Service] = [
            accessLog, MemoryReturn(), membership, OutboxWatch(store: store, outbox: outbox, registry: registry, logger: logger),
            LimitTeller(store: store, limits: limits, eventsWait: { courier.hint() }, logger: logger),
            Reloading(
                read: { [flags] in try flags.readAgain() }, rereadMasterKey: { try await deployment.reread(masterKey) },
                certificates: [certificates, deviceCertificates].compactMap { $0 },
                useTURNSecret: { secret in turnSecret.withLock { $0 = secret } }, logger: logger),
        ]
        if let audit { services += [audit.log, audit.retention] }
        if let links { services.append(links) }
        if case .sqlite(let database) = deployment.database { services.append(FileWatch(database: database, logger: logger)) }
        services += try configuration.mediaServices(media, mediaPlane, frames, store, registry) { courier.hint() }
        services += configuration.signalingServices(
            signaling, hasOthers: deployment.database.isShared, turnWatch, logger, serverPort: { await ports.first { _ in true } },
            isListening: { port in stunPort.withLock { $0 = port } })
        services += configuration.workerServices(store, courier, signal, gauge, registry, logger)
        services += configuration.deviceServices(gateway, deviceCertificates, authorities, connections, logger)
        services += [
            server,
            Drain(readiness: readiness, membership: membership, seconds: configuration.drainSeconds, logger: logger),
        ]
        try await run(services, configuration)
    }

    /// Runs the services until a signal ends them.
    private func run(_ services: [any Service], _ configuration: ServerConfiguration) async throws {
        var group = ServiceGroupConfiguration(
            services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: Log.quiet)
        // The server gives up on requests by itself, and waits for WebSockets alone any longer.
        let sockets = configuration.roles.contains(.signaling) ? Int(configuration.signalingGraceSeconds) : 0
        group.maximumGracefulShutdownDuration = .seconds(configuration.drainSeconds + configuration.stopSeconds + sockets)
        do {
            try await ServiceGroup(configuration: group).run()
        } catch let error as AddressInUse {
            let key = error.port == configuration.port ? "port" : "device-bind"
            throw Deployment.Failure(
                description: "Port \(error.port) of \(error.host) is in use: stop what uses it, or choose another with --\(key).")
        }
    }
}

extension Family {
    fileprivate static let build = gauge("weir_build_info", "Which program this is: always 1.", labels: ["version"])
    fileprivate static let deliverySockets = gauge("weir_delivery_sockets", "Sockets to receivers of events, unused ones included.")
    fileprivate static let deliverySocketsLimit = gauge("weir_delivery_sockets_limit", "Sockets to receivers of events that there may be.")
    fileprivate static let droppedLines = counter("weir_log_lines_dropped_total", "Lines that the log had no room for.")
}

/// The first to stop: says that the instance is not ready, for as long as load balancers need to notice, before the server stops.
struct Drain: Service {
    let readiness: Readiness
    let membership: Membership
    let seconds: Int
    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        readiness.drain()
        logger.notice("draining", metadata: ["seconds": "\(seconds)"])
        await membership.beat()
        if seconds > 0 { try? await Task.sleep(for: .seconds(seconds)) }
    }
}

extension FramePool {
    /// As configured; the program need not be there.
    fileprivate convenience init(_ configuration: ServerConfiguration, _ registry: Registry, _ logger: Logger) {
        self.init(
            program: configuration.frames ?? Self.besideProgram,
            processes: configuration.framesProcesses ?? min(max(ProcessInfo.processInfo.activeProcessorCount, 1), 4), registry: registry)
        if !isInstalled { logger.notice("there is no weir-frames: no images are made", metadata: ["path": "\(program)"]) }
    }
}

extension Store {
    /// Why this program cannot serve from the database now; nil where it can.
    fileprivate func obstacle() async -> String? {
        do throws(DatabaseError) {
            guard let schema = try await schema() else { return "the database has no schema" }
            let own = Migration.all.last?.version ?? 0
            guard schema.oldestCompatible <= own else {
                return
                    "the database has schema version \(schema.version), which needs a program of version \(schema.oldestCompatible) or newer"
            }
            return nil
        } catch {
            return "the database does not answer"
        }
    }
}

extension ServerConfiguration {
    /// What this process is to the deployment: another with each start.
    var identity: InstanceRecord {
        InstanceRecord(
            id: Token.random(), host: ProcessInfo.processInfo.hostName, processID: Int64(ProcessInfo.processInfo.processIdentifier),
            version: Weir.version, roles: roles.map(\.rawValue).sorted().joined(separator: ","),
            schemaVersion: Migration.all.last?.version ?? 0, status: .running, requestsPerSecond: 0, leasedTasks: 0,
            address: instanceAddress)
    }

    /// The links to the other instances, which are told of in `identity`; nil where there are no others, or they cannot reach this one.
    func links(
        of deployment: Deployment, _ identity: inout InstanceRecord, _ masterKey: MasterKey, _ registry: Registry, _ logger: Logger
    ) async throws -> Links? {
        guard deployment.database.isShared, let listener = linkListener else { return nil }
        let store = deployment.store
        let links = try Links(instance: identity.id, keys: { masterKey.everyDerived(for: "links") }, registry: registry, logger: logger) {
            name in
            try await store.instances().first { $0.id == name && $0.isAlive }?.linkAddress
        }
        let port = try await links.listen(host: listener.host, port: listener.port)
        let host = ["0.0.0.0", "::"].contains(listener.host) ? ProcessInfo.processInfo.hostName : listener.host
        identity.linkAddress = listener.address ?? "\(host.contains(":") ? "[\(host)]" : host):\(port)"
        logger.notice("listening for other instances", metadata: ["address": "\(identity.linkAddress ?? "")"])
        return links
    }

    /// What devices are served with; nil where they are not.
    fileprivate func deviceCertificates(_ authorities: DeviceAuthorities) async throws -> ServerCertificates? {
        guard let tls, deviceListener != nil else { return nil }
        return try ServerCertificates(tls, trusting: try await authorities.certificates())
    }

    /// Whether this process has the folder of packs.
    var storesMedia: Bool { roles.contains(.media) || roles.contains(.archive) }

    var scheme: String { tls == nil ? "http" : "https" }

    /// How clients on this machine reach the server.
    var localEndpoint: String {
        let name = host == "0.0.0.0" ? "127.0.0.1" : host == "::" ? "::1" : host
        return "\(scheme)://\(name.contains(":") ? "[\(name)]" : name):\(port)"
    }

    var rules: ServiceRules {
        ServiceRules(
            streamQuota: streamQuota, channelQuota: { [channelQuota, profile] in channelQuota ?? profile.channelQuota($0) },
            minimumDurations: minimumDurations, edgeTimeout: edgeTimeout, endpoints: endpoints, notifications: notifications)
    }

    var signalingLimits: SignalingLimits {
        var limits =
            switch profile {
            case .relaxed: SignalingLimits.relaxed
            case .aws: SignalingLimits.aws
            }
        limits.grace = .seconds(signalingGraceSeconds)
        return limits
    }

    /// The secret that is shared with the TURN servers: the first line of its file; empty where there are none. Further lines are secrets that they
    /// still take.
    func turnSecret() throws -> String {
        guard let turnSecretFile else { return "" }
        return try secret(of: "turn-secret-file", turnSecretFile)
    }

    /// The first line of the file that a key names.
    func secret(of key: String, _ file: String) throws -> String {
        guard let bytes = try PrivateFile.read(file),
            let line = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first
        else { throw Deployment.Failure(description: "\(key): \(file) is missing or empty.") }
        return String(line)
    }

    var gateway: GatewayConfiguration {
        var limits = GatewayConfiguration.Limits()
        limits.idle = .seconds(clientIdle)
        limits.arrival = .seconds(clientArrival)
        limits.unread = .seconds(clientUnread)
        return GatewayConfiguration(
            authentication: isSigned ? .signature(regions: allowedRegions) : .none(account: account, region: region),
            corsOrigins: corsOrigins, playbackOrigins: playbackOrigins, isTLS: tls != nil,
            serves: roles.reduce(into: []) { $0.formUnion($1.apis) }, failedSignatures: failedSignatures, limits: limits)
    }
}
