import Glibc

/// An address of IPv4 (4 bytes) or IPv6 (16 bytes), in the order of the network.
public struct IPAddress: Sendable, Hashable, CustomStringConvertible {
    public let bytes: [UInt8]

    /// From 4 or 16 bytes.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// From the usual text, four decimals or IPv6; nil for anything else, so that no reader can take it for another address.
    public init?(_ text: String) {
        var v4 = in_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            bytes = withUnsafeBytes(of: v4) { Array($0) }
            return
        }
        var v6 = in6_addr()
        guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
        bytes = withUnsafeBytes(of: v6) { Array($0) }
    }

    public var isIPv4: Bool { bytes.count == 4 }

    public var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let written = bytes.withUnsafeBytes {
            inet_ntop(isIPv4 ? AF_INET : AF_INET6, $0.baseAddress, &text, socklen_t(INET6_ADDRSTRLEN))
        }
        return written == nil ? "" : String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// Whether it is the machine itself.
    public var isLoopback: Bool { Self.loopback.contains { $0.contains(self) } }

    private static let loopback = ["127.0.0.0/8", "::1"].compactMap(IPNetwork.init)

    /// Whether a host means the machine itself: `localhost`, or a loopback address, one of IPv6 without its brackets.
    public static func isLoopback(host: String) -> Bool {
        host.lowercased() == "localhost" || IPAddress(host)?.isLoopback == true
    }

    /// The IPv6 address that stands for an IPv4 one.
    public var mapped: IPAddress? { isIPv4 ? IPAddress(bytes: Array(repeating: 0, count: 10) + [0xFF, 0xFF] + bytes) : nil }

    /// The IPv4 address that a mapped IPv6 one (`::ffff:a.b.c.d`) stands for.
    public var mappedIPv4: IPAddress? {
        guard !isIPv4, bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF else { return nil }
        return IPAddress(bytes: Array(bytes[12...]))
    }

    /// The IPv4 address that is reached through an IPv6 one: mapped (`::ffff:a.b.c.d`), translated (NAT64's well-known `64:ff9b::/96`) or
    /// tunnelled (6to4's `2002::/16`).
    public var embeddedIPv4: IPAddress? {
        guard !isIPv4 else { return nil }
        if let mappedIPv4 { return mappedIPv4 }
        if bytes[..<4].elementsEqual([0x00, 0x64, 0xFF, 0x9B]), bytes[4..<12].allSatisfy({ $0 == 0 }) {
            return IPAddress(bytes: Array(bytes[12...]))
        }
        if bytes[0] == 0x20, bytes[1] == 0x02 { return IPAddress(bytes: Array(bytes[2..<6])) }
        return nil
    }
}

/// A block of addresses, such as `10.0.0.0/8`.
public struct IPNetwork: Sendable, Hashable {
    public let address: IPAddress
    public let prefixLength: Int

    /// From CIDR notation, or a single address. Bits beyond the prefix must be zero: what is meant by others is anybody's guess.
    public init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])) else { return nil }
        let bits = address.bytes.count * 8
        var length = bits
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...bits).contains(number), String(number) == parts[1] else { return nil }
            length = number
        }
        self.address = address
        prefixLength = length
        guard address.bytes.indices.allSatisfy({ address.bytes[$0] & ~mask(of: $0) == 0 }) else { return nil }
    }

    /// Whether it is one address alone.
    public var isSingle: Bool { prefixLength == address.bytes.count * 8 }

    public func contains(_ other: IPAddress) -> Bool {
        address.bytes.count == other.bytes.count
            && address.bytes.indices.allSatisfy { (address.bytes[$0] ^ other.bytes[$0]) & mask(of: $0) == 0 }
    }

    private func mask(of index: Int) -> UInt8 {
        let bits = prefixLength - index * 8
        return bits >= 8 ? 0xFF : bits <= 0 ? 0 : ~(0xFF >> UInt8(bits))
    }
}
