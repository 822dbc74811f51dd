import AsyncHTTPClient
import Locking
import NIOCore
import NIOPosix
import NIOSSL

/// A client for each host and the address that it is connected at. Those that nobody uses are ended, the longest unused first, when there are
/// too many.
///
/// Threads: any task may use it at any time.
final class ClientPool: Sendable {
    /// A client that is in use until it is given back.
    struct Leased: Sendable {
        fileprivate let key: Key
        let client: HTTPClient
    }

    fileprivate struct Key: Hashable, Sendable {
        let host: String
        let address: IPAddress
    }

    private struct Entry {
        let client: HTTPClient
        var users = 0
        var lastUse = 0
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var uses = 0
        var isClosed = false
    }

    private let trustRoots: [NIOSSLCertificate]
    private let state = Lock(State())
    private static let mostIdle = 64
    /// As many as a courier has in flight in all: who shares a host with a slow receiver does not wait for its connections.
    static let connectionsPerHost = Pace().queues

    init(trustRoots: [NIOSSLCertificate]) {
        self.trustRoots = trustRoots
    }

    /// The client that connects to `address` for `host`.
    func client(host: String, address: IPAddress) throws(DeliveryFault) -> Leased {
        let key = Key(host: host, address: address)
        let (client, ended) = state.withLock { state -> (HTTPClient?, [HTTPClient]) in
            guard !state.isClosed else { return (nil, []) }
            state.uses += 1
            let ended = state.entries[key] == nil ? Self.endIdle(&state) : []
            var entry = state.entries[key] ?? Entry(client: make(key))
            entry.users += 1
            entry.lastUse = state.uses
            state.entries[key] = entry
            return (entry.client, ended)
        }
        for client in ended { Self.end(client) }
        guard let client else { throw DeliveryFault("the server is stopping") }
        return Leased(key: key, client: client)
    }

    func giveBack(_ leased: Leased) {
        state.withLock { $0.entries[leased.key]?.users -= 1 }
    }

    /// Ends all clients, and what they are still at.
    func close() async {
        let clients = state.withLock { state in
            state.isClosed = true
            defer { state.entries = [:] }
            return state.entries.values.map(\.client)
        }
        for client in clients { try? await client.shutdown() }
    }

    private static func endIdle(_ state: inout State) -> [HTTPClient] {
        let idle = state.entries.filter { $0.value.users == 0 }
        guard idle.count >= mostIdle, let oldest = idle.min(by: { $0.value.lastUse < $1.value.lastUse }) else { return [] }
        state.entries[oldest.key] = nil
        return [oldest.value.client]
    }

    private static func end(_ client: HTTPClient) {
        Task { try? await client.shutdown() }
    }

    private func make(_ key: Key) -> HTTPClient {
        var tls = TLSConfiguration.makeClientConfiguration()
        tls.minimumTLSVersion = .tlsv12
        // A connection that is given up is closed at once: waiting for the other side's farewell would mean to read all that it still sends.
        tls.shutdownTimeout = .milliseconds(50)
        if !trustRoots.isEmpty { tls.additionalTrustRoots = [.certificates(trustRoots)] }
        var configuration = HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow, timeout: .init(connect: .seconds(10)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        if IPAddress(key.host) == nil { configuration.dnsOverride = [key.host: key.address.description] }
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = Self.connectionsPerHost
        // Shorter than servers keep idle connections, so that hardly a request meets one that is just being closed.
        configuration.connectionPool.idleTimeout = .seconds(15)
        // The courier has a back-off of its own, and an operator wants to read of the first failure.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: MultiThreadedEventLoopGroup.singleton, configuration: configuration)
    }
}
