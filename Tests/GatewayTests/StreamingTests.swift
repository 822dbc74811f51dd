import Foundation
import Locking
import NIOCore
import TestSupport
import Testing

@testable import Gateway

/// Streams in and out, over plain connections and over TLS: back-pressure both ways, bounded memory, ends that are told apart.
@Suite(.serialized) struct StreamingTests {
    /// How much goes each way: ops/bench says more.
    private static let megabytes = Int(ProcessInfo.processInfo.environment["WEIR_STREAM_MEGABYTES"] ?? "") ?? 64

    private static let head = "POST /echo HTTP/1.1\r\nHost: localhost\r\n"

    @Test(arguments: [false, true]) func `an echo of many megabytes takes little memory`(isTLS: Bool) async throws {
        try await LoopbackGateway.with(.init(isTLS: isTLS)) { server in
            try await RawConnection.with(server.port, isTLS: isTLS) { connection in
                let count = Self.megabytes << 20
                let before = try residentBytes()
                let start = ContinuousClock.now
                let sender = connection.sender
                try await connection.send(Self.head + "Content-Length: \(count)\r\n\r\n")
                async let sent: Void = {
                    let piece = ByteBuffer(repeating: UInt8(ascii: "e"), count: 65_536)
                    for number in 0..<Self.megabytes * 16 {
                        // The client's own buffers have no bound: what is measured is the server's.
                        if number % 64 == 0 {
                            try await eventually("the server takes it") { number << 16 < server.streams.bytes + (8 << 20) }
                        }
                        try await sender.write(piece)
                    }
                }()
                let head = try await connection.text(upTo: "\r\n\r\n")
                #expect(head.hasPrefix("HTTP/1.1 200 "))
                #expect(head.contains("x-echo: yes"))
                var received = 0
                var most = before
                var furthest = 0
                while received < count {
                    let size = Int(try await connection.text(upTo: "\r\n"), radix: 16) ?? 0
                    guard size > 0 else { break }
                    received += try await connection.skip(size)
                    _ = try await connection.bytes(2)
                    furthest = max(furthest, server.streams.bytes - received)
                    if received & 0xF_FFFF < size { most = max(most, try residentBytes()) }
                }
                try await sent
                #expect(received == count)
                #expect(try await connection.text(upTo: "\r\n") == "0")
                // What the echo has taken and the client has not is all that can be held.
                #expect(furthest < 24 << 20, "\(furthest >> 20) MiB ahead")
                let seconds =
                    Double((ContinuousClock.now - start).components.attoseconds) * 1e-18
                    + Double((ContinuousClock.now - start).components.seconds)
                print(
                    "echo\(isTLS ? " over TLS" : ""): \(Self.megabytes) MiB each way, \(Int(Double(Self.megabytes) / seconds)) MiB/s, "
                        + "\((most - before) >> 20) MiB of memory")
            }
        }
    }

