import Contract
import Identity
import Locking
import NIOCore
import NIOHTTP1
import Planes

/// A WebSocket that sends back what it gets, `more N` as N messages of 1 KiB; `bye` disconnects it.
final class EchoSocket: SocketSession {
    /// How sockets of this process ended, by their paths' query.
    static let ended = Lock<[String: Int]>([:])

    private let name: String
    private let stays: Bool
    private let socket = Lock<(any Socket)?>(nil)

    private init(_ name: String) {
        self.name = name
        stays = name.contains("stays")
    }

    func opened(_ socket: any Socket) {
        self.socket.withLock { $0 = socket }
        if name.contains("greets") { socket.send(ByteBuffer(string: "hello")) }
    }

    func received(_ text: ByteBuffer) {
        let words = String(buffer: text).split(separator: " ")
        socket.withLock { socket in
            switch (words.first, words.last.flatMap { Int($0) }) {
            case ("more", let count?):
                for _ in 0..<count { socket?.send(ByteBuffer(repeating: UInt8(ascii: "m"), count: 1024)) }
            case ("bye", _): socket?.close(.goingAway)
            default: socket?.send(text)
            }
        }
    }

    func draining() -> Bool {
        if stays { socket.withLock { $0?.send(ByteBuffer(string: "go")) } }
        return stays
    }

    func ended() {
        socket.withLock { $0 = nil }
        Self.ended.withLock { $0[name, default: 0] += 1 }
    }

    /// Refuses with `?refused`.
    static func operation(_ rules: SocketRules) -> RoutedOperation {
        RoutedOperation(.get("/socket"), name: "EchoSocket", id: nil, api: .signaling, payload: .socket, isMutation: false) { input, _ in
            let name = input.head.uri.split(separator: "?").dropFirst().first.map(String.init) ?? ""
            return RequestedCall(Access(.signaling, "EchoSocket")) {
                RoutedCall(
                    resourceName: "echo",
                    answer: .socket { () async throws(OperationError) in
                        guard !name.hasPrefix("refused") else { throw OperationError(.resourceNotFound, "There is no such socket.") }
                        return AdmittedSocket(EchoSocket(name), rules)
                    })
            }
        }
    }
}

// The client's side of a WebSocket, byte by byte.
extension RawConnection {
    static let socketKey = "dGhlIHNhbXBsZSBub25jZQ=="

    /// Opens a WebSocket; returns the head of the answer.
    mutating func open(_ path: String = "/socket", headers: String = "", key: String = socketKey) async throws -> Answer {
        try await send(
            "GET \(path) HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
                + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: \(key)\r\n\(headers)\r\n")
        return Answer(head: try await text(upTo: "\r\n\r\n"), body: [])
    }

    /// Sends a frame, masked as those of clients are.
    func send(_ opcode: UInt8, _ data: [UInt8], isLast: Bool = true, isMasked: Bool = true, reserved: UInt8 = 0) async throws {
        try await send(Self.frame(opcode, data, isLast: isLast, isMasked: isMasked, reserved: reserved))
    }

    func send(message: String) async throws { try await send(1, Array(message.utf8)) }

    static func frame(
        _ opcode: UInt8, _ data: [UInt8], isLast: Bool = true, isMasked: Bool = true, reserved: UInt8 = 0
    ) -> ByteBuffer {
        var frame = ByteBuffer()
        frame.writeInteger((isLast ? 0x80 : 0) | reserved | opcode)
        let mask: UInt8 = isMasked ? 0x80 : 0
        switch data.count {
        case ...125: frame.writeInteger(mask | UInt8(data.count))
        case ...0xFFFF:
            frame.writeInteger(mask | 126)
            frame.writeInteger(UInt16(data.count))
        default:
            frame.writeInteger(mask | 127)
            frame.writeInteger(UInt64(data.count))
        }
        guard isMasked else {
            frame.writeBytes(data)
            return frame
        }
        let key: [UInt8] = [1, 2, 3, 4]
        frame.writeBytes(key)
        frame.writeBytes(data.enumerated().map { $1 ^ key[$0 % 4] })
        return frame
    }

    /// The next frame of the server, which must be a whole message and not masked.
    mutating func frame() async throws -> (opcode: UInt8, data: [UInt8]) {
        let head = try await bytes(2)
        guard head[0] & 0xF0 == 0x80, head[1] & 0x80 == 0 else { throw Ended() }
        var count = Int(head[1])
        if count == 126 { count = try await bytes(2).reduce(0) { $0 << 8 | Int($1) } }
        if count == 127 { count = try await bytes(8).reduce(0) { $0 << 8 | Int($1) } }
        return (head[0] & 0x0F, try await bytes(count))
    }

    /// The text of the next frame.
    mutating func message() async throws -> String {
        let (opcode, data) = try await frame()
        guard opcode == 1 else { throw Ended() }
        return String(decoding: data, as: UTF8.self)
    }

    /// The code of the server's goodbye, whatever messages come before it.
    mutating func goodbye() async throws -> Int {
        while true {
            let (opcode, data) = try await frame()
            if opcode == 8 { return data.prefix(2).reduce(0) { $0 << 8 | Int($1) } }
        }
    }
}
