import Glibc

/// The addresses of balancers, behind each of which there are many clients.
package struct TrustedProxies: Sendable {
    /// An address of IPv6, and how many bits of it count. IPv4 addresses are those of IPv6 that stand for them (`::ffff:0:0/96`).
    private struct Network {
        let address: [UInt8]
        let length: Int
    }

    private let networks: [Network]

    /// None.
    package init() { networks = [] }

    /// From addresses and networks in CIDR notation, separated by commas; nil where one is neither, or has bits beyond its length.
    package init?(_ list: String) {
        var networks: [Network] = []
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard parts.count <= 2, let address = Self.bytes(String(parts[0])) else { return nil }
            let shift = parts[0].contains(":") ? 0 : 96
            var length = 128
            if parts.count == 2 {
                guard let number = Int(parts[1]), String(number) == parts[1], (0...128 - shift).contains(number) else { return nil }
                length = shift + number
            }
            guard address.indices.allSatisfy({ address[$0] & ~Self.mask(length, $0) == 0 }) else { return nil }
            networks.append(Network(address: address, length: length))
        }
        self.networks = networks
    }

    /// Whether an address, as text, is one of them; false for what is no address.
    package func contains(_ text: String) -> Bool {
        guard !networks.isEmpty, let address = Self.bytes(text) else { return false }
        return networks.contains { network in
            address.indices.allSatisfy { (address[$0] ^ network.address[$0]) & Self.mask(network.length, $0) == 0 }
        }
    }

    /// The sixteen bytes of an address.
    private static func bytes(_ text: String) -> [UInt8]? {
        var address = in6_addr()
        guard text.contains(":") || text.contains("."), inet_pton(AF_INET6, text.contains(":") ? text : "::ffff:" + text, &address) == 1
        else { return nil }
        return withUnsafeBytes(of: address) { Array($0) }
    }

    /// The bits of a byte that count.
    private static func mask(_ length: Int, _ index: Int) -> UInt8 {
        ~(length - index * 8 >= 8 ? 0 : length - index * 8 <= 0 ? 0xFF : 0xFF >> UInt8(length - index * 8))
    }
}
