import IPAddresses

/// The addresses of balancers, behind each of which there are many clients.
package struct TrustedProxies: Sendable {
    private let networks: [IPNetwork]

    /// None.
    package init() { networks = [] }

    /// From addresses and networks in CIDR notation, separated by commas; nil where one is neither, or has bits beyond its length.
    package init?(_ list: String) {
        var networks: [IPNetwork] = []
        for text in list.split(separator: ",", omittingEmptySubsequences: false) {
            guard let network = IPNetwork(String(text)) else { return nil }
            networks.append(network)
        }
        self.networks = networks
    }

    /// Whether an address, as text, is one of them; false for what is no address. An address of IPv4 and the one of IPv6 that stands for it
    /// (`::ffff:a.b.c.d`) are the same.
    package func contains(_ text: String) -> Bool {
        guard !networks.isEmpty, let address = IPAddress(text) else { return false }
        let same = address.isIPv4 ? address.mapped : address.mappedIPv4
        return networks.contains { network in network.contains(address) || same.map(network.contains) == true }
    }
}
