import Contract
import CoreMetrics
import Identity
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
    let logger: Logger
    /// Whether the instance is asked to stop: who waits for an answer gives up then.
    let isStopping: @Sendable () -> Bool

    let connected: [ChannelRole: Meter]
    let superseded: [ChannelRole: Counter]
    let delivered: Counter
    let kept: Counter
    let refused: Counter

    private let lastSession = Atomic<UInt64>(0)
    private let state = Lock(State())

    private struct State {
        /// The channels that somebody here has to do with, and how many do.
        var channels: [ResourceKey: (channel: SignalingChannel, users: Int)] = [:]
        /// The connections, by their names in the database, from before they are there until after they are not.
        var peers: [String: SignalingPeer] = [:]
    }

    /// - Parameters:
    ///   - instance: As it is in the table of instances.
    ///   - isStopping: Whether the process is asked to stop.
    public init(
        store: Store, instance: String, limits: SignalingLimits, servers: ICEServers, registry: Registry = Registry(), logger: Logger,
        isStopping: @escaping @Sendable () -> Bool = { false }
    ) {
        self.store = store
        self.instance = instance
        self.limits = limits
        self.servers = servers
        self.logger = logger
        self.isStopping = isStopping
        connected = Dictionary(uniqueKeysWithValues: ChannelRole.allCases.map { ($0, Meter(.connected, [$0.label], in: registry)) })
        superseded = Dictionary(uniqueKeysWithValues: ChannelRole.allCases.map { ($0, Counter(.superseded, [$0.label], in: registry)) })
        delivered = Counter(.messages, ["delivered"], in: registry)
        kept = Counter(.messages, ["kept"], in: registry)
        refused = Counter(.messages, ["refused"], in: registry)
    }

    /// What the gateway offers of it.
    public var operations: [RoutedOperation] {
        ConnectRoute.allCases.map { connect($0) } + [getIceServerConfig, sendAlexaOfferToMaster]
    }

    func newSession() -> ChannelMachine.Session { lastSession.add(1, ordering: .relaxed).newValue }

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

    func remember(_ peer: SignalingPeer) { state.withLock { $0.peers[peer.presence.session] = peer } }
    func forget(_ peer: SignalingPeer) { state.withLock { _ = $0.peers.removeValue(forKey: peer.presence.session) } }
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
    func deliver(_ letter: Letter)
    /// Tells what became of a message that the client sent with this correlation id.
    func fail(_ failure: MessageFailure, _ correlationID: String)
    /// The client is to go, and may come again.
    func close()
}

/// A connection with its names, in this process and in the database.
final class SignalingPeer: Sendable {
    let session: ChannelMachine.Session
    let presence: Presence
    let channel: SignalingChannel
    let recipient: any Recipient

    init(_ session: ChannelMachine.Session, _ presence: Presence, _ channel: SignalingChannel, _ recipient: any Recipient) {
        self.session = session
        self.presence = presence
        self.channel = channel
        self.recipient = recipient
    }

    var role: ChannelRole { presence.client.isEmpty ? .master : .viewer }
}
