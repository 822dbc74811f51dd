import Foundation
import NIOHTTP1
import Planes
import TestSupport
import Testing

@testable import Gateway

/// The forms in which official clients, browsers and proxies send their requests, and those that two readers could take for two requests.
@Suite struct ClientFormTests {
    @Test func `what clients sign in forms of their own is accepted`() async throws {
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            let (key, port) = (server.key, server.port)
            var failures: [String] = []
            let rows: [(what: String, request: TestRequest)] = [
                ("the host without its port", TestRequest(signedHost: "127.0.0.1", key: key)),
                ("the default port", TestRequest(host: "kvs.example.com", signedHost: "kvs.example.com:443", key: key)),
                ("IPv6 without brackets", TestRequest(host: "[::1]:\(port)", signedHost: "::1:\(port)", key: key)),
                ("IPv6 without brackets and port", TestRequest(host: "[::1]", signedHost: "::1", key: key)),
                // RequestSigner signs a path of its own making as it is; the service's form has one slash.
                ("two slashes, signed as one", TestRequest(path: "//describeStream", signedPath: "/describeStream", key: key)),
                ("two slashes, signed as two", TestRequest(path: "//describeStream", signedPath: "//describeStream", key: key)),
                (
                    "a length that a proxy took away",
                    TestRequest(signedOnly: [("Content-Length", "21")], isChunked: true, key: key)
                ),
                ("a Connection that a proxy took away", TestRequest(signedOnly: [("Connection", "keep-alive")], key: key)),
            ]
            for row in rows {
                let answer = try await server.answer(row.request)
                if answer.status != 404 || answer.header("x-amzn-errortype") != "ResourceNotFoundException" {
                    failures.append("\(row.what): \(answer.status) \(answer.text)")
                }
            }
            let lies = [
                TestRequest(signedHost: "127.0.0.2", key: key), TestRequest(host: "[::1]:\(port)", signedHost: "::2:\(port)", key: key),
                TestRequest(path: "//describeStream", signedPath: "/listStreams", key: key),
                TestRequest(signedOnly: [("Content-Length", "20")], isChunked: true, key: key),
                TestRequest(signedOnly: [("Connection", "close")], key: key),
            ]
            for lie in lies where try await server.answer(lie).status != 403 { failures.append("\(lie) was accepted") }
            #expect(failures.isEmpty, "\(failures.joined(separator: "\n"))")
        }
    }

    @Test func `a request that could be read in two ways is refused`() async throws {
        try await LoopbackGateway.with { server in
            let rows = [
                "POST /listStreams HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
                "POST /listStreams HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
                "POST /listStreams HTTP/1.0\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /listStreams HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /listStreams HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
                "POST /listStreams HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: gzip\r\n\r\n",
                "POST /listStreams HTTP/1.1\r\nHost : 127.0.0.1\r\nContent-Length: 0\r\n\r\n",
                "POST /listStreams HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +0\r\n\r\n",
            ]
            for raw in rows {
                try await RawConnection.with(server.port) { connection in
                    try await connection.send(raw)
                    let answer = try await connection.answer()
                    #expect(answer.status == 400, "\(raw): \(answer.status)")
                }
            }
            // HTTP/1.0 has no need of a Host.
            try await RawConnection.with(server.port) { connection in
                try await connection.send("POST /listStreams HTTP/1.0\r\nContent-Length: 0\r\n\r\n")
                #expect(try await connection.answer().status == 200)
            }
        }
    }

    @Test func `headers of a signature that are missing or there twice are refused`() async throws {
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            let good = TestRequest(headers: [("X-Extra", "one")], key: server.key).text(server.port)
            /// The request with each line that begins so replaced by others.
            func with(_ name: String, _ lines: (String) -> [String]) -> String {
                let end = good.firstRange(of: "\r\n\r\n") ?? good.endIndex..<good.endIndex
                let head = good[..<end.lowerBound].components(separatedBy: "\r\n").flatMap { line in
                    line.lowercased().hasPrefix(name) ? lines(line) : [line]
                }
                return head.joined(separator: "\r\n") + good[end.lowerBound...]
            }
            let rows: [(what: String, text: String, status: Int)] = [
                ("as it is", good, 404),
                ("no Authorization", with("authorization:") { _ in [] }, 403),
                ("two of Authorization", with("authorization:") { [$0, "Authorization: Bearer x"] }, 403),
                ("another one before", with("authorization:") { ["Authorization: Bearer x", $0] }, 403),
                ("no date", with("x-amz-date:") { _ in [] }, 403),
                ("two dates", with("x-amz-date:") { [$0, "X-Amz-Date: 20200101T000000Z"] }, 403),
                ("another date before", with("x-amz-date:") { ["X-Amz-Date: 20200101T000000Z", $0] }, 403),
                ("a signed header is missing", with("x-extra:") { _ in [] }, 403),
                ("a signed header is there twice", with("x-extra:") { [$0, $0] }, 403),
                ("a signed header is split", with("x-extra:") { _ in ["X-Extra: o", "X-Extra: ne"] }, 403),
                ("two hosts", with("host:") { [$0, $0] }, 400),
                ("two lengths", with("content-length:") { [$0, "Content-Length: 0"] }, 400),
                (
                    "also signed in the query",
                    good.replacing("POST /describeStream", with: "POST /describeStream?X-Amz-Algorithm=AWS4-HMAC-SHA256"), 403
                ),
            ]
            for row in rows {
                try await RawConnection.with(server.port) { connection in
                    try await connection.send(row.text)
                    let answer = try await connection.answer()
                    #expect(answer.status == row.status, "\(row.what): \(answer.status) \(answer.text)")
                }
            }
        }
    }

    @Test func `without signatures only loopback names are served, and no foreign page`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.corsOrigins = ["https://console.example"]
        try await LoopbackGateway.with(setup) { server in
            let refused: [TestRequest] = [
                TestRequest(host: "evil.example"), TestRequest(host: "evil.example:7080"), TestRequest(host: "127.0.0.1.evil.example"),
                TestRequest(host: "192.168.1.2:7080"), TestRequest(host: "127.0.0.256"),
                TestRequest(headers: [("Sec-Fetch-Site", "cross-site")]), TestRequest(headers: [("Sec-Fetch-Site", "same-site")]),
                TestRequest(headers: [("Origin", "https://evil.example")]),
            ]
            for request in refused {
                let answer = try await server.answer(request)
                #expect(answer.status == 403, "\(request)")
                #expect(answer.header("x-amzn-errortype") == "AccessDeniedException")
            }
            let served: [TestRequest] = [
                TestRequest(host: "localhost"), TestRequest(host: "LOCALHOST:7080"), TestRequest(host: "127.1.2.3:1"),
                TestRequest(host: "[::1]:7080"), TestRequest(headers: [("Sec-Fetch-Site", "same-origin")]),
                TestRequest(headers: [("Origin", "https://console.example"), ("Sec-Fetch-Site", "cross-site")]),
            ]
            for request in served { #expect(try await server.answer(request).status == 404, "\(request)") }
        }
    }

    @Test func `an echoed endpoint has the port that the client came in on`() async throws {
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            _ = try await server.answer(TestRequest(path: "/createStream", key: server.key))
            func endpoint(_ host: String) async throws -> String {
                let request = TestRequest(
                    path: "/getDataEndpoint", host: host, body: #"{"StreamName":"gate","APIName":"PUT_MEDIA"}"#, key: server.key)
                return try await server.answer(request).text
            }
            #expect(try await endpoint("127.0.0.1") == #"{"DataEndpoint":"http://127.0.0.1:\#(server.port)"}"#)
            #expect(try await endpoint("[::1]") == #"{"DataEndpoint":"http://[::1]:\#(server.port)"}"#)
            #expect(try await endpoint("kvs.example.com:8443") == #"{"DataEndpoint":"http://kvs.example.com:8443"}"#)
        }
        var behind = LoopbackGateway.Setup(authentication: .signature(regions: nil))
        behind.connections = ConnectionLimits(isProxy: { $0 == "127.0.0.1" })
        try await LoopbackGateway.with(behind) { server in
            _ = try await server.answer(TestRequest(path: "/createStream", key: server.key))
            let request = TestRequest(
                path: "/getDataEndpoint", host: "kvs.example.com", body: #"{"StreamName":"gate","APIName":"PUT_MEDIA"}"#, key: server.key)
            #expect(try await server.answer(request).text == #"{"DataEndpoint":"http://kvs.example.com"}"#)
        }
    }

    @Test(arguments: ["amz-sdk-invocation-id", "aws-sdk-invocation-id"])
    func `a call that is repeated under its name is made once, in each region`(header: String) async throws {
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            func create(_ region: String, _ id: String) async throws -> RawConnection.Answer {
                try await server.answer(TestRequest(path: "/createStream", region: region, headers: [(header, id)], key: server.key))
            }
            let first = try await create("eu-west-1", "call-1")
            #expect(first.status == 200)
            #expect(try await create("eu-west-1", "call-1").text == first.text)
            #expect(try await create("eu-west-1", "call-2").header("x-amzn-errortype") == "ResourceInUseException")
            let elsewhere = try await create("us-west-2", "call-1")
            #expect(elsewhere.status == 200)
            #expect(elsewhere.text.contains(":us-west-2:"))
        }
    }
}

/// Where inputs are read from that are not in the body.
@Suite struct CallInputTests {
    @Test func `headers and parameters of the query are found by their names`() {
        let head = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: "/path?a=1&name=gate%207+b%C3%A9&empty=&flag&a=2&bad=%4",
            headers: ["X-Amzn-Stream-Name": "gate"])
        let input = CallInput(head: head, body: UnsafeRawBufferPointer(start: nil, count: 0))
        #expect(input.header("x-amzn-stream-name") == "gate")
        #expect(input.header("x-amzn-stream-arn") == nil)
        #expect(input.query("a") == "1")
        #expect(input.query("name") == "gate 7 bé")
        #expect(input.query("empty") == "")
        #expect(input.query("flag") == "")
        #expect(input.query("bad") == "%4")
        #expect(input.query("path") == nil)
        #expect(CallInput(head: HTTPRequestHead(version: .http1_1, method: .GET, uri: "/"), body: input.body).query("a") == nil)
    }
}
