import Dispatch
import IPAddresses

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds the addresses of a host.
protocol Resolver: Sendable {
    /// In the order in which they are to be tried, at least one; takes no longer than `limit`.
    func addresses(of host: String, within limit: Duration) async throws(DeliveryFault) -> [IPAddress]
}

/// The system's resolver, on threads that may block.
struct SystemResolver: Resolver {
    func addresses(of host: String, within limit: Duration) async throws(DeliveryFault) -> [IPAddress] {
        try await runBlocking(on: .global(), within: limit, late: DeliveryFault("the name \(host) was not resolved in time")) {
            Self.ask(host)
        }
    }

    private static func ask(_ host: String) -> Result<[IPAddress], DeliveryFault> {
        var hints = addrinfo()
        hints.ai_family = AF_UNSPEC
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = AI_ADDRCONFIG
        var first: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host, nil, &hints, &first)
        defer { if let first { freeaddrinfo(first) } }
        guard status == 0 else {
            return .failure(DeliveryFault("the name \(host) is not resolved: \(String(cString: gai_strerror(status)))"))
        }
        var addresses: [IPAddress] = []
        var next = first
        while let info = next {
            if let address = address(info.pointee), !addresses.contains(address) { addresses.append(address) }
            next = info.pointee.ai_next
        }
        return addresses.isEmpty ? .failure(DeliveryFault("the name \(host) has no address")) : .success(addresses)
    }

    private static func address(_ info: addrinfo) -> IPAddress? {
        guard let pointer = UnsafeRawPointer(info.ai_addr) else { return nil }
        switch info.ai_family {
        case AF_INET:
            return withUnsafeBytes(of: pointer.loadUnaligned(as: sockaddr_in.self).sin_addr) { IPAddress(bytes: Array($0)) }
        case AF_INET6:
            return withUnsafeBytes(of: pointer.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { IPAddress(bytes: Array($0)) }
        default: return nil
        }
    }
}

/// Why something was not delivered. The text is for operators; it names hosts, never the rest of a URL, which may hold a secret.
struct DeliveryFault: Error, CustomStringConvertible {
    let description: String
    /// Whether the receiver has no part in it: then it counts as no attempt.
    let isOwn: Bool

    init(_ description: String, isOwn: Bool = false) {
        self.description = description
        self.isOwn = isOwn
    }
}
