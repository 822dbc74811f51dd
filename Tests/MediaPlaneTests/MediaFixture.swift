import Contract
import Foundation
import FragmentStore
import Identity
import Locking
import Logging
import Matroska
import NIOCore
import NIOHTTP1
import Planes
import SQL
import Store
import TestSupport
import Testing

@testable import MediaPlane

/// The plane on a store of its own, called as the gateway calls it.
struct MediaFixture {
    let database: TestDatabase
    let faults: FaultInjectingDatabase
    let store: Store
    let fragments: FragmentStore
    let plane: MediaPlane

    /// `isOneClock`: fragments are stored by the clock of the database too, not by that of this machine.
    static func with(
        _ engine: Engine, _ change: (inout MediaSettings) -> Void = { _ in }, quota: Int64? = nil, isOneClock: Bool = false,
        _ body: @escaping @Sendable (MediaFixture) async throws -> Void
    ) async throws {
        var settings = MediaSettings(documented: false)
        settings.readerIdle = 1
        change(&settings)
        let logger = Logger.quiet
        let folder = FileManager.default.temporaryDirectory.appending(path: "weir-media-\(UInt64.random(in: 0 ... .max))").path
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await TestDatabase.with(engine) { [settings] database in
            let faults = FaultInjectingDatabase(database.database)
            let store = Store(faults)
            var configuration = FragmentStore.Configuration(directory: folder, instanceID: "test")
            configuration.reserve = 0
            configuration.accountQuota = quota
            let clock: @Sendable () -> Int64 = { isOneClock ? database.clock.now : systemTime() }
            let fragments = FragmentStore(store: store, configuration: configuration, clock: clock, logger: logger)
            try await fragments.open()
            let plane = MediaPlane(
                store: fragments, settings: settings, masterKey: try #require(MasterKey(Array(0..<32))),
                archiveAddress: { _, _ in "http://media.example" }, logger: logger)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await fragments.run() }
                defer { tasks.cancelAll() }
                try await body(MediaFixture(database: database, faults: faults, store: store, fragments: fragments, plane: plane))
            }
        }
    }

    /// A call of a key with this reach, as the gateway has it prepared.
    func call(
        _ id: OperationID, headers: [(String, String)], _ body: String, reach: Principal.Reach = .account
    ) async throws -> RoutedCall {
        let operation = try #require(plane.operations.first { $0.id == id })
        let head = HTTPRequestHead(
            version: .http1_1, method: .POST, uri: id.contract.route.path, headers: HTTPHeaders(headers))
        let caller = Caller(
            principal: Principal(account: Fixture.account, keyID: "AKIATEST", reach: reach), region: Fixture.region,
            requestID: "request",
            invocation: nil, origin: nil)
        let requested = try Array(body.utf8).withUnsafeBytes { try operation.prepare(CallInput(head: head, body: $0), caller) }
        try await Authorizer(store: store).authorize(caller, requested.access)
        return try requested.checked()
    }

    /// A connection of PutMedia to the stream `gate`.
    func produce(
        _ headers: [(String, String)] = [("x-amzn-stream-name", "gate"), ("x-amzn-fragment-timecode-type", "ABSOLUTE")]
    ) async throws -> Connection {
        guard case .exchange(let perform) = try await call(.putMedia, headers: headers, "").answer else { throw Unexpected() }
        let connection = Connection()
        connection.start { try await perform(connection.body, $0) }
        return connection
    }

    /// A connection of GetMedia or GetMediaForFragmentList.
    func read(_ id: OperationID, _ body: String) async throws -> Connection {
        guard case .stream(let perform) = try await call(id, headers: [], body).answer else { throw Unexpected() }
        let connection = Connection()
        connection.start { try await perform($0) }
        return connection
    }

    func list(_ body: String) async throws -> String {
        guard case .bytes(let perform) = try await call(.listFragments, headers: [], body).answer else { throw Unexpected() }
        return String(decoding: try await perform(), as: UTF8.self)
    }

    /// What a player gets at an address of a session; throws what it is refused with.
    func play(_ address: String, on plane: MediaPlane? = nil) async throws -> String {
        let path = try #require(address.replacing("http://media.example", with: "").split(separator: "?").first)
        let operation = try #require((plane ?? self.plane).operations.first { $0.route == .get(String(path)) })
        let input = CallInput(
            head: HTTPRequestHead(version: .http1_1, method: .GET, uri: address), body: UnsafeRawBufferPointer(start: nil, count: 0))
        let bearer = try #require(operation.bearer)
        let granted = try bearer(input)
        let caller = Caller(
            principal: Principal(account: granted.account, keyID: "session", reach: .session), region: granted.region,
            requestID: "request", invocation: nil, origin: nil)
        guard case .stream(let perform) = try operation.prepare(input, caller).checked().answer else { throw Unexpected() }
        let connection = Connection()
        connection.start { try await perform($0) }
        try await connection.over()
        return String(decoding: connection.bytes, as: UTF8.self)
    }

    /// The address of a session of HLS or DASH.
    func session(_ id: OperationID, _ members: String) async throws -> String {
        guard case .bytes(let perform) = try await call(id, headers: [], #"{"StreamName":"gate""# + members + "}").answer else {
            throw Unexpected()
        }
        let text = String(decoding: try await perform(), as: UTF8.self).replacing("\\/", with: "/")
        return try #require(text.split(separator: "\"").first { $0.hasPrefix("http") }.map(String.init))
    }

    /// Sends a film as a whole; returns the acknowledgements and the numbers of what is stored.
    @discardableResult func put(_ film: Film) async throws -> (lines: [String], stored: [String]) {
        let connection = try await produce()
        connection.send(film.bytes)
        connection.finish()
        try await connection.over()
        let lines = connection.lines
        return (lines, lines.filter { $0.contains("PERSISTED") }.compactMap { $0.number })
    }

    struct Unexpected: Error {}
}

