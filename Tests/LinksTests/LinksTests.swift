import Crypto
import DequeModule
import Locking
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import Links

/// Links between instances of this process, over loopback.
@Suite(.timeLimit(.minutes(1))) struct LinksTests {
    @Test func `messages arrive in order, each once, and are answered`() async throws {
        try await Network.with(2) { network in
            let receiver = Collector()
            network[1].receive(.signaling, receiver)
            let answers = Lock<[LinkAnswer]>([])
            for number in 0..<1000 {
                let isOnItsWay = network[0].send(ByteBuffer(string: "\(number)"), .signaling, to: "i1") { answer in
                    answers.withLock { $0.append(answer) }
                }
                #expect(isOnItsWay)
            }
            await level { answers.withLock { $0.count } == 1000 }
            #expect(receiver.texts == (0..<1000).map { "i0:\($0)" })
            // The collector refuses what ends with 7.
            #expect(answers.withLock { $0.enumerated().allSatisfy { ($0.offset % 10 == 7) == ($0.element == .refused) } })
        }
    }

    @Test func `the end waits for what was started, and cancels it`() async throws {
        let links = try Links(instance: "i0", keys: { [SymmetricKey(size: .bits256)] }, logger: .quiet) { _ in nil }
        let begun = Lock(0)
        let done = Lock(0)
        for _ in 0..<10 {
            links.start {
                begun.withLock { $0 += 1 }
                while (try? await Task.sleep(for: .seconds(3600))) != nil {}
                for _ in 0..<1000 { await Task.yield() }
                done.withLock { $0 += 1 }
            }
        }
        await level { begun.withLock { $0 } == 10 }
        links.close()
        // What comes too late is cancelled from its beginning.
        links.start { done.withLock { $0 += Task.isCancelled ? 1 : 100 } }
        await links.ended()
        #expect(done.withLock { $0 } == 11)
    }

    @Test func `what breaks is made again, and nothing is lost or taken twice`() async throws {
        try await Network.with(2) { network in
            let receiver = Collector()
            network[1].receive(.signaling, receiver)
            let answers = Lock(0)
            for number in 0..<300 {
                _ = network[0].send(ByteBuffer(string: "\(number)"), .signaling, to: "i1") { _ in answers.withLock { $0 += 1 } }
                if number % 100 == 50 {
                    await level { receiver.texts.count > number - 50 }
                    network.breakConnections(to: 1)
                }
            }
            await level { answers.withLock { $0 } == 300 }
            #expect(receiver.texts == (0..<300).map { "i0:\($0)" })
        }
    }

    @Test func `an instance that is gone is told of at once`() async throws {
        try await Network.with(2) { network in
            let answered = Lock<LinkAnswer?>(nil)
            network.forget(1)
            _ = network[0].send(ByteBuffer(string: "a"), .signaling, to: "i1") { answer in answered.withLock { $0 = answer } }
            await level { answered.withLock { $0 } == .unreachable }
            await #expect(throws: LinkFailure.unreachable) { try await network[0].open(.media, ByteBuffer(), at: "i1") }
        }
    }

    @Test func `a closed port is told of at once, and the next attempt reaches it`() async throws {
        try await Network.with(2) { network in
            let receiver = Collector()
            network[1].receive(.signaling, receiver)
            let port = network.move(1, to: try await Network.closedPort())
            let answered = Lock<LinkAnswer?>(nil)
            _ = network[0].send(ByteBuffer(string: "a"), .signaling, to: "i1") { answer in answered.withLock { $0 = answer } }
            await level { answered.withLock { $0 } == .unreachable }
            _ = network.move(1, to: port)
            await level { network[0].send(ByteBuffer(string: "b"), .signaling, to: "i1") { _ in } }
            await level { receiver.texts == ["i0:b"] }
        }
    }

    @Test func `nobody gets in with another key, or under another name`() async throws {
        try await Network.with(2) { network in
            let receiver = Collector()
            network[1].receive(.signaling, receiver)
            let stranger = try Links(instance: "x", keys: { [SymmetricKey(size: .bits256)] }, logger: .quiet) {
                [address = network.address(1)] _ in
                address
            }
            defer { stranger.close() }
            let known = Lock<LinkAnswer?>(nil)
            _ = stranger.send(ByteBuffer(string: "a"), .signaling, to: "i1") { answer in known.withLock { $0 = answer } }
            let mistaken = try Links(instance: "y", keys: { [key = network.key] in [key] }, logger: .quiet) {
                [address = network.address(1)] _ in address
            }
            defer { mistaken.close() }
            _ = mistaken.send(ByteBuffer(string: "a"), .signaling, to: "i2") { _ in }
            await level { known.withLock { $0 } == .unreachable }
            #expect(receiver.texts.isEmpty)
        }
    }

    @Test func `a stream carries bytes in both directions, and no more than its reader takes`() async throws {
        try await Network.with(2) { network in
            let echo = Echo()
            network[1].receive(.media, echo)
            let stream = try await network[0].open(.media, ByteBuffer(string: "hello"), at: "i1")
            let total = 8 << 20
            async let written: Void = {
                for _ in 0..<(total >> 20) { try await stream.write(ByteBuffer(repeating: 7, count: 1 << 20)) }
                stream.finish()
            }()
            var read = 0
            while let bytes = try await stream.read() {
                #expect(bytes.readableBytesView.allSatisfy { $0 == 7 })
                read += bytes.readableBytes
            }
            try await written
            #expect(read == total)
            #expect(echo.requests.withLock { $0 } == ["hello"])
        }
    }

    @Test func `who does not read holds up its own stream alone`() async throws {
        try await Network.with(2) { network in
            let holder = Holder()
            network[1].receive(.media, holder)
            network[1].receive(.signaling, Collector())
            let stream = try await network[0].open(.media, ByteBuffer(), at: "i1")
            try await stream.write(ByteBuffer(repeating: 1, count: LinkStream.window))
            let isThrough = Lock(false)
            async let more: Void = {
                try await stream.write(ByteBuffer(repeating: 1, count: 1))
                isThrough.withLock { $0 = true }
            }()
            let answered = Lock(false)
            _ = network[0].send(ByteBuffer(string: "a"), .signaling, to: "i1") { _ in answered.withLock { $0 = true } }
            await level { answered.withLock { $0 } }
            #expect(!isThrough.withLock { $0 })
            holder.release()
            try await more
            stream.cancel()
        }
    }

    @Test func `a stream ends with its task, with the other side, and with the connection`() async throws {
        try await Network.with(2) { network in
            let holder = Holder()
            network[1].receive(.media, holder)
            let stream = try await network[0].open(.media, ByteBuffer(), at: "i1")
            let reading = Task { try await stream.read() }
            reading.cancel()
            await #expect(throws: LinkFailure.ended) { try await reading.value }
            let other = try await network[0].open(.media, ByteBuffer(), at: "i1")
            network.breakConnections(to: 1)
            await #expect(throws: LinkFailure.ended) { try await other.read() }
            await #expect(throws: LinkFailure.ended) { try await other.write(ByteBuffer(repeating: 1, count: 2 * LinkStream.window)) }
            holder.release()
            // No receiver.
            let refused = try await network[1].open(.media, ByteBuffer(), at: "i0")
            await #expect(throws: LinkFailure.ended) { try await refused.read() }
        }
    }

    @Test func `frames are read as they are written, and nothing else is`() {
        let frames: [LinkFrame] = [
            .hello(instance: "abc"), .message(1 << 40, 1, ByteBuffer(string: "m")), .answer(7, isTaken: true), .answer(8, isTaken: false),
            .open(3, 2, request: ByteBuffer(string: "r")), .data(3, ByteBuffer(string: "d")), .credit(3, 99), .end(3, isWhole: true),
            .end(4, isWhole: false),
        ]
        for frame in frames {
            var buffer = ByteBuffer()
            frame.write(to: &buffer)
            #expect(buffer.readInteger(as: UInt32.self) == UInt32(buffer.readableBytes))
            let whole = buffer
            #expect(LinkFrame(&buffer) == frame)
            for count in 0..<min(3, whole.readableBytes) {
                var part = whole.getSlice(at: whole.readerIndex, length: count) ?? ByteBuffer()
                #expect(LinkFrame(&part) == nil)
            }
        }
        var wrongVersion = ByteBuffer(bytes: [1, 2, 65])
        #expect(LinkFrame(&wrongVersion) == nil)
    }
}

