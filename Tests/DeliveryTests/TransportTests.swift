import Foundation
import IPAddresses
import Locking
import NIOCore
import NIOSSL
import Store
import Synchronization
import TestSupport
import Testing

@testable import Delivery

/// A resolver that answers as the test says.
private final class ScriptedResolver: Resolver {
    private let names: Lock<[String: [String]]>
    private let count = Atomic(0)

    init(_ names: [String: [String]]) { self.names = Lock(names) }

    /// How often it was asked.
    var asked: Int { count.load(ordering: .relaxed) }

    func addresses(of host: String, within limit: Duration) async throws(DeliveryFault) -> [IPAddress] {
        count.wrappingAdd(1, ordering: .relaxed)
        guard let found = names.withLock({ $0[host] }) else { throw DeliveryFault("\(host) is unknown") }
        return found.compactMap { IPAddress($0) }
    }
}

@Suite struct TransportTests {
    @Test func `of many who fail at an address at once one has the next tried`() async throws {
        let book = AddressCache(ScriptedResolver(["receiver": ["127.0.0.1", "127.0.0.2"]]))
        let order = try await book.addresses(of: "receiver", within: .seconds(5))
        for _ in 0..<4 { book.failed("receiver", order[0]) }
        #expect(try await book.addresses(of: "receiver", within: .seconds(5)) == order.reversed())
        book.failed("receiver", order[1])
        #expect(try await book.addresses(of: "receiver", within: .seconds(5)) == order)
    }

    @Test func `many who need an address at once ask for it once`() async throws {
        let resolver = ScriptedResolver(["receiver": ["127.0.0.1"]])
        let book = AddressCache(resolver)
        let found = try await atOnce(50) { _ in try await book.addresses(of: "receiver", within: .seconds(5)) }
        #expect(Set(found) == [[try #require(IPAddress("127.0.0.1"))]])
        #expect(resolver.asked == 1)
        // Who asks for a name that is not found is told so together with the others, and asks again later.
        let faults = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<20 {
                group.addTask {
                    do { return try await book.addresses(of: "nobody", within: .seconds(5)).isEmpty } catch { return true }
                }
            }
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        #expect(faults == 20)
    }

    private static func post(_ url: String, isTrusted: Bool = false, _ headers: [(name: String, value: String)] = []) throws -> Post {
        Post(target: try WebTarget(url), headers: headers, body: Array("body".utf8), isTrusted: isTrusted)
    }

    /// A transport that is closed afterwards.
    private static func with(
        _ networks: String = "127.0.0.0/8", allowsHTTP: Bool = true, trust: [NIOSSLCertificate] = [],
        resolver: any Resolver = SystemResolver(), mostSockets: Int = 640, proxy: OutgoingProxy = .none,
        _ body: (HTTPTransport) async throws -> Void
    ) async throws {
        let transport = HTTPTransport(
            policy: try AddressPolicy(networks), allowsHTTP: allowsHTTP, trustRoots: trust, resolver: resolver, mostSockets: mostSockets,
            proxy: proxy)
        do { try await body(transport) } catch {
            await transport.close()
            throw error
        }
        await transport.close()
    }

    private static func failure(_ transport: HTTPTransport, _ url: String, within limit: Duration = .seconds(60)) async throws -> String? {
        let post = try post(url)
        do throws(DeliveryFault) {
            _ = try await transport.post(post, within: limit)
            return nil
        } catch {
            return error.description
        }
    }

    private static func expect(
        _ status: Int, _ transport: HTTPTransport, _ url: String, isTrusted: Bool = false, within limit: Duration,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let answer = try await transport.post(post(url, isTrusted: isTrusted), within: limit)
        #expect(answer.status == status, sourceLocation: location)
    }

