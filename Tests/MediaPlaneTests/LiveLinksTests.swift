import Contract
import Crypto
import Foundation
import FragmentStore
import Identity
import Locking
import Logging
import Matroska
import NIOCore
import ObjectStore
import SQL
import Store
import Synchronization
import TestSupport
import Testing

@testable import Links
@testable import MediaPlane

/// Two instances that share a database and a bucket, and reach each other over loopback.
@Suite(.timeLimit(.minutes(5))) struct LiveLinksTests {
    private static let start = Int(Date.now.timeIntervalSince1970 * 1000) - 60_000

    @Test(arguments: Engine.allCases) func `what one receives is read at the other as it comes`(_ engine: Engine) async throws {
        try await Pair.with(engine) { pair in
            _ = try await pair.one.store.createActive("gate")
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start, [0, 40], size: 5000)
            let first = film.bytes.count
            producer.send(film.bytes)
            _ = try await producer.line("BUFFERING")
            let reader = try await pair.two.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            // The last block is known as whole with what follows it.
            try await eventually("a block is there before its fragment is whole") { reader.bytes.count > 5000 }
            #expect(!producer.lines.contains { $0.contains("RECEIVED") })
            film.frame(80, size: 300_000)
            film.cluster(Self.start + 2000)
            film.endOfFragment()
            producer.send(Array(film.bytes[first...]))
            try await eventually("two are stored") { producer.lines.filter { $0.contains("PERSISTED") }.count == 2 }
            try await eventually("both are read") { try reader.whole.count == 2 }
            producer.finish()
            try await producer.over()
            reader.drain()
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.compactMap(\.number) == producer.lines.filter { $0.contains("PERSISTED") }.compactMap(\.number))
            #expect(read.map(\.blocks) == [[0, 40, 80].map { Self.start + $0 }, [0, 40, 80].map { Self.start + 2000 + $0 }])
            #expect(read.allSatisfy { $0.clusters == 1 && $0.before.count == 1 && $0.after.count == 1 })
        }
    }

    @Test func `a stream without retention is read at the other, while it comes`() async throws {
        try await Pair.with(.sqlite) { pair in
            _ = try await pair.one.store.create(.named("gate", retention: 0))
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start)
            let first = film.bytes.count
            producer.send(film.bytes)
            let reader = try await pair.two.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it has begun") { !reader.bytes.isEmpty }
            film.cluster(Self.start + 2000)
            film.endOfFragment()
            producer.send(Array(film.bytes[first...]))
            try await eventually("both are there") { try reader.whole.count == 2 }
            producer.finish()
            try await producer.over()
            reader.drain()
            try await reader.over()
            let received = producer.lines.filter { $0.contains("RECEIVED") }.compactMap(\.number)
            #expect(try ReadFragment.all(in: reader.bytes).compactMap(\.number) == received)
        }
    }

    @Test func `an instance that is gone leaves what is stored, and its producer is found where it goes`() async throws {
        try await Pair.with(.sqlite) { pair in
            _ = try await pair.one.store.createActive("gate")
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start, [0])
            var sent = film.bytes.count
            producer.send(film.bytes)
            let reader = try await pair.two.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it has begun") { !reader.bytes.isEmpty }
            film.endOfFragment()
            producer.send(Array(film.bytes[sent...]))
            sent = film.bytes.count
            let first = try #require(try await producer.line("PERSISTED").number)
            try await eventually("it is read") { try reader.whole.count == 1 }
            // Nobody reaches it any more, and it goes on.
            pair.disconnect()
            film.cluster(Self.start + 2000)
            film.endOfFragment()
            producer.send(Array(film.bytes[sent...]))
            let second = try #require(try await producer.line("\(Self.start + 2000),\"FragmentNumber").number)
            try await eventually("it is stored") { producer.lines.filter { $0.contains("PERSISTED") }.count == 2 }
            let newer = try await pair.two.produce()
            film = Film()
            film.cluster(Self.start + 4000)
            film.endOfFragment()
            newer.send(film.bytes)
            let third = try #require(try await newer.line("PERSISTED").number)
            try await eventually("all are read") { try reader.whole.count == 3 }
            newer.finish()
            producer.finish()
            #expect(try reader.whole == [first, second, third])
            reader.drain()
            try await reader.over()
        }
    }

    @Test func `a reader that is to end gets a whole fragment first`() async throws {
        try await Pair.with(.sqlite) { pair in
            _ = try await pair.one.store.createActive("gate")
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start, [0, 40], size: 1000)
            let first = film.bytes.count
            producer.send(film.bytes)
            let reader = try await pair.two.read(.getMedia, #"{"StreamName":"gate","StartSelector":{"StartSelectorType":"NOW"}}"#)
            try await eventually("it has begun") { reader.bytes.count > 1000 }
            reader.drain()
            film.frame(80)
            film.cluster(Self.start + 2000)
            film.endOfFragment()
            producer.send(Array(film.bytes[first...]))
            try await reader.over()
            let read = try ReadFragment.all(in: reader.bytes)
            #expect(read.map(\.blocks) == [[0, 40, 80].map { Self.start + $0 }])
            #expect(read.first?.after.last?.last?.name == "AWS_KINESISVIDEO_CONTINUATION_TOKEN")
            producer.finish()
            try await producer.over()
        }
    }

    @Test func `what is of now is what the receiving instance was at when it was asked`() async throws {
        try await Pair.with(.sqlite) { pair in
            let arn = try await pair.one.store.createActive("gate").arn
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start, [0, 40], size: 1000)
            let first = film.bytes.count
            producer.send(film.bytes)
            _ = try await producer.line("BUFFERING")
            let links = pair.patient(1)
            try await pair.two.plane.live.with(arn) { live in
                let told = try #require(await links.enter(live))
                defer { links.leave(live) }
                let open = try #require(live.openFragment)
                #expect(told == open.sequence - 1)
                // Whoever comes later finds it here.
                #expect(await links.enter(live) == nil)
                links.leave(live)
                film.endOfFragment()
                producer.send(Array(film.bytes[first...]))
                _ = try await producer.line("PERSISTED")
                try await eventually("it is not open any more") { live.openFragment == nil }
            }
            // Another time nothing is being received: the next fragment is of now, and the one before is not.
            try await pair.two.plane.live.with(arn) { live in
                try await eventually("it is not listened to any more") { links.incoming.load(ordering: .relaxed) == 0 }
                let stream = try #require(try await pair.two.fragments.stream(.named("gate")))
                let last = try #require(try await pair.two.fragments.lastFragment(of: stream))
                #expect(await links.enter(live) == last.number.sequence)
                links.leave(live)
            }
            producer.finish()
            try await producer.over()
        }
    }

    @Test func `who reads where it is received waits for nobody`() async throws {
        try await Pair.with(.sqlite) { pair in
            let arn = try await pair.one.store.createActive("gate").arn
            let producer = try await pair.one.produce()
            var film = Film()
            film.cluster(Self.start, [0, 40], size: 1000)
            producer.send(film.bytes)
            _ = try await producer.line("BUFFERING")
            let links = pair.patient(0)
            await pair.one.plane.live.with(arn) { live in
                #expect(await links.enter(live) == nil)
                links.leave(live)
            }
            producer.finish()
            try await producer.over()
        }
    }

    @Test func `what comes over a link goes on where it was, is cut, and is lost`() async throws {
        let all = LiveStreams(MediaSettings(documented: false))
        func number(_ sequence: Int64) throws -> FragmentNumber {
            try #require(FragmentNumber(sequence: sequence, serverTime: 1000 + sequence, random: 1))
        }
        func fragment(_ number: FragmentNumber) -> LiveFragment {
            LiveFragment(
                number: number, previous: nil, producerTime: 0, trackSet: StoredTrackSet(bytes: ByteBuffer(string: "head")), origin: "other"
            )
        }
        try await all.with("arn") { live in
            let (one, two) = (try number(1), try number(2))
            live.begin(fragment(one))
            live.append(ByteBuffer(string: "abcd"), to: one, at: 0)
            // Told again, after the link broke.
            live.begin(fragment(one))
            live.append(ByteBuffer(string: "abcdef"), to: one, at: 0)
            #expect(live.text(of: one, at: 2) == "cd" && live.text(of: one, at: 4) == "ef")
            // A hole: the store has it.
            live.append(ByteBuffer(string: "ij"), to: one, at: 8)
            #expect(live.isElsewhere(one, at: 6))
            live.append(ByteBuffer(string: "kl"), to: one, at: 10)
            #expect(live.isElsewhere(one, at: 10) && all.held.load(ordering: .relaxed) == 0)
            live.begin(fragment(two))
            live.append(ByteBuffer(string: "xyz"), to: two, at: 0)
            live.finish(two)
            live.lose("other", but: [one], butWhole: true)
            #expect(live.fragment(one)?.state == .open && live.fragment(two)?.state == .whole)
            live.lose("other")
            #expect(live.fragment(one)?.state == .stored && live.fragment(two)?.state == .stored)
        }
        #expect(all.held.load(ordering: .relaxed) == 0)
    }

    @Test func `messages are read as they are written, in whatever pieces, and nothing else is`() throws {
        let number = try #require(FragmentNumber(sequence: 1 << 40, serverTime: 1_700_000_000_000, random: 77))
        let messages: [LiveMessage] = [
            .began(number, previous: 5, producerTime: -9, header: ByteBuffer(string: "head")),
            .began(number, previous: nil, producerTime: 9, header: ByteBuffer()), .bytes(number, at: 1 << 33, ByteBuffer(string: "bytes")),
            .cut(number), .whole(number), .stored(number), .broken(number), .ready(present: 1 << 40), .ready(present: nil),
        ]
        let wire = messages.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1.wire) }
        for size in [1, 7, 1000] {
            var (rest, unread, found) = (wire, ByteBuffer(), [LiveMessage]())
            while let piece = rest.readSlice(length: min(size, rest.readableBytes)), piece.readableBytes > 0 {
                unread.writeImmutableBuffer(piece)
                while let message = try LiveMessage.next(in: &unread) { found.append(message) }
            }
            #expect(found == messages && unread.readableBytes == 0)
        }
        // As version 0.2.0 sends it.
        var bare = ByteBuffer(bytes: [0, 0, 0, 1, 7])
        #expect(try LiveMessage.next(in: &bare) == .ready(present: nil))
        for bytes: [UInt8] in [[0, 0, 0, 0], [0, 0, 0, 1, 99], [0, 0, 0, 2, 3, 1], [255, 255, 255, 255]] {
            var buffer = ByteBuffer(bytes: bytes)
            #expect(throws: LiveMessage.Malformed.self) { try LiveMessage.next(in: &buffer) }
        }
    }
}