/// Instances i0, i1 and so on, which know each other's addresses.
private final class Network: Sendable {
    let key = SymmetricKey(size: .bits256)
    private let all = Lock<[Links]>([])
    private let addresses = Lock<[String: String]>([:])

    static func with(_ count: Int, _ body: (Network) async throws -> Void) async throws {
        let network = Network()
        defer { for links in network.all.withLock({ $0 }) { links.close() } }
        for number in 0..<count {
            let links = try Links(instance: "i\(number)", keys: { [key = network.key] in [key] }, logger: .quiet) { name in
                network.addresses.withLock { $0[name] }
            }
            network.all.withLock { $0.append(links) }
            let port = try await links.listen(host: "127.0.0.1", port: 0)
            network.addresses.withLock { $0["i\(number)"] = "127.0.0.1:\(port)" }
        }
        try await body(network)
    }

    subscript(number: Int) -> Links { all.withLock { $0[number] } }
    func address(_ number: Int) -> String? { addresses.withLock { $0["i\(number)"] } }
    func forget(_ number: Int) { addresses.withLock { $0["i\(number)"] = nil } }

    /// Ends what others have connected to an instance, as a network does that is away for a moment.
    func breakConnections(to number: Int) {
        for channel in self[number].accepted { channel.close(promise: nil) }
    }

