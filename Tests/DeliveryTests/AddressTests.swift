import IPAddresses
import Store
import Testing

@testable import Delivery

@Suite struct AddressTests {
    @Test(arguments: [
        ("93.184.216.34", true), ("8.8.8.8", true), ("2606:4700::1111", true), ("2a00:1450:4001::1", true),
        // Private, shared, loopback, link-local.
        ("10.0.0.1", false), ("10.255.255.255", false), ("172.16.0.1", false), ("172.31.255.255", false), ("172.32.0.1", true),
        ("172.15.255.255", true), ("192.168.1.1", false), ("100.64.0.1", false), ("100.128.0.1", true), ("127.0.0.1", false),
        ("127.255.0.1", false), ("169.254.1.1", false), ("::1", false), ("fe80::1", false), ("fc00::1", false), ("fd12::1", false),
        ("fec0::1", false),
        // Metadata.
        ("169.254.169.254", false), ("169.254.170.2", false), ("100.100.100.200", false), ("168.63.129.16", false),
        ("fd00:ec2::254", false),
        // For documentation, tests, translation; no host at all.
        ("192.0.2.1", false), ("198.51.100.7", false), ("203.0.113.9", false), ("198.18.0.1", false), ("192.88.99.1", false),
        ("0.0.0.0", false), ("0.1.2.3", false), ("224.0.0.1", false), ("239.1.1.1", false), ("240.0.0.1", false),
        ("255.255.255.255", false), ("::", false), ("ff02::1", false), ("2001:db8::1", false), ("2001::1", false), ("3fff::1", false),
        ("100::1", false), ("4000::1", false),
        // IPv4 in other clothes.
        ("::ffff:93.184.216.34", true), ("::ffff:10.0.0.1", false), ("::ffff:127.0.0.1", false), ("::ffff:169.254.169.254", false),
        ("::10.0.0.1", false), ("64:ff9b::8.8.8.8", true), ("64:ff9b::10.0.0.1", false), ("64:ff9b::169.254.169.254", false),
        ("64:ff9b:1::8.8.8.8", false), ("2002:0808:0808::1", true), ("2002:0a00:0001::1", false), ("2002:7f00:0001::1", false),
    ]) func `public is what can be reached from everywhere`(_ text: String, _ expected: Bool) throws {
        let address = try #require(IPAddress(text))
        #expect(try AddressPolicy("public").allows(address) == expected)
        #expect(!AddressPolicy.none.allows(address))
    }

    @Test(arguments: [
        ("10.20.0.0/16", "10.20.3.4", true), ("10.20.0.0/16", "10.21.0.1", false), ("10.20.0.0/16", "8.8.8.8", false),
        ("public,10.20.0.0/16", "8.8.8.8", true), ("10.20.0.0/16", "::ffff:10.20.0.1", true), ("10.20.0.0/16", "64:ff9b::10.20.0.1", true),
        ("127.0.0.1", "127.0.0.1", true), ("127.0.0.1", "127.0.0.2", false), ("127.0.0.0/8,::1", "::1", true),
        ("fd12::/16", "fd12::9", true), ("fd12::/16", "fd13::9", false), ("10.0.0.0/9", "10.127.255.255", true),
        ("10.0.0.0/9", "10.128.0.0", false),
        // The widest network does not open what machines keep their credentials in; naming it does.
        ("0.0.0.0/0", "10.9.9.9", true), ("0.0.0.0/0", "169.254.169.254", false), ("169.254.0.0/16", "169.254.169.254", false),
        ("169.254.0.0/16", "169.254.1.1", true), ("169.254.169.254", "169.254.169.254", true),
        ("169.254.169.254/32", "169.254.169.254", true),
        ("::/0", "fd00:ec2::254", false), ("0.0.0.0/0", "224.0.0.1", false), ("0.0.0.0/0", "::1", false), ("::/0", "10.0.0.1", false),
        // A network of IPv6 does not open the IPv4 that hides in it.
        ("::/0", "::ffff:10.0.0.1", false), ("64:ff9b::/96", "64:ff9b::10.0.0.1", false),
    ]) func `networks are allowed as listed`(_ list: String, _ text: String, _ expected: Bool) throws {
        #expect(try AddressPolicy(list).allows(try #require(IPAddress(text))) == expected)
    }

    @Test(arguments: [
        "", "private", "public,", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08", "10.0.0/8", "fd00::/129", "fd00::1/64", "10.0.0.0/-1",
        "PUBLIC",
        "10.0.0.0/8/9", "example.com", " 10.0.0.0/8",
    ]) func `what is no network is refused`(_ list: String) {
        #expect(throws: AddressPolicy.Fault.self) { try AddressPolicy(list) }
    }

    @Test(arguments: [
        ("https://example.com", "https://example.com/", "example.com", 443),
        ("HTTPS://Example.COM:8443/a/b?c=d%20e#part", "https://example.com:8443/a/b?c=d%20e", "example.com", 8443),
        ("http://127.0.0.1:80/x", "http://127.0.0.1/x", "127.0.0.1", 80), ("https://[::1]:9/", "https://[::1]:9/", "::1", 9),
        ("https://[2001:DB8::1]/", "https://[2001:db8::1]/", "2001:db8::1", 443),
        ("https://under_score.example/", "https://under_score.example/", "under_score.example", 443),
    ]) func `a URL is taken apart once`(_ text: String, _ url: String, _ host: String, _ port: Int) throws {
        let target = try WebTarget(text)
        #expect(target.url == url && target.host == host && target.port == port)
    }

    @Test(arguments: [
        "ftp://example.com", "example.com", "https://", "https://user@example.com/", "https://user:word@example.com/",
        "https://ex%61mple.com/",
        "https://example.com:0/", "https://example.com:70000/", "https://exa mple.com/", "", "https:///path", "https://[::1%25eth0]/",
    ]) func `what could be read in two ways is refused`(_ text: String) {
        #expect(throws: WebTarget.Fault.self) { try WebTarget(text) }
    }
}
