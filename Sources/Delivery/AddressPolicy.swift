import IPAddresses

/// Which addresses may be connected to for URLs that callers of the API name: they must not reach what only this server can reach, unless the
/// operator says so, since receivers on premises are private.
///
/// It is asked about the address that a name resolves to, which is then the one that is connected to.
public struct AddressPolicy: Sendable {
    private let networks: [IPNetwork]
    private let allowsPublic: Bool

    /// Why a list of networks is none.
    public struct Fault: Error, CustomStringConvertible {
        public let description: String
    }

    /// Allows nothing.
    public static let none = AddressPolicy(networks: [], allowsPublic: false)

    private init(networks: [IPNetwork], allowsPublic: Bool) {
        self.networks = networks
        self.allowsPublic = allowsPublic
    }

    /// From `public` and networks in CIDR notation, separated by commas.
    public init(_ text: String) throws(Fault) {
        var networks: [IPNetwork] = []
        var allowsPublic = false
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            if part == "public" {
                allowsPublic = true
            } else if let network = IPNetwork(String(part)) {
                networks.append(network)
            } else {
                throw Fault(description: "'\(part)' is neither public nor a network such as 10.20.0.0/16, without bits beyond its length")
            }
        }
        self.networks = networks
        self.allowsPublic = allowsPublic
    }

    /// Whether the address may be connected to. An IPv6 address that stands for an IPv4 one is judged as that.
    func allows(_ address: IPAddress) -> Bool {
        if networks.contains(where: { $0.isSingle && $0.contains(address) }) { return true }
        if let embedded = address.embeddedIPv4 { return allows(embedded) }
        guard !Self.onlyByName.contains(where: { $0.contains(address) }) else { return false }
        if networks.contains(where: { $0.contains(address) }) { return true }
        return allowsPublic && Self.isPublic(address)
    }

    private static func isPublic(_ address: IPAddress) -> Bool {
        guard !address.isIPv4 else { return !special.contains { $0.contains(address) } }
        return globalUnicast.contains { $0.contains(address) } && !special.contains { $0.contains(address) }
    }

    private static func list(_ texts: [String]) -> [IPNetwork] { texts.compactMap(IPNetwork.init) }

    /// Addresses at which clouds give machines their credentials, and addresses that no receiver can have: allowed only where the list names the
    /// address alone.
    private static let onlyByName = list([
        "169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23",
        "fd20:ce::254", "0.0.0.0/8", "224.0.0.0/4", "255.255.255.255", "::", "ff00::/8",
    ])

    /// IANA's registries of special-purpose addresses: what is not reachable from everywhere.
    private static let special = list([
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "3fff::/20",
    ])

    private static let globalUnicast = list(["2000::/3"])
}
