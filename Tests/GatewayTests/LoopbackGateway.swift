import Audit
import Contract
import ControlPlane
import Foundation
import Identity
import Locking
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Planes
import Prometheus
import SQL
import ServiceLifecycle
import Store
import TestSupport

@testable import Gateway

/// A gateway that listens on loopback in this process, in front of the control plane on SQLite and of two operations that exist only here.
struct LoopbackGateway: Sendable {
    let port: Int
    let store: Store
    let keys: AccessKeys
    let key: AccessKey
    /// Of another account.
    let otherKey: AccessKey
    let gateway: Gateway
    /// The lines of the access log so far.
    let log: Lines
    /// What the streams have done.
    let streams: Streams
    /// What the calls `/held` and `/waiting` wait for.
    let gate: Gate
    let auditFile: String?
    private let stop: @Sendable () async -> Void

    /// Asks the gateway to stop, and returns at once.
    func drain() async { await stop() }

    final class Lines: Sendable {
        private let lines = Lock<[String]>([])
        func add(_ bytes: [UInt8]) {
            let new = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
            lines.withLock { $0 += new }
        }
        var all: [String] { lines.withLock { $0 } }
    }

    final class Streams: Sendable {
        struct State {
            var bytes = 0
            var began = 0
            var ends: [String] = []
            var isToldDraining = false
        }
        let state = Lock(State())
        var bytes: Int { state.withLock { $0.bytes } }
        var began: Int { state.withLock { $0.began } }
        var ends: [String] { state.withLock { $0.ends } }
    }

    /// How the gateway is set up.
    struct Setup {
        var authentication: GatewayConfiguration.Authentication?
        var corsOrigins: [String] = []
        var serves = Set(API.allCases)
        var profile = LimitProfile.relaxed
        var protective: Int?
        var bodyLimit = 1 << 20
        var largeBodies = 64 << 20
        var largeReplies = 64 << 20
        var longAnswers = 4
        var callsAtOnce = 2048
        var failedSignatures = 1000
        var limits = GatewayConfiguration.Limits()
        var isTLS = false
        /// The file of the audit log; nil for none.
        var auditFile: String?
        var connections = ConnectionLimits()
        /// Of the connections.
        var group = MultiThreadedEventLoopGroup.singleton
        /// How long the body of an echo may be silent.
        var silence = TimeAmount.seconds(30)
        var sockets = SocketRules(messageLimit: 64 << 10, silence: nil, longest: nil, ping: .seconds(30), grace: .zero)
    }

