import Contract
import ControlPlane
import Foundation
import Identity
import NIOCore
import NIOHTTP1
import Signing
import Store
import TestSupport
import Testing

@testable import Gateway

/// The way of a request through the whole gateway, and its order, which clients can observe.
@Suite struct PipelineTests {
    private typealias Request = TestRequest

    private func answer(_ server: LoopbackGateway, _ request: TestRequest) async throws -> RawConnection.Answer {
        try await server.answer(request)
    }

    /// Each fault with what answers it, in the order in which they are looked at.
    @Test func `of several faults the first in the order is the answer`() async throws {
        var setup = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        setup.corsOrigins = ["https://console.example"]
        setup.bodyLimit = 1000
        try await LoopbackGateway.with(setup) { server in
            let encoded = [("Content-Encoding", "gzip")]
            let large = String(repeating: " ", count: 1001)
            let preflight = [("Origin", "https://console.example"), ("Access-Control-Request-Method", "POST")]
            let rows: [(what: String, request: Request, status: Int, error: String?)] = [
                ("encoding before size", Request(headers: encoded, body: large), 400, "MalformedHttpRequestException"),
                (
                    "size before preflight", Request(method: "OPTIONS", headers: preflight, body: large), 413,
                    "RequestEntityTooLargeException"
                ),
                ("preflight before signature", Request(method: "OPTIONS", headers: preflight, body: ""), 200, nil),
                ("signature before path", Request(path: "/nowhere"), 403, "MissingAuthenticationTokenException"),
                ("path before input", Request(path: "/nowhere", body: "{", key: server.key), 404, "UnknownOperationException"),
                ("method before input", Request(method: "PUT", body: "{", key: server.key), 405, "MethodNotAllowedException"),
                ("input", Request(body: "{", key: server.key), 400, "SerializationException"),
                ("constraints", Request(body: #"{"StreamName":"a b"}"#, key: server.key), 400, "ValidationException"),
                (
                    "account before existence",
                    Request(
                        body: #"{"StreamARN":"arn:aws:kinesisvideo:eu-west-1:999999999999:stream/gate/1700000000000"}"#, key: server.key),
                    403, "AccessDeniedException"
                ),
                ("existence", Request(key: server.key), 404, "ResourceNotFoundException"),
            ]
            for row in rows {
                let answer = try await answer(server, row.request)
                #expect(answer.status == row.status, "\(row.what): \(answer.text)")
                #expect(answer.header("x-amzn-errortype") == row.error, "\(row.what)")
                #expect(answer.header("x-amzn-requestid")?.count == 36, "\(row.what)")
                #expect(answer.header("date") != nil)
            }
        }
    }

    @Test func `the role comes before all, input before rates, rates before existence`() async throws {
        var background = LoopbackGateway.Setup()
        background.serves = []
        try await LoopbackGateway.with(background) { server in
            let refused = try await answer(server, Request(headers: [("Content-Encoding", "gzip")]))
            #expect(refused.status == 503)
            #expect(try await answer(server, Request(method: "GET", path: "/live", body: "")).text == "live\n")
        }
        var limited = LoopbackGateway.Setup()
        limited.protective = 1
        try await LoopbackGateway.with(limited) { server in
            try await RawConnection.with(server.port) { connection in
                var errors: [String] = []
                for body in ["{", #"{"StreamName":"gate"}"#, #"{"StreamName":"gate"}"#, "{"] {
                    try await connection.send(Request(body: body).text(server.port))
                    errors.append(try await connection.answer().header("x-amzn-errortype") ?? "none")
                }
                // A body that cannot be read takes nothing out of the bucket.
                #expect(errors == ["SerializationException", "ResourceNotFoundException", "ThrottlingException", "SerializationException"])
            }
        }
    }

    /// By the codes that are computed, not by time: a key that nobody has, one that is in use, one that has not signed yet, and tokens that are none.
    @Test func `whether a key is there makes no difference to the work for a signature that is wrong`() async throws {
        try await LoopbackGateway.with(LoopbackGateway.Setup(authentication: .signature(regions: nil))) { server in
            let verifier = server.gateway.verifier
            #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
            let secret = AccessKey.random(account: Fixture.account).secret
            func computed(_ id: String, headers: [(String, String)] = []) async throws -> Int {
                let before = verifier.computed
                let key = AccessKey(id: id, account: Fixture.account, secret: secret)
                #expect(try await server.answer(TestRequest(headers: headers, key: key)).status == 403)
                return verifier.computed - before
            }
            let inUse = try await computed(server.key.id)
            // Four to derive the key of the day, and one for each host that may have been signed.
            #expect(inUse == 6)
            for id in [server.otherKey.id, "AKIANOBODYNOBODYNOBO", "AKIANOBODYNOBODYNOBO", "ASIANOBODYNOBODYNOBO"] {
                #expect(try await computed(id) == inUse, "\(id)")
            }
            #expect(try await computed(server.key.id, headers: [("X-Amz-Security-Token", "none")]) == inUse)
            #expect(try await computed("ASIANOBODYNOBODYNOBO", headers: [("X-Amz-Security-Token", "none")]) == inUse)
            #expect(try await server.answer(TestRequest(key: server.key)).status == 404)
            #expect(verifier.computed > 0)
        }
    }

    @Test func `a stream is created and described over one connection, each request with its line and count`() async throws {
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Request(path: "/createStream", key: server.key).text(server.port))
                #expect(try await connection.answer().status == 200)
                try await connection.send(Request(key: server.key).text(server.port))
                let described = try await connection.answer()
                #expect(described.text.contains(#""StreamName":"gate""#))
                #expect(described.header("content-type") == "application/json")
                #expect(described.header("connection") == nil)
                try await connection.send("BREW\r\n\r\n")
                #expect(try await connection.answer().status == 400)
                #expect(await connection.isEnded())
            }
            server.gateway.accessLog.flush()
            let lines = server.log.all
            #expect(lines.count == 3)
            #expect(lines[0].contains("status=200") && lines[0].contains("operation=CreateStream") && lines[0].contains("resource=gate"))
            #expect(lines[1].contains("in=21") && lines[1].contains("key=\(server.key.id)"))
            #expect(lines[2].contains("status=400") && lines[2].contains("error=MalformedHttpRequestException"))
            let metrics = try await answer(server, Request(method: "GET", path: "/metrics", body: "")).text
            #expect(metrics.contains(#"weir_requests_total{operation="DescribeStream",status="200"} 1"#))
            #expect(metrics.contains(#"weir_requests_total{operation="none",status="400"} 1"#))
        }
    }

