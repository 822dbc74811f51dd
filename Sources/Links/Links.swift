import CoreMetrics
public import Crypto
import DequeModule
import Locking
public import Logging
public import NIOCore
import NIOPosix
import NIOSSL
public import Prometheus
public import ServiceLifecycle

extension Family {
    fileprivate static let open = gauge("weir_links_open", "Connections to other instances, and from them.", labels: ["direction"])
    fileprivate static let messages = counter("weir_link_messages_total", "Messages from other instances.", labels: ["outcome"])
}

/// What a message or a stream is about. The numbers are those of the wire.
public enum LinkKind: UInt8, Sendable, CaseIterable {
    case signaling = 1
    case media = 2
}

/// What became of a message.
public enum LinkAnswer: Sendable {
    case taken
    /// By the receiver, or since the other instance has none for the kind.
    case refused
    /// No connection could be had for a while, or the other instance is gone. It is not known whether the message was taken.
    case unreachable
}

/// Gets what other instances send, of one kind.
public protocol LinkReceiver: AnyObject, Sendable {
    /// Takes a message, or refuses it. Those of one instance come in the order in which they were sent, each once; called on an event loop, so this must not wait.
    func take(_ message: ByteBuffer, from instance: String) -> Bool

    /// Serves a stream that another instance has opened, in a task of its own. The stream is cancelled when this returns, unless both sides have finished.
    func serve(_ stream: LinkStream, from instance: String) async
}

/// Direct connections between the instances of a deployment: small messages that are answered, and streams of bytes with back-pressure.
///
/// An instance connects to another when it first has something for it, at the address that the other announces in the table of instances; what it sends and opens
/// goes over that one connection, whatever the kind. Connections are TLS 1.2 with a key that is derived from the deployment's master key, in place of
/// certificates: both ends prove that they know it, and nobody else reads or changes anything.
///
/// A message is sent again on the next connection where the one before broke without an answer, and is taken once all the same. After five seconds
/// without a connection, or at once where the other end's port is closed, it is `unreachable`, and so are others until a connection is there.
///
///     links.receive(.media, receiver)
///     let isOnItsWay = links.send(bytes, .signaling, to: instance) { answer in ... }
///     let stream = try await links.open(.media, request, at: instance)
///     while let bytes = try await stream.read() { ... }
///
/// Threads: any task may use it at any time.
public final class Links: Service {
    /// Names this instance to the others.
    public let instance: String
    let logger: Logger
    /// Where an instance is reached, HOST:PORT; nil where it does not run any more, or has no address.
    private let address: @Sendable (String) async throws -> String?
    private let client: NIOSSLContext
    private let server: NIOSSLContext
    private let state = Lock(State())
    private let outgoing: Meter
    private let incoming: Meter
    private let taken: Counter
    private let refused: Counter

    private struct State {
        var receivers: [LinkKind: any LinkReceiver] = [:]
        var links: [String: Link] = [:]
        var senders: [String: LinkSender] = [:]
        var accepted: [ObjectIdentifier: any Channel] = [:]
        var listener: (any Channel)?
        /// What was started and has not ended.
        var tasks: [UInt64: Task<Void, Never>] = [:]
        var lastTask: UInt64 = 0
        var isOver = false
    }

    /// Connections from others, whoever they are, that are taken at once.
    private static let mostAccepted = 1024
    /// How long one may take to say who is there.
    private static let greeting = TimeAmount.seconds(5)

    /// - Parameters:
    ///   - keys: The same in each instance of the deployment: derived from its master key. This one calls others by the first, and takes calls by any.
    ///   - address: Where an instance is reached, HOST:PORT; nil where it does not run any more, or has no address. Asked for each attempt to connect.
    public init(
        instance: String, keys: @escaping @Sendable () -> [SymmetricKey], registry: Registry = Registry(), logger: Logger,
        address: @escaping @Sendable (String) async throws -> String?
    ) throws {
        self.instance = instance
        self.logger = logger
        self.address = address
        outgoing = Meter(.open, ["out"], in: registry)
        incoming = Meter(.open, ["in"], in: registry)
        taken = Counter(.messages, ["taken"], in: registry)
        refused = Counter(.messages, ["refused"], in: registry)
        // What is shared is 32 random bytes; TLS 1.3 has no such keys in BoringSSL.
        let ciphers = [NIOTLSCipher(rawValue: 0xCCAC), .TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA]
        var client = TLSConfiguration.makeClientConfiguration()
        client.certificateVerification = .none
        client.minimumTLSVersion = .tlsv12
        client.maximumTLSVersion = .tlsv12
        client.cipherSuiteValues = ciphers
        client.pskClientProvider = { _ in
            guard let key = keys().first else { throw LinkKeyMissing() }
            return PSKClientIdentityResponse(key: key.secureBytes, identity: key.name)
        }
        var server = TLSConfiguration.makePreSharedKeyConfiguration()
        server.minimumTLSVersion = .tlsv12
        server.maximumTLSVersion = .tlsv12
        server.cipherSuiteValues = ciphers
        server.pskServerProvider = { context in
            let keys = keys()
            // Instances of version 0.2.0 give no name.
            guard let key = keys.first(where: { $0.name == context.clientIdentity }) ?? keys.first else { throw LinkKeyMissing() }
            return PSKServerIdentityResponse(key: key.secureBytes)
        }
        self.client = try NIOSSLContext(configuration: client)
        self.server = try NIOSSLContext(configuration: server)
    }