    /// Returns what the address was.
    func move(_ number: Int, to address: String) -> String {
        addresses.withLock { addresses in
            defer { addresses["i\(number)"] = address }
            return addresses["i\(number)"] ?? ""
        }
    }

    static func closedPort() async throws -> String {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 0
        try await channel.close()
        return "127.0.0.1:\(port)"
    }
}

private final class Collector: LinkReceiver {
    private let all = Lock<[String]>([])
    var texts: [String] { all.withLock { $0 } }

    func take(_ message: ByteBuffer, from instance: String) -> Bool {
        let text = String(buffer: message)
        all.withLock { $0.append("\(instance):\(text)") }
        return !text.hasSuffix("7")
    }

    func serve(_ stream: LinkStream, from instance: String) async {}
}

private final class Echo: LinkReceiver {
    let requests = Lock<[String]>([])

    func take(_ message: ByteBuffer, from instance: String) -> Bool { false }

    func serve(_ stream: LinkStream, from instance: String) async {
        requests.withLock { $0.append(String(buffer: stream.request)) }
        do {
            while let bytes = try await stream.read() { try await stream.write(bytes) }
            stream.finish()
        } catch {}
    }
}

/// Reads nothing until it is told to.
private final class Holder: LinkReceiver {
    private let isReleased = Lock(false)

    func release() { isReleased.withLock { $0 = true } }
    func take(_ message: ByteBuffer, from instance: String) -> Bool { false }

    func serve(_ stream: LinkStream, from instance: String) async {
        await level { isReleased.withLock { $0 } }
        while (try? await stream.read()) != nil {}
    }
}

extension Logger {
    fileprivate static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
}

/// Waits until something holds; the suite's limit of time is the deadline.
private func level(_ holds: @Sendable () -> Bool) async {
    while !holds() { try? await Task.sleep(for: .milliseconds(1)) }
}