extension LiveStream {
    fileprivate func text(of number: FragmentNumber, at offset: Int) -> String? {
        if case .bytes(let bytes) = piece(of: number, at: offset) { String(buffer: bytes) } else { nil }
    }

    fileprivate func isElsewhere(_ number: FragmentNumber, at offset: Int) -> Bool {
        if case .elsewhere = piece(of: number, at: offset) { true } else { false }
    }
}

/// Two instances of one deployment.
private struct Pair: Sendable {
    let one: MediaFixture
    let two: MediaFixture
    private let links: [Links]
    private let addresses: Addresses

    private final class Addresses: Sendable {
        let all = Lock<[String: String]>([:])
    }

    /// What takes the place of an instance's own, and waits for a day to learn what is on its way at the first.
    func patient(_ number: Int) -> LiveLinks {
        let instance = [one, two][number]
        return LiveLinks(
            links[number], instance.plane.live, patience: .seconds(86_400),
            receiver: { _ in "one" }, instance.plane.logger)
    }

    /// Neither reaches the other any more.
    func disconnect() {
        addresses.all.withLock { $0 = [:] }
        for channel in links.flatMap(\.accepted) { channel.close(promise: nil) }
    }

    static func with(_ engine: Engine, _ body: @escaping @Sendable (Pair) async throws -> Void) async throws {
        var settings = MediaSettings(documented: false)
        settings.readerIdle = nil
        let logger = Logger.quiet
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-media-\(UInt64.random(in: 0 ... .max))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let (key, addresses) = (SymmetricKey(size: .bits256), Addresses())
        try await TestDatabase.with(engine) { [settings] database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            var (fixtures, all): ([MediaFixture], [Links]) = ([], [])
            for name in ["one", "two"] {
                let links = try Links(instance: name, keys: { [key] }, logger: logger) { name in addresses.all.withLock { $0[name] } }
                let port = try await links.listen(host: "127.0.0.1", port: 0)
                addresses.all.withLock { $0[name] = "127.0.0.1:\(port)" }
                try await beat(name, store)
                var configuration = FragmentStore.Configuration(directory: "\(folder)/\(name)", instanceID: name)
                configuration.objects = FragmentStore.Objects(bucket: try await FolderBucket("\(folder)/shared"))
                let fragments = FragmentStore(store: store, configuration: configuration, logger: logger)
                try await fragments.open()
                let plane = MediaPlane(
                    store: fragments, settings: settings, masterKey: try #require(MasterKey(Array(0..<32))), links: links,
                    archiveAddress: { _, _ in "http://media.example" }, logger: logger)
                all.append(links)
                fixtures.append(MediaFixture(database: database, faults: faults, store: store, fragments: fragments, plane: plane))
            }
            defer { for links in all { links.close() } }
            try await withThrowingTaskGroup(of: Void.self) { [fixtures, all] tasks in
                for fixture in fixtures { tasks.addTask { try await fixture.fragments.run() } }
                tasks.addTask {
                    while (try? await Task.sleep(for: .seconds(3))) != nil {
                        for links in all { try await beat(links.instance, store) }
                    }
                }
                defer { tasks.cancelAll() }
                try await body(Pair(one: fixtures[0], two: fixtures[1], links: all, addresses: addresses))
            }
        }
    }

    private static func beat(_ name: String, _ store: Store) async throws {
        try await store.beat(
            InstanceRecord(
                id: name, host: name, processID: 1, version: "test", roles: "media", schemaVersion: 1, status: .running,
                requestsPerSecond: 0, leasedTasks: 0))
    }
}

extension Connection {
    /// The numbers of the fragments that were read with all that stands behind them.
    fileprivate var whole: [String] {
        get throws { try ReadFragment.all(in: bytes).filter { $0.after.count == 1 }.compactMap(\.number) }
    }
}