    @Test func `connections are used again, and requests go out whole`() async throws {
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with { transport in
                for _ in 0..<5 {
                    let answer = try await transport.post(
                        Self.post("http://127.0.0.1:\(receiver.port)/hook?x=1", [("webhook-id", "1")]), within: .seconds(60))
                    #expect(answer.status == 200)
                }
            }
            #expect(receiver.connections == 1)
            let request = try #require(receiver.requests.last)
            #expect(request.hasPrefix("POST /hook?x=1 HTTP/1.1\r\n"))
            #expect(request.contains("webhook-id: 1\r\n") && request.contains("ost: 127.0.0.1:\(receiver.port)\r\n"))
            #expect(request.hasSuffix("\r\n\r\nbody"))
        }
    }

    @Test func `a name leads to the address that was checked, and to no other`() async throws {
        let resolver = ScriptedResolver([
            "receiver.test": ["127.0.0.1"], "private.test": ["10.1.2.3"], "mixed.test": ["169.254.169.254", "10.0.0.1", "127.0.0.1"],
            "metadata.test": ["169.254.169.254"],
        ])
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with(resolver: resolver) { transport in
                for _ in 0..<3 {
                    // The system does not know this name: only the address that was found can be connected to.
                    try await Self.expect(200, transport, "http://receiver.test:\(receiver.port)/", within: .seconds(60))
                }
                try await Self.expect(200, transport, "http://MIXED.test:\(receiver.port)/", within: .seconds(60))
                let refused = try await Self.failure(transport, "http://private.test:\(receiver.port)/")
                #expect(refused == "private.test is 10.1.2.3, which delivery-networks does not allow")
                let unknown = try await Self.failure(transport, "http://unknown.test:\(receiver.port)/")
                #expect(unknown == "unknown.test is unknown")
            }
            #expect(receiver.requests.count == 4)
            #expect(receiver.requests.first?.contains("ost: receiver.test:\(receiver.port)\r\n") == true)
            #expect(resolver.asked == 4)
        }
    }

    @Test(arguments: ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])
    func `every way to write a local address is seen through`(_ host: String) async throws {
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with("public") { transport in
                let found = try await Self.failure(transport, "http://\(host):\(receiver.port)/")
                let failure = try #require(found)
                #expect(failure.contains("which delivery-networks does not allow"))
            }
            #expect(receiver.connections == 0)
        }
    }

    @Test func `what the operator names may be anywhere`() async throws {
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with("public", allowsHTTP: false) { transport in
                let url = "http://127.0.0.1:\(receiver.port)/"
                try await Self.expect(200, transport, url, isTrusted: true, within: .seconds(60))
                let fault = try await Self.failure(transport, url)
                #expect(fault?.contains("delivery-allow-http") == true)
            }
        }
    }

    @Test func `redirects are not followed`() async throws {
        try await Receiver.with({ _ in Receiver.ok }) { other in
            let location = "http://127.0.0.1:\(other.port)/"
            try await Receiver.with({ _ in
                .bytes("HTTP/1.1 301 Moved Permanently\r\nLocation: \(location)\r\nContent-Length: 0\r\n\r\n")
            }) { receiver in
                try await Self.with { transport in
                    try await Self.expect(301, transport, "http://127.0.0.1:\(receiver.port)/", within: .seconds(60))
                }
            }
            #expect(other.connections == 0)
        }
    }

    @Test func `the head is what counts: a body is cut off that is huge or slow`() async throws {
        try await Receiver.with({ request in
            request.contains("/huge")
                ? .flood : .slowly("HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n", then: "1\r\nx\r\n", milliseconds: 20)
        }) { receiver in
            try await Self.with { transport in
                for path in ["huge", "slow"] {
                    let start = ContinuousClock.now
                    let answer = try await transport.post(Self.post("http://127.0.0.1:\(receiver.port)/\(path)"), within: .seconds(120))
                    #expect((200..<300).contains(answer.status))
                    #expect(answer.excerpt.count <= 1024)
                    // Not the whole limit.
                    #expect(ContinuousClock.now - start < .seconds(60))
                }
                try await eventually("both connections are closed") { receiver.closed == 2 }
            }
        }
    }

    @Test func `a short body is read, and the connection used again`() async throws {
        try await Receiver.with({ _ in
            .bytes(
                "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 7\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 4\r\n\r\nbusy")
        }) { receiver in
            try await Self.with { transport in
                for _ in 0..<3 {
                    let answer = try await transport.post(Self.post("http://127.0.0.1:\(receiver.port)/"), within: .seconds(60))
                    #expect(answer.status == 429 && answer.retryAfter == "7" && answer.date == "Sun, 06 Nov 1994 08:49:37 GMT")
                    #expect(String(decoding: answer.excerpt, as: UTF8.self) == "busy")
                }
            }
            #expect(receiver.connections == 1)
        }
    }

    @Test func `who does not answer, closes or talks nonsense is a failure in time`() async throws {
        try await Receiver.with({ request in
            if request.contains("/silent") { return .silence }
            if request.contains("/close") { return .close("") }
            if request.contains("/half") { return .close("HTTP/1.1 200 OK\r\nContent-Le") }
            if request.contains("/drip") { return .slowly("HTTP/1.1", then: " ", milliseconds: 50) }
            return .bytes("SMTP ready\r\n\r\n")
        }) { receiver in
            try await Self.with { transport in
                for path in ["silent", "drip", "close", "half", "nonsense"] {
                    let post = try Self.post("http://127.0.0.1:\(receiver.port)/\(path)")
                    let start = ContinuousClock.now
                    let found = try await Self.failure(transport, post.target.url, within: .milliseconds(500))
                    let failure = try #require(found, "\(path)")
                    #expect(ContinuousClock.now - start < .seconds(40))
                    #expect(failure.hasPrefix("127.0.0.1 (127.0.0.1)"), "\(failure)")
                }
                let closed = try await Self.failure(transport, "http://127.0.0.1:1/")
                #expect(closed?.contains("127.0.0.1") == true)
            }
        }
    }

    @Test func `an attempt ends soon after it was cancelled`() async throws {
        try await Receiver.with({ _ in .silence }) { receiver in
            try await Self.with { transport in
                let post = try Self.post("http://127.0.0.1:\(receiver.port)/")
                let task = Task { try await Self.failure(transport, post.target.url, within: .seconds(60)) }
                try await eventually("it is at work") { receiver.requests.count == 1 }
                let start = ContinuousClock.now
                task.cancel()
                let failure = try await task.value
                #expect(failure != nil)
                #expect(ContinuousClock.now - start < .seconds(40))
            }
        }
    }

    @Test func `another address is tried after one that fails`() async throws {
        let resolver = ScriptedResolver(["receiver.test": ["127.0.0.9", "127.0.0.1"]])
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with(resolver: resolver) { transport in
                let post = try Self.post("http://receiver.test:\(receiver.port)/")
                let fault = try await Self.failure(transport, post.target.url)
                #expect(fault?.contains("127.0.0.9") == true)
                try await Self.expect(200, transport, post.target.url, within: .seconds(60))
                try await Self.expect(200, transport, post.target.url, within: .seconds(60))
            }
        }
    }

    @Test(arguments: [
        ["169.254.169.254", "127.0.0.9", "127.0.0.1"], ["127.0.0.9", "10.0.0.1", "127.0.0.1"],
        ["127.0.0.8", "10.0.0.1", "127.0.0.9", "169.254.169.254", "127.0.0.1"],
    ]) func `every address that is allowed gets its turn`(_ addresses: [String]) async throws {
        let resolver = ScriptedResolver(["receiver.test": addresses])
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with(resolver: resolver) { transport in
                let url = "http://receiver.test:\(receiver.port)/"
                for dead in addresses where dead.hasPrefix("127") && dead != "127.0.0.1" {
                    let fault = try await Self.failure(transport, url)
                    #expect(fault?.contains(dead) == true)
                }
                try await Self.expect(200, transport, url, within: .seconds(60))
                try await Self.expect(200, transport, url, within: .seconds(60))
            }
        }
    }

    /// The environment of a server whose outgoing requests go through a proxy at a port of this machine.
    private static func proxy(_ port: Int, except: String = "") throws -> OutgoingProxy {
        let server = "http://user:pw@localhost:\(port)"
        return try OutgoingProxy(environment: ["HTTPS_PROXY": server, "http_proxy": server, "NO_PROXY": except])
    }

    @Test func `receivers are reached through the proxy that the environment names`() async throws {
        try await Receiver.with({ request in
            if request.hasPrefix("CONNECT receiver.example:80 ") { return .bytes("HTTP/1.1 200 OK\r\n\r\n") }
            return request.hasPrefix("CONNECT") ? .close("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n") : Receiver.ok
        }) { receiver in
            // No resolver of ours knows the name.
            try await Self.with("public", resolver: ScriptedResolver([:]), proxy: Self.proxy(receiver.port)) { transport in
                try await Self.expect(200, transport, "http://receiver.example/hook?x=1", within: .seconds(60))
                let fault = try await Self.failure(transport, "https://receiver.example/hook")
                #expect(fault?.hasPrefix("receiver.example (through the proxy localhost)") == true)
                #expect(fault?.contains("pw") == false)
                let literal = try await Self.failure(transport, "http://10.0.0.1/")
                #expect(literal?.contains("delivery-networks") == true)
            }
            let (connect, post) = (try #require(receiver.requests.first), try #require(receiver.requests.dropFirst().first))
            #expect(connect.lowercased().contains("proxy-authorization: basic dxnlcjpwdw=="))
            #expect(post.hasPrefix("POST /hook?x=1 HTTP/1.1\r\n") && !post.lowercased().contains("proxy-authorization"))
            #expect(receiver.requests.contains { $0.hasPrefix("CONNECT receiver.example:443 ") })
            #expect(!receiver.requests.contains { $0.contains("10.0.0.1") })
        }
    }

    @Test func `what NO_PROXY lists, and this machine, is reached directly`() async throws {
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with(resolver: ScriptedResolver([:]), proxy: Self.proxy(1, except: "example.com")) { transport in
                try await Self.expect(200, transport, "http://127.0.0.1:\(receiver.port)/", within: .seconds(60))
                let direct = try await Self.failure(transport, "http://receiver.example.com/")
                #expect(direct == "receiver.example.com is unknown")
            }
        }
    }

    @Test(arguments: [
        ("", "a.example", 443, false), ("*", "a.example", 443, true), ("a.example", "a.example", 443, true),
        ("a.example", "b.a.example", 443, true),
        ("a.example", "ba.example", 443, false), (".a.example", "b.a.example", 443, true), (".a.example", "a.example", 443, true),
        ("*.a.example", "b.a.example", 443, true), ("x, A.Example ,y", "a.example.", 443, true),
        ("a.example:8443", "a.example", 443, false),
        ("a.example:8443", "a.example", 8443, true), ("10.0.0.0/8", "10.1.2.3", 443, true), ("10.0.0.0/8", "11.1.2.3", 443, false),
        ("10.1.2.3", "10.1.2.3", 443, true), ("fd00::/8", "[fd00::1]", 443, true), ("", "localhost", 443, true),
        ("", "127.9.9.9", 443, true),
        ("", "[::1]", 443, true),
    ]) func `NO_PROXY is read as everywhere`(_ list: String, _ host: String, _ port: Int, _ isDirect: Bool) throws {
        let proxy = try OutgoingProxy(environment: ["HTTPS_PROXY": "proxy.example:3128", "no_proxy": list, "NO_PROXY": "*"])
        // The lower-case name counts, unless it is empty.
        let expected = list.isEmpty ? true : isDirect
        #expect((proxy.server(for: try WebTarget("https://\(host):\(port)/")) == nil) == expected)
        let plain = try OutgoingProxy(environment: ["HTTPS_PROXY": "proxy.example:3128", "no_proxy": list])
        #expect((plain.server(for: try WebTarget("https://\(host):\(port)/")) == nil) == isDirect)
        #expect(plain.server(for: try WebTarget("http://\(host):\(port)/")) == nil)
    }

    @Test(arguments: [
        "https://proxy.example:3128", "socks5://proxy.example", "http://", "http://a b", "http://proxy.example/path", "http://u:s3cret@/",
    ])
    func `a proxy that cannot be used is refused loudly`(_ text: String) {
        let fault = #expect(throws: OutgoingProxy.Fault.self) { try OutgoingProxy(environment: ["HTTPS_PROXY": text]) }
        #expect(fault?.description.contains("HTTPS_PROXY") == true && fault?.description.contains("s3cret") == false)
    }

    @Test func `no more sockets are open than there may be, those that wait for their next use included`() async throws {
        let names = Dictionary(uniqueKeysWithValues: (0..<12).map { ("host-\($0).test", ["127.0.0.1"]) })
        try await Receiver.with({ request in request.contains("/silent") ? .silence : Receiver.ok }) { receiver in
            try await Self.with(resolver: ScriptedResolver(names), mostSockets: 3) { transport in
                for name in names.keys { try await Self.expect(200, transport, "http://\(name):\(receiver.port)/", within: .seconds(60)) }
                try await eventually("unused ones are closed for others") { receiver.closed == 9 }
                try await withThrowingTaskGroup { group in
                    for number in 0..<3 {
                        group.addTask { _ = try await Self.failure(transport, "http://host-\(number).test:\(receiver.port)/silent") }
                    }
                    try await eventually("three are in use") { receiver.requests.count(where: { $0.contains("/silent") }) == 3 }
                    let post = try Self.post("http://host-9.test:\(receiver.port)/")
                    let error = await #expect(throws: DeliveryFault.self) { try await transport.post(post, within: .seconds(60)) }
                    // No fault of the receiver, so no attempt.
                    #expect(error?.isOwn == true)
                    group.cancelAll()
                }
            }
        }
    }

    @Test func `the largest number of users is remembered for one window at least, and for two at most`() {
        let start = ContinuousClock.now
        var peak = RecentPeak(window: .seconds(10))
        #expect(peak.value(at: start) == 0)
        peak.note(5, at: start)
        peak.note(2, at: start + .seconds(9))
        #expect(peak.value(at: start + .seconds(19)) == 5)
        #expect(peak.value(at: start + .seconds(20)) == 0)
        peak.note(3, at: start + .seconds(12))
        #expect(peak.value(at: start + .seconds(21)) == 5)
        #expect(peak.value(at: start + .seconds(22)) == 3)
        peak.note(1, at: start + .seconds(50))
        #expect(peak.value(at: start + .seconds(50)) == 1)
    }

    @Test func `many hosts do not keep their clients for ever`() async throws {
        let names = Dictionary(uniqueKeysWithValues: (0..<200).map { ("host-\($0).test", ["127.0.0.1"]) })
        try await Receiver.with({ _ in Receiver.ok }) { receiver in
            try await Self.with(resolver: ScriptedResolver(names)) { transport in
                for name in names.keys {
                    try await Self.expect(200, transport, "http://\(name):\(receiver.port)/", within: .seconds(60))
                }
                try await eventually("most connections are closed") { receiver.closed >= 130 }
                #expect(receiver.closed < 200)
            }
        }
    }

    private static func file(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Vectors/tls/\(name)").path
    }

    private static func tls(_ name: String) throws -> TLSConfiguration {
        TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(file("\(name).pem")).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: file("\(name).key"), format: .pem)))
    }

    @Test func `certificates are verified, for the name of the URL, though an address is connected to`() async throws {
        let authority = try NIOSSLCertificate.fromPEMFile(Self.file("authority.pem"))
        let resolver = ScriptedResolver(["receiver.test": ["127.0.0.1"], "other.test": ["127.0.0.1"]])
        try await Receiver.with(tls: Self.tls("name"), { _ in Receiver.ok }) { receiver in
            try await Self.with(allowsHTTP: false, trust: authority, resolver: resolver) { transport in
                try await Self.expect(200, transport, "https://receiver.test:\(receiver.port)/", within: .seconds(60))
                for host in ["other.test", "127.0.0.1"] {
                    let other = try await Self.failure(transport, "https://\(host):\(receiver.port)/", within: .seconds(60))
                    #expect(other?.hasPrefix("\(host) (127.0.0.1)") == true)
                }
            }
            // Nobody trusts the authority who was not told to.
            try await Self.with(allowsHTTP: false, resolver: resolver) { transport in
                let fault = try await Self.failure(transport, "https://receiver.test:\(receiver.port)/", within: .seconds(60))
                #expect(fault?.hasPrefix("receiver.test (127.0.0.1)") == true)
            }
            #expect(receiver.requests.count == 1)
        }
        try await Receiver.with(tls: Self.tls("address"), { _ in Receiver.ok }) { receiver in
            try await Self.with(allowsHTTP: false, trust: authority, resolver: resolver) { transport in
                try await Self.expect(200, transport, "https://127.0.0.1:\(receiver.port)/", within: .seconds(60))
            }
        }
    }

    @Test func `a file of authorities that is none is an error at the start`() throws {
        #expect(throws: DeliverySettings.Fault.self) { try DeliverySettings.test(caFile: "/nowhere.pem").transport() }
        #expect(throws: DeliverySettings.Fault.self) { try DeliverySettings.test(caFile: Self.file("generate.sh")).transport() }
    }
}
