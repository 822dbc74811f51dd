import AsyncHTTPClient
import FoundationEssentials
import IPAddresses
import Locking
import NIOCore
import NIOPosix
import NIOSSL
import Store

/// A client for each receiver by the route that it is reached by, and with them a hard limit on sockets.
///
/// A client keeps connections for a while after they were used: as many as it had in use at once lately. Clients that nobody uses are ended, the
/// longest unused first, when there are too many of them or of their sockets.
///
/// Threads: any task may use it at any time.
final class ClientPool: Sendable {
    /// How a receiver is reached.
    enum Route: Hashable, Sendable {
        /// At an address that was resolved and checked.
        case direct(IPAddress)
        case proxy(OutgoingProxy.Server)
    }

    /// A client that is in use until it is given back.
    struct Leased: Sendable {
        fileprivate let key: Key
        let client: HTTPClient
    }

    fileprivate struct Key: Hashable, Sendable {
        let isSecure: Bool
        let host: String
        let port: Int
        let route: Route
    }

    private struct Entry {
        let client: HTTPClient
        var users = 0
        var lastUse = 0
        var lately = RecentPeak(window: ClientPool.idleTime)

        func sockets(at now: ContinuousClock.Instant) -> Int { max(users, lately.value(at: now)) }
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var uses = 0
        var isClosed = false
    }

    private let trustRoots: [NIOSSLCertificate]
    private let mostSockets: Int
    private let state = Lock(State())
    private static let mostIdle = 64
    /// How long a connection waits for its next use. Shorter than servers keep them, so that hardly a request meets one that is just being closed.
    private static let idleTime = Duration.seconds(15)

    /// `mostSockets` are open at once, those that wait for their next use included.
    init(trustRoots: [NIOSSLCertificate], mostSockets: Int) {
        self.trustRoots = trustRoots
        self.mostSockets = mostSockets
    }

    /// The client that reaches `target` by a route. Fails, through no fault of the receiver, where all sockets are in use.
    func client(for target: WebTarget, by route: Route) async throws(DeliveryFault) -> Leased {
        let key = Key(isSecure: target.isSecure, host: target.host, port: target.port, route: route)
        let (client, ended) = state.withLock { state -> (Result<HTTPClient, DeliveryFault>, [HTTPClient]) in
            guard !state.isClosed else { return (.failure(DeliveryFault("the server is stopping")), []) }
            let now = ContinuousClock.now
            var ended: [HTTPClient] = []
            if state.entries[key] == nil, state.entries.count(where: { $0.value.users == 0 }) >= Self.mostIdle {
                ended += Self.takeOldestIdle(&state, besides: key)
            }
            var entry = state.entries[key] ?? Entry(client: make(key))
            if entry.users + 1 > entry.sockets(at: now) {
                while state.entries.values.reduce(0, { $0 + $1.sockets(at: now) }) >= mostSockets {
                    let oldest = Self.takeOldestIdle(&state, besides: key)
                    ended += oldest
                    if oldest.isEmpty {
                        if state.entries[key] == nil { ended.append(entry.client) }
                        return (.failure(DeliveryFault("all \(mostSockets) sockets for deliveries are in use", isOwn: true)), ended)
                    }
                }
            }
            state.uses += 1
            entry.users += 1
            entry.lastUse = state.uses
            entry.lately.note(entry.users, at: now)
            state.entries[key] = entry
            return (.success(entry.client), ended)
        }
        for client in ended { try? await client.shutdown() }
        return Leased(key: key, client: try client.get())
    }

    func giveBack(_ leased: Leased) {
        state.withLock { state in
            guard var entry = state.entries[leased.key] else { return }
            // Their connections wait for their next use from now on.
            entry.lately.note(entry.users, at: .now)
            entry.users -= 1
            state.entries[leased.key] = entry
        }
    }

    /// Sockets that are open, those that wait for their next use included.
    var sockets: Int { state.withLock { state in state.entries.values.reduce(0) { $0 + $1.sockets(at: .now) } } }

    /// Ends all clients and their requests.
    func close() async {
        let clients = state.withLock { state in
            state.isClosed = true
            defer { state.entries = [:] }
            return state.entries.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    /// The client that was unused for longest, taken out; none where all others are in use.
    private static func takeOldestIdle(_ state: inout State, besides key: Key) -> [HTTPClient] {
        let idle = state.entries.filter { $0.value.users == 0 && $0.key != key }
        guard let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return [] }
        state.entries[oldest.key] = nil
        return [oldest.value.client]
    }

    private static func base64(_ text: String) -> String { Data(text.utf8).base64EncodedString() }

    private func make(_ key: Key) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        // A connection that is given up is closed at once: waiting for the other side's farewell would mean to read all that it still sends.
        tls.shutdownTimeout = .milliseconds(50)
        if !trustRoots.isEmpty { tls.additionalTrustRoots = [.certificates(trustRoots)] }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        switch key.route {
        case .direct(let address): if IPAddress(key.host) == nil { configuration.dnsOverride = [key.host: address.description] }
        case .proxy(let server):
            configuration.proxy = .server(
                host: server.host, port: server.port, authorization: server.credentials.map { .basic(credentials: Self.base64($0)) })
        }
        // Whoever shares a host with a slow receiver does not wait for its connections.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = mostSockets
        configuration.connectionPool.idleTimeout = TimeAmount(Self.idleTime)
        // The courier has a back-off of its own, and an operator wants to read of the first failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }
}

/// The largest of the numbers that were noted within a window of time, or some that is larger and was noted within two.
struct RecentPeak {
    private let window: Duration
    private var begin: ContinuousClock.Instant?
    private var current = 0
    private var previous = 0

    init(window: Duration) { self.window = window }

    mutating func note(_ number: Int, at now: ContinuousClock.Instant) {
        let age = begin.map { now - $0 } ?? window * 2
        if age >= window {
            previous = age < window * 2 ? current : 0
            current = 0
            begin = now
        }
        current = max(current, number)
    }

    func value(at now: ContinuousClock.Instant) -> Int {
        guard let begin, now - begin < window * 2 else { return 0 }
        return now - begin < window ? max(current, previous) : current
    }
}
