import Contract
import Foundation
import Locking
import NIOCore
import Planes
import Synchronization
import TestSupport
import Testing

@testable import Gateway

/// WebSockets on real connections: how they are opened, what they carry, and how they end.
@Suite struct SocketTests {
    private static func setup(_ change: (inout SocketRules) -> Void) -> LoopbackGateway.Setup {
        var setup = LoopbackGateway.Setup()
        change(&setup.sockets)
        return setup
    }

    private static func ended(_ name: String) -> Int { EchoSocket.ended.withLock { $0[name] ?? 0 } }

    @Test(arguments: [false, true]) func `messages go both ways`(_ isTLS: Bool) async throws {
        var setup = LoopbackGateway.Setup()
        setup.isTLS = isTLS
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port, isTLS: isTLS) { connection in
                let name = "both-\(isTLS)-greets"
                let answer = try await connection.open("/socket?\(name)", headers: "Sec-WebSocket-Protocol: wss\r\n")
                #expect(answer.status == 101)
                // RFC 6455, section 1.3.
                #expect(answer.header("sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
                #expect(answer.header("upgrade") == "websocket" && answer.header("connection") == "Upgrade")
                #expect(answer.header("date") != nil && answer.header("x-amzn-requestid") != nil)
                // Nothing that was offered is agreed to.
                #expect(answer.header("sec-websocket-protocol") == nil && answer.header("sec-websocket-extensions") == nil)
                #expect(try await connection.message() == "hello")
                for size in [0, 1, 125, 126, 65_535, 65_536] {
                    let text = String(repeating: "x", count: size)
                    try await connection.send(message: text)
                    #expect(try await connection.message() == text)
                }
                try await connection.send(8, [0x03, 0xE8])
                #expect(try await connection.goodbye() == 1000)
                #expect(await connection.isEnded())
                try await eventually("it has ended") { Self.ended(name) == 1 }
            }
            server.gateway.accessLog.flush()
            #expect(server.log.all.contains { $0.contains("status=101") && $0.contains("operation=EchoSocket") })
            #expect(
                server.log.all.contains {
                    $0.contains("socket_ended") && $0.contains("messages_in=6") && $0.contains("messages_out=7")
                        && $0.contains("close=1000")
                })
            #expect(server.gateway.openSockets.load(ordering: .relaxed) == 0)
        }
    }

    /// What is sent behind the request, in the same packet, is not lost. Of pings that come at once the newest is answered.
    @Test func `a client that does not wait for the answer is understood`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                var bytes = ByteBuffer(
                    string: "GET /socket?early HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(RawConnection.socketKey)\r\n\r\n")
                for (opcode, text) in [(1, "early"), (9, "one"), (9, "two")] {
                    var frame = RawConnection.frame(UInt8(opcode), Array(text.utf8))
                    bytes.writeBuffer(&frame)
                }
                try await connection.send(bytes)
                #expect(try await connection.text(upTo: "\r\n\r\n").contains("101"))
                let pong = try await connection.frame()
                #expect(pong.opcode == 10 && pong.data == Array("two".utf8))
                #expect(try await connection.message() == "early")
            }
        }
    }

    @Test func `fragments are one message, with pings between them`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                try await connection.send(1, Array("one ".utf8), isLast: false)
                try await connection.send(9, Array("there?".utf8))
                try await connection.send(0, Array("and ".utf8), isLast: false)
                try await connection.send(0, Array("two".utf8))
                let pong = try await connection.frame()
                #expect(pong.opcode == 10 && pong.data == Array("there?".utf8))
                #expect(try await connection.message() == "one and two")
            }
        }
    }

    /// What a client sends, and the code that it is told.
    @Test(
        arguments: [
            ("binary", [(2, 1, true, true, 0)], 1003), ("unmasked", [(1, 1, true, false, 0)], 1002),
            ("reserved", [(1, 1, true, true, 0x40)], 1002), ("opcode", [(3, 1, true, true, 0)], 1002),
            ("continuation", [(0, 1, true, true, 0)], 1002), ("two", [(1, 1, false, true, 0), (1, 1, true, true, 0)], 1002),
            ("ping in parts", [(9, 1, false, true, 0)], 1002), ("long ping", [(9, 126, true, true, 0)], 1002),
            ("large", [(1, 1001, true, true, 0)], 1009), ("large in parts", [(1, 600, false, true, 0), (0, 600, true, true, 0)], 1009),
        ] as [(String, [(Int, Int, Bool, Bool, Int)], Int)])
    func `what is no message ends the socket`(_ name: String, _ frames: [(Int, Int, Bool, Bool, Int)], _ code: Int) async throws {
        try await LoopbackGateway.with(Self.setup { $0.messageLimit = 1000 }) { server in
            try await RawConnection.with(server.port) { connection in
                let name = "no-message-" + name.replacing(" ", with: "-")
                _ = try await connection.open("/socket?\(name)")
                for (opcode, size, isLast, isMasked, reserved) in frames {
                    try await connection.send(
                        UInt8(opcode), Array(repeating: 0x61, count: size), isLast: isLast, isMasked: isMasked, reserved: UInt8(reserved))
                }
                #expect(try await connection.goodbye() == code)
                #expect(Self.ended(name) == 1)
            }
        }
    }

    /// RFC 6455, sections 5.6 and 8.1, and RFC 3629, section 3: what bytes are no text. A character may be cut in two by fragments.
    @Test(
        arguments: [
            ([[0xC3]], false), ([[0xFF]], false), ([[0xC0, 0x80]], false), ([[0xED, 0xA0, 0x80]], false),
            ([[0xF4, 0x90, 0x80, 0x80]], false), ([[0x61, 0xC3], [0x61]], false), ([[0x61, 0xC3], []], false),
            ([[0xFF], [0x61]], false), ([[0x61, 0xC3], [0xBC]], true), ([[0xF0], [0x9F], [0x8E], [0xA5]], true), ([[0], [0x7F]], true),
        ] as [([[UInt8]], Bool)])
    func `a message is text in UTF-8`(_ fragments: [[UInt8]], _ isText: Bool) async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                for (place, bytes) in fragments.enumerated() {
                    try await connection.send(place == 0 ? 1 : 0, bytes, isLast: place == fragments.count - 1)
                }
                if isText {
                    #expect(try await connection.frame().data == fragments.flatMap { $0 })
                } else {
                    #expect(try await connection.goodbye() == 1007)
                }
            }
        }
    }

    /// What a client says as it leaves, and the code that it is told: the same, unless no client may say it.
    @Test(
        arguments: [
            ([0x03, 0xE8], 1000), ([0x03, 0xE9, 0x62, 0x79, 0x65], 1001), ([0x0B, 0xB8], 3000), ([0x13, 0x87], 4999),
            ([0x61], 1002), ([0x00, 0x00], 1002), ([0x03, 0xE7], 1002), ([0x03, 0xEC], 1002), ([0x03, 0xED], 1002), ([0x03, 0xF7], 1002),
            ([0x13, 0x88], 1002), ([0x03, 0xE8, 0xC3, 0xBC], 1000), ([0x03, 0xE8, 0xC3], 1007),
        ] as [([UInt8], Int)])
    func `a goodbye is answered`(_ data: [UInt8], _ code: Int) async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                try await connection.send(8, data)
                #expect(try await connection.goodbye() == code)
                #expect(await connection.isEnded())
            }
        }
    }

    @Test func `fragments without end end the socket`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                try await connection.send(1, [], isLast: false)
                var many = ByteBuffer()
                for _ in 0..<1024 {
                    var frame = RawConnection.frame(0, [], isLast: false)
                    many.writeBuffer(&frame)
                }
                try await connection.send(many)
                #expect(try await connection.goodbye() == 1009)
            }
        }
    }

    @Test func `a client that does not read is disconnected`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open("/socket?slow")
                try await connection.send(message: "more 201")
                #expect(try await connection.goodbye() == 1008)
                try await eventually("it has ended") { Self.ended("slow") == 1 }
            }
        }
    }

    /// A head, and what it is answered with.
    @Test(
        arguments: [
            ("", 404, "UnknownOperationException"),
            ("Upgrade: websocket\r\n", 404, "UnknownOperationException"),
            ("Upgrade: h2c\r\nConnection: Upgrade\r\n", 404, "UnknownOperationException"),
            ("Upgrade: websocket\r\nConnection: Upgrade\r\n", 400, "MalformedHttpRequestException"),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                400, "MalformedHttpRequestException"
            ),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: c2hvcnQ=\r\n", 400,
                "MalformedHttpRequestException"
            ),
            (
                "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                    + "Content-Length: 2\r\n", 400, "MalformedHttpRequestException"
            ),
        ] as [(String, Int, String)])
    func `what asks for no WebSocket gets an answer`(_ headers: String, _ status: Int, _ type: String) async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send("GET /socket HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == status && answer.header("x-amzn-errortype") == type)
                #expect(answer.header("date") != nil && answer.text.contains("WebSocket"))
                // RFC 6455, section 4.4.
                #expect(answer.header("sec-websocket-version") == (status == 400 ? "13" : nil))
            }
        }
    }

    @Test func `a refusal comes before the WebSocket, with status, type, text and date`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(
                    "GET /socket?refused HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(RawConnection.socketKey)\r\n\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == 404 && answer.header("x-amzn-errortype") == "ResourceNotFoundException")
                #expect(answer.text == #"{"Message":"There is no such socket."}"#)
                #expect(answer.header("date") != nil)
                #expect(await connection.isEnded())
            }
        }
        try await LoopbackGateway.with(.init(authentication: .signature(regions: nil))) { server in
            try await RawConnection.with(server.port) { connection in
                try await connection.send(
                    "GET /socket HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(RawConnection.socketKey)\r\n\r\n")
                let answer = try await connection.answer()
                #expect(answer.status == 403 && answer.header("x-amzn-errortype") == "MissingAuthenticationTokenException")
            }
        }
        var setup = LoopbackGateway.Setup()
        setup.serves = [.controlPlane]
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { connection in
                let status = try await connection.open().status
                #expect(status == 503)
            }
        }
    }

    @Test func `the server disconnects, and does not wait for ever for the client's goodbye`() async throws {
        try await LoopbackGateway.with { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open("/socket?bye")
                try await connection.send(message: "last")
                try await connection.send(message: "bye")
                #expect(try await connection.message() == "last")
                #expect(try await connection.goodbye() == 1001)
                #expect(Self.ended("bye") == 1)
                #expect(await connection.isEnded())
            }
        }
    }

    @Test func `whoever answers no ping is gone, and whoever does stays`() async throws {
        try await LoopbackGateway.with(Self.setup { $0.ping = .milliseconds(200) }) { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open("/socket?silent")
                #expect(try await connection.frame().opcode == 9)
                #expect(try await connection.frame().opcode == 9)
                #expect(await connection.isEnded())
                try await eventually("it has ended") { Self.ended("silent") == 1 }
            }
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open("/socket?answers")
                for _ in 0..<4 {
                    #expect(try await connection.frame().opcode == 9)
                    try await connection.send(10, [])
                }
                #expect(Self.ended("answers") == 0)
            }
        }
    }

    @Test func `silence and age end a socket, and answers to our pings are no sign of life`() async throws {
        try await LoopbackGateway.with(Self.setup { ($0.silence, $0.ping) = (.seconds(1), .milliseconds(300)) }) { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                while true {
                    let (opcode, data) = try await connection.frame()
                    guard opcode == 9 else {
                        #expect(opcode == 8 && data.prefix(2) == [0x03, 0xE9])
                        break
                    }
                    try await connection.send(10, [])
                }
            }
        }
        try await LoopbackGateway.with(Self.setup { $0.longest = .milliseconds(100) }) { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                #expect(try await connection.goodbye() == 1001)
            }
        }
    }

    @Test func `sockets go when the instance stops, those that can be told after they were`() async throws {
        try await LoopbackGateway.with(Self.setup { $0.grace = .milliseconds(100) }) { server in
            try await RawConnection.with(server.port) { told in
                _ = try await told.open("/socket?stays")
                try await RawConnection.with(server.port) { untold in
                    _ = try await untold.open("/socket?goes")
                    await server.drain()
                    #expect(try await untold.goodbye() == 1001)
                }
                #expect(try await told.message() == "go")
                #expect(try await told.goodbye() == 1001)
            }
            try await eventually("both have ended") { Self.ended("stays") == 1 && Self.ended("goes") == 1 }
        }
    }

    @Test func `a socket takes a place among the connections and gives it back`() async throws {
        try await LoopbackGateway.with(.init(connections: ConnectionLimits(all: 100, perAddress: 1))) { server in
            try await RawConnection.with(server.port) { connection in
                _ = try await connection.open()
                try await eventually("it is counted") { server.gateway.openSockets.load(ordering: .relaxed) == 1 }
                await #expect(throws: (any Error).self) {
                    try await RawConnection.with(server.port) { second in
                        _ = try await second.open()
                    }
                }
            }
            try await eventually("it is given back") { server.gateway.openSockets.load(ordering: .relaxed) == 0 }
        }
    }
}