    static func with(_ setup: Setup = Setup(), _ body: (LoopbackGateway) async throws -> Void) async throws {
        try await TestDatabase.with(.sqlite) { database in
            let store = Store(database.database)
            guard let masterKey = MasterKey(Array(0..<32)) else { return }
            let keys = AccessKeys(store: store, masterKey: masterKey)
            let key = try await keys.create(account: Fixture.account, description: "test")
            let otherKey = try await keys.create(account: "999988887777", description: "test")
            let control = ControlPlane(
                store: store,
                rules: ServiceRules(
                    streamQuota: .max, channelQuota: { _ in .max }, minimumDurations: MinimumDurations(),
                    edgeTimeout: 900_000, endpoints: AdvertisedEndpoints()),
                masterKey: masterKey, committed: { _ in })
            let (log, streams, gate) = (Lines(), Streams(), Gate())
            let accessLog = AccessLog(write: log.add)
            var audit: AuditLog?
            if let file = setup.auditFile {
                audit = try await AuditLog(
                    AuditSettings(file: file, isInTable: true), instance: "test", key: AuditKey(masterKey.derived(for: "test")),
                    store: store,
                    registry: Registry(), logger: .quiet)
            }
            let gateway = Gateway(
                operations: control.operations + [
                    echo(streams, setup.silence), source(streams), failing(streams), large, held(gate, waits: false),
                    held(gate, waits: true), EchoSocket.operation(setup.sockets),
                ], keys: keys,
                throttle: Throttle(Throttle.Rates(profile: setup.profile, protective: setup.protective)), metrics: Metrics(),
                accessLog: accessLog, readiness: Readiness { nil },
                configuration: GatewayConfiguration(
                    authentication: setup.authentication ?? .none(account: Fixture.account, region: Fixture.region),
                    corsOrigins: setup.corsOrigins, isTLS: setup.isTLS, serves: setup.serves, bodyLimit: setup.bodyLimit,
                    largeBodies: setup.largeBodies, largeReplies: setup.largeReplies, callsAtOnce: setup.callsAtOnce,
                    longAnswers: setup.longAnswers,
                    failedSignatures: setup.failedSignatures,
                    limits: setup.limits), audit: audit)
            let (ports, port) = AsyncStream.makeStream(of: Int.self)
            let tls = setup.isTLS ? try NIOSSLContext(configuration: serverTLS()) : nil
            let server = GatewayServer(
                gateway, host: "127.0.0.1", port: 0, tls: tls.map { context in { @Sendable in context } }, limits: setup.connections,
                logger: .quiet, group: setup.group, isListening: { port.yield($0) })
            let group = ServiceGroup(services: [accessLog, server], logger: .quiet)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                guard let port = await ports.first(where: { _ in true }) else { return }
                do {
                    try await body(
                        LoopbackGateway(
                            port: port, store: store, keys: keys, key: key, otherKey: otherKey, gateway: gateway, log: log,
                            streams: streams, gate: gate, auditFile: setup.auditFile,
                            stop: { await group.triggerGracefulShutdown() }))
                } catch {
                    await group.triggerGracefulShutdown()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }

    /// A call about nothing, which anybody may make.
    private static func call(_ answer: RoutedCall.Answer) -> RequestedCall {
        RequestedCall(Access(.controlPlane, "Test")) { RoutedCall(resourceName: nil, answer: answer) }
    }

    /// Sends back what it gets, as it gets it.
    private static func echo(_ streams: Streams, _ silence: TimeAmount) -> RoutedOperation {
        RoutedOperation(.post("/echo"), name: "Echo", id: nil, payload: .stream(silence: silence), isMutation: false) { _, _ in
            call(
                .exchange { body, writer in
                    streams.state.withLock { $0.began += 1 }
                    do {
                        writer.whenDraining { streams.state.withLock { $0.isToldDraining = true } }
                        try await writer.start(contentType: "application/x-echo", length: nil, headers: [(name: "x-echo", value: "yes")])
                        for try await bytes in body {
                            streams.state.withLock { $0.bytes += bytes.readableBytes }
                            try await writer.write(bytes)
                        }
                        streams.state.withLock { $0.ends.append("whole") }
                    } catch {
                        streams.state.withLock { $0.ends.append("\(error)") }
                        // A client that is told to go can still be told why.
                        guard error as? RequestBody.Interruption == .draining else { throw error }
                        try await writer.write(ByteBuffer(string: "draining"))
                    }
                })
        }
    }

    /// Sends as many bytes as the query says, or without end, as fast as they are taken.
    private static func source(_ streams: Streams) -> RoutedOperation {
        RoutedOperation(.get("/source"), name: "Source", id: nil, payload: .document, isMutation: false) { input, _ in
            let query = input.head.query.map { String($0) } ?? ""
            let count = query.hasPrefix("bytes=") ? Int(query.dropFirst(6)) : nil
            return call(
                .stream { writer in
                    streams.state.withLock { $0.began += 1 }
                    var left = count ?? .max
                    let piece = ByteBuffer(repeating: UInt8(ascii: "s"), count: 65_536)
                    do {
                        while left > 0 {
                            let next = piece.getSlice(at: 0, length: min(left, piece.readableBytes)) ?? piece
                            try await writer.write(next)
                            left -= next.readableBytes
                            streams.state.withLock { $0.bytes += next.readableBytes }
                        }
                        streams.state.withLock { $0.ends.append("whole") }
                    } catch {
                        streams.state.withLock { $0.ends.append("\(type(of: error))") }
                        throw error
                    }
                })
        }
    }

    /// Refuses with `?early`, and breaks off in the middle without.
    private static func failing(_ streams: Streams) -> RoutedOperation {
        RoutedOperation(.get("/failing"), name: "Failing", id: nil, payload: .document, isMutation: false) { input, _ in
            let isEarly = input.head.query == "early"
            return call(
                .stream { writer in
                    if !isEarly { try await writer.write(ByteBuffer(string: "half")) }
                    throw OperationError(.resourceNotFound, "There is nothing to stream.")
                })
        }
    }

    /// Answers as many bytes at once as the body says.
    private static var large: RoutedOperation {
        RoutedOperation(.post("/large"), name: "Large", id: nil, payload: .document, isMutation: false) { input, _ in
            let count = Int(String(decoding: input.body, as: UTF8.self)) ?? 0
            return call(.bytes { Array(repeating: UInt8(ascii: "l"), count: count) })
        }
    }

    /// Answers once the gate is open.
    private static func held(_ gate: Gate, waits: Bool) -> RoutedOperation {
        RoutedOperation(
            .post(waits ? "/waiting" : "/held"), name: "Held", id: nil, payload: .document, isMutation: false, waits: waits
        ) { _, _ in
            call(
                .bytes { () async throws(OperationError) in
                    await gate.pass()
                    return []
                })
        }
    }

    // MARK: TLS

    private static func file(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Vectors/tls/\(name)").path
    }

    private static func serverTLS() throws -> TLSConfiguration {
        TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(file("address.pem")).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: file("address.key"), format: .pem)))
    }

    static func clientTLS() throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        return try NIOSSLContext(configuration: configuration)
    }
}