    /// Gives messages and streams of a kind to a receiver from now on.
    public func receive(_ kind: LinkKind, _ receiver: any LinkReceiver) {
        state.withLock { $0.receivers[kind] = receiver }
    }

    /// Sends a message, of 512 KiB at most; all to one instance arrive in the order in which they were sent. `answered` is told what became of it, once, on an
    /// event loop, never before this returns, and in the order of sending. Returns false where the message cannot even be on its way: there was no connection for
    /// a while, or too much waits for answers; then `answered` is not called.
    public func send(
        _ message: ByteBuffer, _ kind: LinkKind, to instance: String, answered: @escaping @Sendable (LinkAnswer) -> Void
    ) -> Bool {
        guard message.readableBytes <= LinkStream.window else { return false }
        return link(to: instance)?.send(message, kind, answered) ?? false
    }

    /// Opens a stream, with a request of 512 KiB at most, once there is a connection.
    public func open(_ kind: LinkKind, _ request: ByteBuffer, at instance: String) async throws(LinkFailure) -> LinkStream {
        guard request.readableBytes <= LinkStream.window, let link = link(to: instance) else { throw .unreachable }
        return try await link.open(kind, request)
    }

    private func link(to instance: String) -> Link? {
        guard instance != self.instance else { return nil }
        let (link, isNew) = state.withLock { state -> (Link?, Bool) in
            guard !state.isOver else { return (nil, false) }
            if let known = state.links[instance] { return (known, false) }
            let new = Link(instance, self, MultiThreadedEventLoopGroup.singleton.next())
            state.links[instance] = new
            return (new, true)
        }
        if isNew { link?.dial() }
        return link
    }

    func forget(_ link: Link) {
        state.withLock { state in
            if state.links[link.instance] === link { state.links[link.instance] = nil }
        }
    }

    // MARK: Connecting

    enum Attempt {
        case connected
        /// The instance does not run.
        case gone
        /// Its port is closed: it is about to be found dead, or to be started.
        case refused
        case failed
    }