/// A connection without a network: what a client sends and gets.
final class Connection: ResponseWriter {
    private struct State {
        var pieces: [[UInt8]] = []
        var hasStarted = false
        var length: Int?
        var isLeft = false
        var holds = false
        var held: [CheckedContinuation<Void, Never>] = []
        var drain: (@Sendable () -> Void)?
        var outcome: Result<Void, any Error>?
    }

    private let state = Lock(State())
    let body: RequestBody
    private let source: RequestBody.Producer.Source

    init() {
        let made = RequestBody.Producer.makeSequence(
            elementType: ByteBuffer.self, failureType: (any Error).self, backPressureStrategy: .init(lowWatermark: 1, highWatermark: 2),
            finishOnDeinit: true, delegate: RequestBodyDelegate(wanted: {}, abandoned: {}))
        body = RequestBody(made.sequence)
        source = made.source
    }

    func start(_ call: @escaping @Sendable (any ResponseWriter) async throws -> Void) {
        Task {
            let outcome: Result<Void, any Error>
            do { outcome = .success(try await call(self)) } catch { outcome = .failure(error) }
            state.withLock { $0.outcome = outcome }
        }
    }

    // What the client does.

    func send(_ bytes: [UInt8]) { _ = source.yield(ByteBuffer(bytes: bytes)) }
    func finish() { source.finish() }
    func leave() {
        state.withLock { $0.isLeft = true }
        source.finish(RequestBody.Interruption.clientLeft)
    }
    func interrupt(_ reason: RequestBody.Interruption) { source.finish(reason) }
    func drain() { state.withLock { $0.drain }?() }
    /// Takes no more, until `goOn`.
    func hold() { state.withLock { $0.holds = true } }
    func goOn() {
        let held = state.withLock { state in
            state.holds = false
            defer { state.held = [] }
            return state.held
        }
        for continuation in held { continuation.resume() }
    }

    // What it gets.

    var pieces: [[UInt8]] { state.withLock { $0.pieces } }
    var bytes: [UInt8] { pieces.flatMap { $0 } }
    var lines: [String] { pieces.map { String(decoding: $0, as: UTF8.self) } }
    var hasStarted: Bool { state.withLock { $0.hasStarted } }
    var isOver: Bool { state.withLock { $0.outcome != nil } }

    /// Returns when the call has ended; throws what it threw.
    func over() async throws {
        try await eventually("the call is over") { self.isOver }
        try state.withLock { $0.outcome }?.get()
    }

    /// Returns when a line with this text has come.
    func line(_ text: String) async throws -> String {
        try await eventually("\(text) in \(lines)") { self.lines.contains { $0.contains(text) } }
        return lines.first { $0.contains(text) } ?? ""
    }

    // What the server does.

    func start(contentType: String, length: Int?, headers: [(name: String, value: String)]) async throws(ClientLeft) {
        state.withLock { state in
            state.hasStarted = true
            state.length = length
        }
    }

    func write(_ bytes: ByteBuffer) async throws(ClientLeft) {
        let isLeft = state.withLock { state in
            state.pieces.append(Array(bytes.readableBytesView))
            return state.isLeft
        }
        if isLeft { throw ClientLeft() }
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                guard state.holds else { return true }
                state.held.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    func whenDraining(bodyGoesOn: Bool, _ handler: @escaping @Sendable () -> Void) { state.withLock { $0.drain = handler } }
}

/// A fragment as a reader gets it.
struct ReadFragment {
    /// Of the Tags elements: before the cluster, and after it.
    var before: [[Matroska.Tag]] = []
    var after: [[Matroska.Tag]] = []
    var clusters = 0
    var timecode = 0
    var blocks: [Int] = []

    var number: String? { before.first?.first { $0.name == "AWS_KINESISVIDEO_FRAGMENT_NUMBER" }?.value }

    /// Takes an answer apart: each fragment is a document.
    static func all(in bytes: [UInt8]) throws -> [ReadFragment] {
        let mark: [UInt8] = [0x1A, 0x45, 0xDF, 0xA3]
        let starts = bytes.indices.filter { bytes[$0...].starts(with: mark) }
        return try zip(starts, starts.dropFirst() + [bytes.count]).map { start, end in
            var found = ReadFragment()
            var parser = Parser(.stored)
            let document = Array(bytes[start..<end])
            var events: [Matroska.Event] = []
            while let event = parser.next(in: document.span) { events.append(event) }
            for event in events + parser.finish() {
                switch event {
                case .fragmentStart(let start):
                    found.clusters += 1
                    found.timecode = start.timecode
                case .block(let block): found.blocks.append(block.time)
                case .tags(let tags): if found.clusters == 0 { found.before.append(tags.entries) } else { found.after.append(tags.entries) }
                case .violation(let violation): throw violation
                case .header, .bytes, .fragmentEnd, .end: continue
                }
            }
            return found
        }
    }
}

extension String {
    /// The FragmentNumber of an acknowledgement.
    var number: String? { firstMatch(of: /"FragmentNumber":"(\d+)"/).map { String($0.1) } }
}
