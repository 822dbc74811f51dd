import Glibc
import Locking
import SQL
import Testing

@testable import PostgresDriver

/// A network between the driver and the server that can be cut: relays a port of its own to the server's.
///
/// Threads: any may call; each direction of each connection is a thread, which ends with the connection.
final class Relay: Sendable {
    private final class Pair: Sendable {
        let client: Int32
        let server: Int32

        init(_ client: Int32, _ server: Int32) { (self.client, self.server) = (client, server) }
        deinit {
            Glibc.close(client)
            Glibc.close(server)
        }

        func cut() {
            shutdown(client, Int32(SHUT_RDWR))
            shutdown(server, Int32(SHUT_RDWR))
        }
    }

    private struct State {
        var listener: Int32 = -1
        var pairs: [Pair] = []
        var withholdsAnswers = false
    }

    private let target: UInt16
    private let state = Lock(State())
    /// Where to connect to; the same after `close` and `open`.
    let port: UInt16

    /// Not yet open: connections are refused.
    init(to target: UInt16) {
        self.target = target
        let (descriptor, port) = Self.bound(to: 0)
        Glibc.close(descriptor)
        self.port = port
    }

    /// Accepts connections from now on, and passes everything on.
    func open() throws {
        let (listener, _) = Self.bound(to: port)
        try #require(listener >= 0 && listen(listener, 64) == 0)
        state.withLock { ($0.listener, $0.withholdsAnswers) = (listener, false) }
        try SystemThread { [self] in
            while case let client = accept(listener, nil, nil), client >= 0 { connect(client) }
            Glibc.close(listener)
        }.detach()
    }

    /// What the server answers goes nowhere from now on.
    func withholdAnswers() {
        state.withLock { $0.withholdsAnswers = true }
    }

    /// Cuts every connection; new ones are accepted as before, and answers pass.
    func cut() {
        let pairs = state.withLock { state in
            defer { (state.pairs, state.withholdsAnswers) = ([], false) }
            return state.pairs
        }
        for pair in pairs { pair.cut() }
    }

    /// Refuses connections from now on and cuts those there are.
    func close() {
        let listener = state.withLock { state in
            defer { state.listener = -1 }
            return state.listener
        }
        if listener >= 0 { shutdown(listener, Int32(SHUT_RDWR)) }
        cut()
    }

    private func connect(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let pair = Pair(client, server)
        let isConnected = Self.withAddress(target) { Glibc.connect(server, $0, $1) } == 0
        guard isConnected else { return }
        state.withLock { $0.pairs.append(pair) }
        for (from, to, isAnswer) in [(client, server, false), (server, client, true)] {
            do throws(SystemThread.Failure) {
                try SystemThread { [self] in pump(pair, from, to, isAnswer) }.detach()
            } catch {
                pair.cut()
            }
        }
    }

    private func pump(_ pair: Pair, _ from: Int32, _ to: Int32, _ isAnswer: Bool) {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while case let count = recv(from, &buffer, buffer.count, 0), count > 0 {
            if isAnswer && state.withLock({ $0.withholdsAnswers }) { continue }
            var sent = 0
            while sent < count {
                let written = buffer.withUnsafeBytes {
                    send(to, $0.baseAddress?.advanced(by: sent), count - sent, Int32(MSG_NOSIGNAL))
                }
                guard written > 0 else { return pair.cut() }
                sent += written
            }
        }
        pair.cut()
    }

    private static func bound(to port: UInt16) -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var yes: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard withAddress(port, { bind(descriptor, $0, $1) }) == 0 else { return (-1, 0) }
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func withAddress(_ port: UInt16, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
    }
}