    /// Connects to an instance, and hears from it who it is.
    func connect(to link: Link, on loop: any EventLoop) async -> Attempt {
        let found: String?
        do {
            found = try await address(link.instance)
        } catch {
            logger.warning("the address of an instance is not known", metadata: ["instance": "\(link.instance)", "error": "\(error)"])
            return .failed
        }
        guard let (host, port) = found.flatMap(Self.hostAndPort) else { return .gone }
        let greeted = loop.makePromise(of: Void.self)
        do {
            let channel = try await ClientBootstrap(group: loop)
                .connectTimeout(.seconds(2))
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelInitializer { [client] channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(NIOSSLClientHandler(context: client, serverHostname: nil))
                        try self.add(to: channel, for: link, greeted)
                    }
                }
                .connect(host: host, port: port).get()
            try await withTaskCancellationHandler {
                try await greeted.futureResult.get()
            } onCancel: {
                greeted.fail(CancellationError())
                channel.close(promise: nil)
            }
            return .connected
        } catch {
            greeted.fail(ChannelError.connectTimeout(.zero))
            logger.debug(
                "a link could not be made", metadata: ["instance": "\(link.instance)", "address": "\(host):\(port)", "error": "\(error)"])
            return error.isRefusal ? .refused : .failed
        }
    }

    /// What handles a connection that this instance made.
    private func add(to channel: any Channel, for link: Link, _ greeted: EventLoopPromise<Void>) throws {
        let connection = LinkConnection(channel)
        let isUp = NIOLoopBoundBox(false, eventLoop: channel.eventLoop)
        let late = channel.eventLoop.scheduleTask(in: Self.greeting) { channel.close(promise: nil) }
        let handler = LinkHandler(connection) { [outgoing] frame in
            switch frame {
            case .hello(let name):
                guard !isUp.value, name == link.instance else { return false }
                isUp.value = true
                late.cancel()
                outgoing.increment()
                link.came(up: connection)
                greeted.succeed()
                return true
            case .answer(let number, let isTaken): return isUp.value && link.answered(number, isTaken ? .taken : .refused)
            case .message, .open, .data, .credit, .end: return false
            }
        } ended: { [outgoing] in
            late.cancel()
            if isUp.value { outgoing.decrement() }
            greeted.fail(ChannelError.eof)
            link.broke()
        }
        try add(handler, to: channel)
        connection.send(.hello(instance: instance))
    }

    private func add(_ handler: LinkHandler, to channel: any Channel) throws {
        // The network may be gone without a word: what was sent is given up on after five seconds without an acknowledgement, and silence is looked into.
        let options = channel.syncOptions
        try options?.setOption(.socketOption(.so_keepalive), value: 1)
        for (option, value) in [(Self.keepIdle, 5), (Self.keepInterval, 2), (Self.keepCount, 3), (Self.userTimeout, 5000)] {
            try options?.setOption(.tcpOption(.init(rawValue: option)), value: .init(value))
        }
        try channel.pipeline.syncOperations.addHandlers([ByteToMessageHandler(LinkFrameDecoder()), handler])
    }

    // TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT, in seconds and probes; TCP_USER_TIMEOUT in milliseconds.
    private static let (keepIdle, keepInterval, keepCount, userTimeout): (CInt, CInt, CInt, CInt) = (4, 5, 6, 18)

    static func hostAndPort(_ address: String) -> (String, Int)? {
        guard let colon = address.lastIndex(of: ":"), let port = Int(address[address.index(after: colon)...]), (1...65535).contains(port)
        else { return nil }
        let host = address[..<colon]
        return (host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host), port)
    }

    // MARK: Listening

    /// Listens for other instances; returns the port. Port 0 is any that is free.
    public func listen(host: String, port: Int) async throws -> Int {
        let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { [server] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: server))
                    try self.accept(channel)
                }
            }
            .bind(host: host, port: port).get()
        state.withLock { $0.listener = listener }
        return listener.localAddress?.port ?? port
    }

    private struct TooMany: Error {}

    /// What handles a connection that another instance made.
    private func accept(_ channel: any Channel) throws {
        let isTaken = state.withLock { state in
            guard !state.isOver, state.accepted.count < Self.mostAccepted else { return false }
            state.accepted[ObjectIdentifier(channel)] = channel
            return true
        }
        guard isTaken else { throw TooMany() }
        incoming.increment()
        let connection = LinkConnection(channel)
        let sender = NIOLoopBoundBox<LinkSender?>(nil, eventLoop: channel.eventLoop)
        let late = channel.eventLoop.scheduleTask(in: Self.greeting) { channel.close(promise: nil) }
        let handler = LinkHandler(connection) { frame in
            switch frame {
            case .hello(let name):
                guard sender.value == nil else { return false }
                late.cancel()
                sender.value = self.sender(name, connection)
                connection.send(.hello(instance: self.instance))
                return true
            case .message(let number, let kind, let bytes):
                return sender.value.map { self.take(number, kind, bytes, $0, connection) } ?? false
            case .open(let number, let kind, let request):
                return sender.value.map { self.serve(number, kind, request, $0.instance, connection) } ?? false
            case .answer, .data, .credit, .end: return false
            }
        } ended: { [incoming] in
            late.cancel()
            incoming.decrement()
            self.state.withLock { _ = $0.accepted.removeValue(forKey: ObjectIdentifier(channel)) }
            sender.value?.left(connection)
        }
        try add(handler, to: channel)
    }

    /// The instance that is at the other end of a connection, which is its only one from now on. Those that have been gone for long are forgotten.
    private func sender(_ name: String, _ connection: LinkConnection) -> LinkSender {
        let sender = state.withLock { state in
            state.senders = state.senders.filter { $0.key == name || !$0.value.isForgettable }
            let sender = state.senders[name] ?? LinkSender(name)
            state.senders[name] = sender
            return sender
        }
        sender.came(over: connection)
        return sender
    }

    private func take(_ number: UInt64, _ kind: UInt8, _ bytes: ByteBuffer, _ sender: LinkSender, _ connection: LinkConnection) -> Bool {
        let receiver = LinkKind(rawValue: kind).flatMap { kind in state.withLock { $0.receivers[kind] } }
        let answer = sender.take(number, over: connection) { receiver?.take(bytes, from: sender.instance) ?? false }
        // Of an older connection: it comes again over the newer one.
        guard let answer else { return false }
        (answer ? taken : refused).increment()
        connection.send(.answer(number, isTaken: answer))
        return true
    }

    private func serve(_ number: UInt32, _ kind: UInt8, _ request: ByteBuffer, _ instance: String, _ connection: LinkConnection) -> Bool {
        let receiver = LinkKind(rawValue: kind).flatMap { kind in state.withLock { $0.receivers[kind] } }
        guard let receiver, let stream = connection.opened(number, request) else {
            connection.send(.end(number, isWhole: false))
            return true
        }
        start {
            await receiver.serve(stream, from: instance)
            stream.cancel()
        }
        return true
    }

    // MARK: Tasks, and the end

    /// Starts a task that has to do with other instances. It ends by itself, is cancelled by whoever started it, or when the links end, which wait for it.
    @discardableResult
    public func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        state.withLock { state in
            state.lastTask += 1
            let number = state.lastTask
            let task = Task {
                await body()
                self.state.withLock { _ = $0.tasks.removeValue(forKey: number) }
            }
            state.tasks[number] = task
            if state.isOver { task.cancel() }
            return task
        }
    }

    /// Waits until the process is asked to stop, ends all connections, and waits for what was started.
    public func run() async throws {
        try? await gracefulShutdown()
        close()
        await ended()
    }

    /// Returns once nothing that was started runs any more. To be called after `close`.
    func ended() async {
        while let task = state.withLock({ $0.tasks.values.first }) { await task.value }
    }

    /// The connections that others made.
    var accepted: [any Channel] { state.withLock { Array($0.accepted.values) } }

    func close() {
        let (listener, links, tasks) = state.withLock { state in
            state.isOver = true
            return (state.listener, Array(state.links.values), Array(state.tasks.values))
        }
        listener?.close(promise: nil)
        for link in links { link.end() }
        for channel in accepted { channel.close(promise: nil) }
        for task in tasks { task.cancel() }
    }
}

