import AsyncHTTPClient
import IPAddresses
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Store

/// The network: connects to the address that was resolved and checked, and to no other, however the name may be answered the next time.
///
/// Only the head of an answer counts. Its body is read as long as it is short and quick, so that the connection can be used again, and cut off
/// otherwise.
///
/// Threads: any task may post at any time.
final class HTTPTransport: Transport {
    private let policy: AddressPolicy
    private let allowsHTTP: Bool
    private let proxy: OutgoingProxy
    private let addresses: AddressCache
    private let clients: ClientPool

    private static let longestBody = 64 << 10
    private static let longestBodyTime = Duration.seconds(1)
    private static let excerptLength = 1024

    /// `trustRoots` are trusted besides the system's.
    init(
        policy: AddressPolicy, allowsHTTP: Bool, trustRoots: [NIOSSLCertificate], resolver: any Resolver = SystemResolver(),
        mostSockets: Int, proxy: OutgoingProxy = .none
    ) {
        self.policy = policy
        self.proxy = proxy
        self.allowsHTTP = allowsHTTP
        addresses = AddressCache(resolver)
        clients = ClientPool(trustRoots: trustRoots, mostSockets: mostSockets)
    }

    func post(_ request: Post, within limit: Duration) async throws(DeliveryFault) -> PostAnswer {
        let deadline = NIODeadline.now() + TimeAmount(limit)
        let target = request.target
        guard target.isSecure || allowsHTTP || request.isTrusted else {
            throw DeliveryFault("the URL begins with http://, which delivery-allow-http does not allow")
        }
        let route = try await route(of: request, within: limit)
        let client = try await clients.client(for: target, by: route)
        defer { clients.giveBack(client) }
        do {
            let answer = try await client.client.execute(outgoing(request), deadline: deadline)
            return PostAnswer(
                status: Int(answer.status.code), retryAfter: answer.headers.first(name: "Retry-After"),
                date: answer.headers.first(name: "Date"), excerpt: await Self.excerpt(answer))
        } catch {
            // The next attempt tries another of the allowed addresses, if there are several.
            if case .direct(let address) = route { addresses.failed(target.host, address) }
            throw DeliveryFault(Self.describe(error, target, route))
        }
    }

    /// Sockets that are open.
    var sockets: Int { clients.sockets }

    func close() async {
        await clients.close()
    }

    /// The proxy, or the address to connect to.
    private func route(of request: Post, within limit: Duration) async throws(DeliveryFault) -> ClientPool.Route {
        let host = request.target.host
        if let server = proxy.server(for: request.target) {
            guard let literal = IPAddress(host), !request.isTrusted, !policy.allows(literal) else {
                return .proxy(server)
            }
            throw DeliveryFault("\(host) is what delivery-networks does not allow")
        }
        let found: [IPAddress]
        if let literal = IPAddress(host) {
            found = [literal]
        } else {
            found = try await addresses.addresses(of: host, within: min(limit, .seconds(5)))
        }
        guard let allowed = found.first(where: { request.isTrusted || policy.allows($0) }) else {
            throw DeliveryFault(
                "\(host) is \(found.map(\.description).joined(separator: ", ")), which delivery-networks does not allow")
        }
        return .direct(allowed)
    }

    private func outgoing(_ request: Post) -> HTTPClientRequest {
        var outgoing = HTTPClientRequest(url: request.target.url)
        outgoing.method = .POST
        for header in request.headers { outgoing.headers.add(name: header.name, value: header.value) }
        outgoing.body = .bytes(ByteBuffer(bytes: request.body))
        return outgoing
    }

    /// Reads the beginning of the body.
    private static func excerpt(_ answer: HTTPClientResponse) async -> [UInt8] {
        if answer.headers.first(name: "Content-Length") == "0" || answer.status == .noContent { return await read(answer) }
        return await withTaskGroup(of: [UInt8]?.self) { group in
            group.addTask { await read(answer) }
            group.addTask {
                try? await Task.sleep(for: longestBodyTime)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first ?? []
        }
    }

    private static func read(_ answer: HTTPClientResponse) async -> [UInt8] {
        var excerpt: [UInt8] = []
        var length = 0
        do {
            for try await piece in answer.body {
                length += piece.readableBytes
                if excerpt.count < excerptLength { excerpt += piece.readableBytesView.prefix(excerptLength - excerpt.count) }
                if length > longestBody { break }
            }
        } catch {
            // The head is there, which is all that counts.
        }
        return excerpt
    }

    private static func describe(_ error: any Error, _ target: WebTarget, _ route: ClientPool.Route) -> String {
        let place =
            switch route {
            case .direct(let address): "\(target.host) (\(address))"
            case .proxy(let server): "\(target.host) (through the proxy \(server.host))"
            }
        if let error = error as? HTTPClientError {
            switch error {
            case .deadlineExceeded, .readTimeout, .writeTimeout: return "\(place) did not answer in time"
            case .connectTimeout, .getConnectionFromPoolTimeout: return "\(place) was not reached in time"
            case .remoteConnectionClosed: return "\(place) closed the connection without an answer"
            case .cancelled: return "the attempt was cancelled"
            default: return "\(place): \(error.shortDescription)"
            }
        }
        if let error = error as? IOError { return "\(place): \(error.description)" }
        if error is NIOSSLExtraError { return "\(place) has a certificate for another name" }
        // The library's own text names its source files.
        if "\(error)".contains("CERTIFICATE_VERIFY_FAILED") {
            return "\(place) has a certificate that is not trusted: its authority is not known here, or its time is over"
        }
        if error is NIOSSLError || error is BoringSSLError { return "\(place): no TLS connection could be made" }
        return String("\(place): \(error)".prefix(150))
    }
}
