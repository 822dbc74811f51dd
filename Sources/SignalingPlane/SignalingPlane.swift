import Contract
import CoreMetrics
import Identity
public import Links
import Locking
public import Logging
import NIOCore
public import Planes
public import Prometheus
public import Store
import Synchronization

extension Family {
    fileprivate static let connected = gauge("weir_signaling_connected", "Peers connected to signaling channels here.", labels: ["role"])
    fileprivate static let superseded = counter(
        "weir_signaling_superseded_total", "Connections replaced by a newer one of the same client.", labels: ["role"])
    fileprivate static let messages = counter(
        "weir_signaling_messages_total", "Messages of peers, by what became of them.", labels: ["outcome"])
}

/// Signaling: masters and viewers of a channel find each other over WebSockets, and are told of ICE servers.
///
/// Threads: any task may use it at any time.
public final class SignalingPlane: Sendable {
    let store: Store
    /// Names this instance among those of the deployment.
    let instance: String
    let limits: SignalingLimits
    let servers: ICEServers
    /// To the other instances of the deployment, if it may have any.
    let links: Links?
    /// Whether events tell of viewers too.
    let tellsViewers: Bool
    /// Called where an event waits to be delivered.
    let eventsWait: @Sendable () -> Void
    let logger: Logger
    /// Whether the instance is asked to stop: who waits for an answer gives up then.
    let isStopping: @Sendable () -> Bool

    let connected: [ChannelRole: Meter]
    let superseded: [ChannelRole: Counter]
    let delivered: Counter
    let forwarded: Counter
    let kept: Counter
    let refused: Counter

    /// Messages that other instances have been sent and not answered.
    let unanswered = Atomic<Int>(0)

    private let lastSession = Atomic<UInt64>(0)
    /// Channels that have something to do with the database.
    private let (busy, becameBusy) = AsyncStream.makeStream(of: SignalingChannel.self)
    private let state = Lock(State())

    private struct State {
        /// The channels that somebody here has to do with, and how many do.
        var channels: [ResourceKey: (channel: SignalingChannel, users: Int)] = [:]
        /// The connections, by their names in the database, from before they are there until after they are not.
        var peers: [String: SignalingPeer] = [:]
        var connects = ConnectRates()
    }

    /// - Parameters:
    ///   - instance: As it is in the table of instances.
    ///   - isStopping: Whether the process is asked to stop.
    public init(
        store: Store, instance: String, limits: SignalingLimits, servers: ICEServers, links: Links? = nil, tellsViewers: Bool = false,
        registry: Registry = Registry(),
        logger: Logger,
        eventsWait: @escaping @Sendable () -> Void = {}, isStopping: @escaping @Sendable () -> Bool = { false }
    ) {
        self.store = store
        self.instance = instance
        self.limits = limits
        self.servers = servers
        self.links = links
        self.tellsViewers = tellsViewers
        self.eventsWait = eventsWait
        self.logger = logger
        self.isStopping = isStopping
        connected = Dictionary(uniqueKeysWithValues: ChannelRole.allCases.map { ($0, Meter(.connected, [$0.label], in: registry)) })
        superseded = Dictionary(uniqueKeysWithValues: ChannelRole.allCases.map { ($0, Counter(.superseded, [$0.label], in: registry)) })
        delivered = Counter(.messages, ["delivered"], in: registry)
        forwarded = Counter(.messages, ["forwarded"], in: registry)
        kept = Counter(.messages, ["kept"], in: registry)
        refused = Counter(.messages, ["refused"], in: registry)
        links?.receive(.signaling, self)
    }

    /// What the gateway offers of it.
    public var operations: [RoutedOperation] {
        ConnectRoute.allCases.map { connect($0) } + [getIceServerConfig, sendAlexaOfferToMaster]
    }

    /// Whether events tell of a connection.
    func tells(of peer: SignalingPeer) -> Bool { peer.origin != nil && (peer.role == .master || tellsViewers) }

    func newSession() -> ChannelMachine.Session { lastSession.add(1, ordering: .relaxed).newValue }

    /// Whether one more may connect to a channel in this second as a master, or as a viewer.
    func admits(_ role: ChannelRole, to channel: ResourceKey) -> Bool {
        guard let rate = limits.connectsPerSecond else { return true }
        return state.withLock { $0.connects.take(role, of: channel, rate: rate, .now()) }
    }

    /// The channel, to be given back by `release`.
    func retain(_ key: ResourceKey) -> SignalingChannel {
        state.withLock { state in
            let channel = state.channels[key]?.channel ?? SignalingChannel(key, self)
            state.channels[key, default: (channel, 0)].users += 1
            return channel
        }
    }

    func release(_ channel: SignalingChannel) {
        state.withLock { state in
            guard let users = state.channels[channel.key]?.users else { return }
            if users > 1 { state.channels[channel.key]?.users = users - 1 } else { state.channels[channel.key] = nil }
        }
    }

    /// The channel has something to do with the database, and nobody is at it.
    func hasWork(_ channel: SignalingChannel) { becameBusy.yield(channel) }

    /// Does what the channels have to do with the database, until `finish` and then what there is.
    func work() async {
        await withDiscardingTaskGroup { tasks in
            for await channel in busy { tasks.addTask { await channel.work() } }
        }
    }

    /// Called when nobody is connected any more. Lets `work` end, once other instances have answered what they were sent, or after five seconds: what they do not
    /// take goes to the mailbox.
    func finish() async {
        let end = ContinuousClock.now + .seconds(5)
        while unanswered.load(ordering: .acquiring) > 0, ContinuousClock.now < end {
            do { try await Task.sleep(for: .milliseconds(10)) } catch { break }
        }
        becameBusy.finish()
    }

    func remember(_ peer: SignalingPeer) { state.withLock { $0.peers[peer.presence.session] = peer } }
    func forget(_ peer: SignalingPeer) { state.withLock { _ = $0.peers.removeValue(forKey: peer.presence.session) } }
    func peer(_ session: String) -> SignalingPeer? { state.withLock { $0.peers[session] } }
    var peers: [String: SignalingPeer] { state.withLock { $0.peers } }
}

extension ChannelRole {
    fileprivate var label: String {
        switch self {
        case .master: "master"
        case .viewer: "viewer"
        }
    }
}

/// A connection of a client to a channel over this instance.
protocol Recipient: AnyObject, Sendable {
    /// `waited`: it comes from the client's mailbox.
    func deliver(_ letter: Letter, waited: Bool)
    /// Tells what became of a message that the client sent with this correlation id.
    func fail(_ failure: MessageFailure, _ correlationID: String)
    /// The client is to ask for the list of ICE servers again.
    func reconnectICEServers()
    /// The client is to go, and may come again.
    func close()
}

/// A connection with its names, in this process and in the database.
final class SignalingPeer: Sendable {
    let session: ChannelMachine.Session
    let presence: Presence
    let channel: SignalingChannel
    let recipient: any Recipient
    /// Whose request it began with; nil for a call that waits.
    let origin: ConnectionOrigin?

    init(
        _ session: ChannelMachine.Session, _ presence: Presence, _ channel: SignalingChannel, _ recipient: any Recipient,
        origin: ConnectionOrigin? = nil
    ) {
        self.session = session
        self.presence = presence
        self.channel = channel
        self.recipient = recipient
        self.origin = origin
    }

    var role: ChannelRole { presence.client.isEmpty ? .master : .viewer }
}