/// Another instance that sends messages here, whatever connection they come over: each is taken once.
///
/// Threads: any event loop may use it at any time.
private final class LinkSender: Sendable {
    let instance: String
    private let state = Lock(State())

    private struct State {
        var connection: LinkConnection?
        var leftAt = ContinuousClock.now
        var last: UInt64 = 0
        /// What the last messages were answered, the newest last: the other side may not have heard it.
        var answers = Deque<Bool>()
    }

    /// As many as the other side may have without an answer.
    private static let mostAnswers = 8192

    init(_ instance: String) {
        self.instance = instance
    }

    func came(over connection: LinkConnection) {
        let old = state.withLock { state in
            defer { state.connection = connection }
            return state.connection
        }
        old?.close()
    }

    func left(_ connection: LinkConnection) {
        state.withLock { state in
            guard state.connection === connection else { return }
            state.connection = nil
            state.leftAt = .now
        }
    }

    var isForgettable: Bool {
        state.withLock { $0.connection == nil && ContinuousClock.now - $0.leftAt > Link.patience * 12 }
    }

    /// What a message is answered; nil where it comes over a connection that is not the newest. `take` is called for a message that was not here before.
    func take(_ number: UInt64, over connection: LinkConnection, _ take: () -> Bool) -> Bool? {
        state.withLock { state in
            guard state.connection === connection else { return nil }
            guard number > state.last else {
                let age = Int(clamping: state.last - number)
                return age < state.answers.count ? state.answers[state.answers.count - 1 - age] : false
            }
            // Numbers between were given up on by the other side.
            if number != state.last + 1 { state.answers.removeAll() }
            let answer = take()
            state.last = number
            state.answers.append(answer)
            if state.answers.count > Self.mostAnswers { state.answers.removeFirst() }
            return answer
        }
    }
}

extension Error {
    /// Whether a connection was refused, at each address that was tried.
    fileprivate var isRefusal: Bool {
        if let error = self as? IOError { return error.errnoCode == ECONNREFUSED }
        guard let error = self as? NIOConnectionError else { return false }
        return !error.connectionErrors.isEmpty && error.connectionErrors.allSatisfy { ($0.error as? IOError)?.errnoCode == ECONNREFUSED }
    }
}

/// There is no key by which instances know each other.
private struct LinkKeyMissing: Error {}

extension SymmetricKey {
    fileprivate var secureBytes: NIOSSLSecureBytes {
        var bytes = NIOSSLSecureBytes()
        bytes.append(withUnsafeBytes { Array($0) })
        return bytes
    }

    /// By which the other end knows which of its keys is meant; tells nothing of the key.
    fileprivate var name: String {
        "weir-"
            + HMAC<SHA256>.authenticationCode(for: Array("name".utf8), using: self).prefix(8).map { String($0, radix: 16) }.joined(
                separator: "-")
    }
}
