import Dispatch
import NIOCore
import NIOEmbedded
import NIOPosix
import TestSupport
import Testing

@testable import Gateway

/// However many connect, those who are there are answered, and operators are.
@Suite struct ConnectionLimitTests {
    @Test func `an address has so many places, a proxy any number, and all together so many`() {
        let limits = ConnectionLimits(all: 20, perAddress: 3, isProxy: { $0 == "10.0.0.1" })
        #expect((0..<3).allSatisfy { _ in limits.enter("192.0.2.1") && !limits.isFullForCalls })
        #expect(!limits.enter("192.0.2.1"))
        #expect(limits.enter("192.0.2.2") && !limits.isFullForCalls)
        // Sixteen of the twenty are for operators.
        #expect((0..<16).allSatisfy { _ in limits.enter("10.0.0.1") && limits.isFullForCalls })
        #expect(!limits.enter("10.0.0.1"))
        #expect(limits.takeRefused() == 2)
        limits.leave("192.0.2.1")
        #expect(limits.enter("192.0.2.1") && limits.isFullForCalls)
        for _ in 0..<16 { limits.leave("10.0.0.1") }
        #expect(limits.enter("192.0.2.3") && limits.isFullForCalls)
        for address in ["192.0.2.3", "192.0.2.2"] { limits.leave(address) }
        #expect(limits.enter("192.0.2.3") && !limits.isFullForCalls)
    }

    @Test func `of a connection that has ended nothing is left`() async throws {
        try await LoopbackGateway.with { server in
            let isForgotten = try isForgotten(by: server.gateway)
            #expect(isForgotten)
        }
    }

    /// Whether a connection that came and went is not in memory any more.
    private func isForgotten(by gateway: Gateway) throws -> Bool {
        weak var handler: ConnectionHandler?
        do {
            let channel = EmbeddedChannel()
            let made = ConnectionHandler(
                gateway, Peer(address: "192.0.2.1", localPort: nil), channel.eventLoop, Turns(channel.eventLoop))
            handler = made
            try channel.pipeline.syncOperations.addHandler(made)
            try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
            _ = try channel.finish()
        }
        return handler == nil
    }

    @Test func `who waits for room is called once there is some`() {
        let limits = ConnectionLimits(all: 17)
        #expect(limits.hasRoom { Issue.record("there was room") })
        for number in 0..<17 { _ = limits.enter("192.0.2.\(number)") }
        nonisolated(unsafe) var calls = 0
        #expect(!limits.hasRoom { calls += 1 })
        limits.leave("192.0.2.1")
        limits.leave("192.0.2.2")
        #expect(calls == 1)
        #expect(limits.hasRoom {})
    }

    @Test func `a server that is full still says that it lives, and serves again`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.connections = ConnectionLimits(all: 20, perAddress: 20)
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { first in
                try await first.send(TestRequest().text(server.port))
                #expect(try await first.answer().status == 404)
                try await RawConnection.with(server.port) { second in
                    try await RawConnection.with(server.port) { third in
                        try await RawConnection.with(server.port) { fourth in
                            try await eventually("four are open") { setup.connections.open == 4 }
                            #expect(try await server.answer(TestRequest(method: "GET", path: "/live", body: "")).text == "live\n")
                            let refused = try await server.answer(TestRequest())
                            #expect(refused.status == 503)
                            // Those that are there go on.
                            for connection in [first, second, third, fourth] {
                                var connection = connection
                                try await connection.send(TestRequest().text(server.port))
                                #expect(try await connection.answer().status == 404)
                            }
                        }
                    }
                }
            }
            try await eventually("there is room") { try await server.answer(TestRequest()).status == 404 }
        }
    }

    /// Those whom the system keeps in its queue meanwhile would wait, and those beyond the queue for a second more.
    @Test func `connections are accepted while every loop of connections is busy`() async throws {
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        var setup = LoopbackGateway.Setup()
        setup.group = loops
        try await LoopbackGateway.with(setup) { server in
            let work = DispatchSemaphore(value: 0)
            loops.next().execute { work.wait() }
            defer { work.signal() }
            try await RawConnection.with(server.port) { first in
                try await RawConnection.with(server.port) { second in
                    try await eventually("two are accepted") { setup.connections.open == 2 }
                    work.signal()
                    for connection in [first, second] {
                        var connection = connection
                        try await connection.send(TestRequest().text(server.port))
                        #expect(try await connection.answer().status == 404)
                    }
                }
            }
        }
        try await loops.shutdownGracefully()
    }

    @Test func `connections of one address take turns, which nobody else waits for`() throws {
        let limits = ConnectionLimits(isProxy: { $0 == "192.0.2.3" })
        let listening = EmbeddedChannel(handler: AcceptGate(limits, Metrics()))
        let loop = EmbeddedEventLoop()
        func connect(_ address: String, _ count: Int) throws {
            for _ in 0..<count {
                let connection = EmbeddedChannel(loop: loop)
                connection.remoteAddress = try SocketAddress(ipAddress: address, port: 1)
                try listening.writeInbound(connection as any Channel)
            }
        }
        /// The addresses whose connections were passed on since this was last asked.
        func passedOn() throws -> [String: Int] {
            var counts: [String: Int] = [:]
            while let connection = try listening.readInbound(as: (any Channel).self) {
                counts[connection.remoteAddress?.ipAddress ?? "", default: 0] += 1
            }
            return counts
        }
        try connect("192.0.2.1", AcceptGate.most * 2 + 1)
        try connect("192.0.2.2", 1)
        try connect("192.0.2.3", AcceptGate.most + 1)
        #expect(try passedOn() == ["192.0.2.1": AcceptGate.most, "192.0.2.2": 1, "192.0.2.3": AcceptGate.most + 1])
        for rest in [AcceptGate.most, 1] {
            loop.advanceTime(by: AcceptGate.turn)
            listening.embeddedEventLoop.run()
            #expect(try passedOn() == ["192.0.2.1": rest])
        }
        // What waits when the server stops is closed with it.
        try connect("192.0.2.4", AcceptGate.most + 5)
        #expect(limits.open == AcceptGate.most * 4 + 8)
        _ = try listening.finish(acceptAlreadyClosed: true)
        loop.run()
        #expect(limits.open == AcceptGate.most * 4 + 3)
    }

    @Test func `an address that has all its places is refused, and others are not`() async throws {
        var setup = LoopbackGateway.Setup()
        setup.connections = ConnectionLimits(all: 100, perAddress: 1)
        try await LoopbackGateway.with(setup) { server in
            try await RawConnection.with(server.port) { first in
                try await first.send(TestRequest().text(server.port))
                #expect(try await first.answer().status == 404)
                try await RawConnection.with(server.port) { second in #expect(await second.isEnded()) }
            }
            try await eventually("the place is free") {
                (try? await server.answer(TestRequest()).status) == 404
            }
        }
    }
}