    @Test func `a client that does not read is not read from, and gets all of it once it reads`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                let count = Self.megabytes << 20
                let sender = connection.sender
                try await connection.send(Self.head + "Content-Length: \(count)\r\n\r\n")
                async let sent: Void = {
                    let piece = ByteBuffer(repeating: UInt8(ascii: "e"), count: 65_536)
                    for _ in 0..<Self.megabytes * 16 { try await sender.write(piece) }
                }()
                // The buffers between the two ends fill up, and then the echo stands still.
                var taken = -1
                try await eventually("the echo stands still") {
                    defer { taken = server.streams.bytes }
                    guard server.streams.bytes > 0, server.streams.bytes == taken else { return false }
                    for _ in 0..<50 {
                        try await Task.sleep(for: .milliseconds(2))
                        guard server.streams.bytes == taken else { return false }
                    }
                    return true
                }
                #expect(server.streams.bytes < count / 2)
                _ = try await connection.text(upTo: "\r\n\r\n")
                var received = 0
                while received < count {
                    let size = Int(try await connection.text(upTo: "\r\n"), radix: 16) ?? 0
                    received += try await connection.skip(size)
                    _ = try await connection.bytes(2)
                }
                try await sent
                #expect(received == count)
            }
        }
    }

    @Test func `a slow reader holds its source back`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /source HTTP/1.1\r\nHost: localhost\r\n\r\n")
                _ = try await connection.text(upTo: "\r\n\r\n")
                try await eventually("it has begun") { server.streams.bytes > 0 }
                #expect(server.streams.bytes < 64 << 20)
            }
            try await eventually("it ends with its client") { server.streams.ends == ["ClientLeft"] }
            try await eventually("it is told") {
                server.gateway.accessLog.flush()
                return server.log.all.contains {
                    $0.contains("operation=Source") && $0.contains("client=left") && $0.contains("status=200")
                }
            }
        }
    }

    @Test func `a body in chunks is echoed as it comes`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
                _ = try await connection.text(upTo: "\r\n\r\n")
                #expect(try await connection.text(upTo: "\r\n") == "5")
                #expect(try await connection.text(upTo: "\r\n") == "first")
                try await connection.send("6\r\nsecond\r\n0\r\n\r\n")
                #expect(try await connection.text(upTo: "\r\n") == "6")
                #expect(try await connection.text(upTo: "\r\n") == "second")
                #expect(try await connection.text(upTo: "\r\n\r\n") == "0")
                // The connection goes on.
                try await connection.send("GET /source?bytes=3 HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await connection.answer().text == "sss")
            }
        }
    }

    @Test func `a client that waits for permission gets it once it is admitted, and a stranger never`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n")
                #expect(try await connection.text(upTo: "\r\n\r\n") == "HTTP/1.1 100 Continue")
                try await connection.send("ab")
                #expect(try await connection.answer().text == "ab")
            }
        }
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == 403)
                #expect(answer.header("connection") == "close")
                #expect(await connection.isEnded())
                #expect(server.streams.began == 0)
            }
        }
    }

    @Test func `a client that goes away ends its stream at once`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Content-Length: 1000\r\n\r\nsome")
                try await eventually("it is there") { server.streams.bytes == 4 }
            }
            try await eventually("it has ended") { server.streams.ends.count == 1 }
            #expect(server.streams.ends != ["whole"])
        }
    }

    @Test func `a stream that breaks off is no whole answer`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /failing HTTP/1.1\r\nHost: localhost\r\n\r\n")
                #expect(try await connection.text(upTo: "\r\n\r\n").contains("200 OK"))
                #expect(try await connection.text(upTo: "half") == "4\r\n")
                await #expect(throws: (any Error).self) { _ = try await connection.text(upTo: "0\r\n\r\n") }
            }
        }
    }

    @Test func `a stream that is refused before it begins gets the refusal`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /failing?early HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == 404)
                #expect(answer.header("x-amzn-errortype") == "ResourceNotFoundException")
                #expect(answer.text == #"{"Message":"There is nothing to stream."}"#)
            }
        }
    }

    @Test func `a stream is told to end when the instance stops, and what it says then arrives`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Content-Length: 1000\r\n\r\nsome")
                try await eventually("it is there") { server.streams.bytes == 4 }
                await server.drain()
                _ = try await connection.text(upTo: "some")
                #expect(try await connection.text(upTo: "draining").isEmpty == false)
                #expect(try await connection.text(upTo: "0\r\n\r\n") == "\r\n")
                #expect(await connection.isEnded())
                #expect(server.streams.state.withLock { $0.isToldDraining })
                #expect(server.streams.ends == ["draining"])
            }
        }
    }

    @Test func `a body that falls silent is given up`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.silence = .milliseconds(50)
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(Self.head + "Content-Length: 1000\r\n\r\nsome")
                try await eventually("it is given up") { server.streams.ends == ["silent"] }
            }
        }
    }

    @Test func `a client of HTTP 1.0 gets a stream that ends with the connection`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /source?bytes=5 HTTP/1.0\r\nHost: localhost\r\n\r\n")
                let head = try await connection.text(upTo: "\r\n\r\n")
                #expect(!head.contains("chunked"))
                #expect(head.contains("Connection: close"))
                #expect(try await connection.text(upTo: "sssss").isEmpty)
                #expect(await connection.isEnded())
            }
        }
    }
}

/// What this process holds in memory now.
private func residentBytes() throws -> Int {
    let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(fields[1]) ?? 0) * 4096
}