    @Test func `the page to watch is served over TLS, to proxies, and on the machine itself`() async throws {
        func status(_ gateway: Gateway, _ path: String, _ peer: Peer) -> Int? {
            let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: path)
            return gateway.watchPage(Exchange(head: head, requestID: "", start: 0, routes: gateway.routes, peer: peer))?.status
        }
        let stranger = Peer(address: "192.0.2.1", localPort: nil)
        try await LoopbackGateway.with { server in
            for path in ["/watch", "//watch", "/watch.js", "/watch.css?x"] {
                #expect(status(server.gateway, path, stranger) == 403)
                #expect(status(server.gateway, path, Peer(address: "192.0.2.1", localPort: nil, isProxy: true)) == 200)
                for own in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                    #expect(status(server.gateway, path, Peer(address: own, localPort: nil)) == 200)
                }
            }
            #expect(status(server.gateway, "/watchers", stranger) == nil)
        }
        var setup = LoopbackGateway.Setup()
        setup.isTLS = true
        try await LoopbackGateway.with(setup) { server in #expect(status(server.gateway, "/watch", stranger) == 200) }
        setup = LoopbackGateway.Setup()
        setup.serves = [.controlPlane]
        try await LoopbackGateway.with(setup) { server in #expect(status(server.gateway, "/watch", stranger) == nil) }
    }

    @Test func `a client that leaves before its body is whole is told of`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("POST /describeStream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
                // Another request shows that the first is there.
                #expect(try await answer(server, Request(method: "GET", path: "/live", body: "")).status == 200)
            }
            try await eventually("it is told") {
                server.gateway.accessLog.flush()
                return server.log.all.contains { $0.contains("operation=DescribeStream") && $0.contains("status=4") }
            }
        }
    }

    @Test func `requests that are sent ahead are answered in their order`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                let bodies = [#"{"StreamName":"gate"}"#, "{", #"{"StreamName":"a b"}"#]
                try await connection.send((0..<60).map { Request(body: bodies[$0 % 3]).text(server.port) }.joined() + "BREW\r\n\r\n")
                connection.endOutput()
                for number in 0..<60 {
                    #expect(try await connection.answer().status == [404, 400, 400][number % 3])
                }
                #expect(try await connection.answer().status == 400)
                #expect(await connection.isEnded())
            }
        }
    }

    @Test func `what takes too long to arrive is refused, and what is idle is closed`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.limits.arrival = .milliseconds(50)
        setup.limits.idle = .milliseconds(200)
        setup.limits.ending = .milliseconds(50)
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("POST /describeStream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
                let answer = try await connection.answer()
                #expect(answer.status == 408)
                #expect(answer.header("connection") == "close")
                #expect(await connection.isEnded())
            }
            try await RawConnection.with(server.port) { connection in #expect(await connection.isEnded()) }
            // The head alone, drop by drop, is no request.
            try await RawConnection.with(server.port) { connection in
                try await connection.send("POST /describeStream HTTP/1.1\r\nHo")
                #expect(await connection.isEnded())
            }
        }
    }

    @Test func `an answer that nobody reads is given up`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.limits.unread = .milliseconds(100)
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /source HTTP/1.1\r\nHost: localhost\r\n\r\n")
                try await eventually("it is given up") { server.streams.ends == ["ClientLeft"] }
            }
        }
    }

    @Test func `draining answers what has begun and closes what is idle`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { idle in
                try await RawConnection.with(server.port) { connection in
                    let text = Request().text(server.port)
                    try await connection.send(String(text.dropLast()))
                    try await RawConnection.with(server.port) { other in
                        try await other.send(Request().text(server.port))
                        #expect(try await other.answer().status == 404)
                    }
                    await server.drain()
                    #expect(await idle.isEnded())
                    try await connection.send(String(text.suffix(1)))
                    let answer = try await connection.answer()
                    #expect(answer.status == 404)
                    #expect(answer.header("connection") == "close")
                    #expect(await connection.isEnded())
                }
            }
        }
    }

    @Test func `an answer to HEAD has the length and not the body`() async throws {
        try await LoopbackGateway.with { server in
            let page = try await answer(server, Request(method: "HEAD", path: "/ready", body: ""))
            #expect(page.status == 200)
            #expect(page.header("content-length") == "6")
        }
    }

    @Test func `request ids do not tell how many there were`() {
        let ids = (0..<1000).map { _ in RequestID.next() }
        #expect(Set(ids).count == 1000)
        #expect(ids.allSatisfy { $0.count == 36 && Array($0)[14] == "4" && "89ab".contains(Array($0)[19]) })
        // No part of an id stays from one to the next more often than chance has it.
        for place in [0, 9, 15, 20, 30] {
            let same = zip(ids, ids.dropFirst()).count { Array($0)[place] == Array($1)[place] }
            #expect(same < 150, "place \(place): \(same)")
        }
    }
}
