public import Logging
public import ServiceLifecycle
import Store

/// Keeps the connections of this instance and the database of one mind: takes what other instances left for clients here, ends what was superseded
/// elsewhere and what has lost its channel, and forgets what is not there any more.
public struct SignalingUpkeep: Service {
    private let plane: SignalingPlane
    private let hasOthers: Bool
    private let reconnectsICE: Bool
    private let logger: Logger

    /// - Parameters:
    ///   - hasOthers: Whether other instances may serve the same deployment.
    ///   - reconnectsICE: Whether clients are told where a TURN server stops answering.
    public init(_ plane: SignalingPlane, hasOthers: Bool, reconnectsICE: Bool = false, logger: Logger) {
        self.plane = plane
        self.hasOthers = hasOthers
        self.reconnectsICE = reconnectsICE
        self.logger = logger
    }

    /// Looks about once a second until the process is asked to stop and nobody is connected any more; then does what is left to do, and takes the
    /// instance's connections out of the database.
    public func run() async throws {
        await withDiscardingTaskGroup { tasks in
            tasks.addTask { await plane.work() }
            await cancelWhenGracefulShutdown { await look() }
            await plane.finish()
        }
        do throws(Store.Failure) {
            for (presence, _, _) in try await plane.store.presences(ofInstance: plane.instance)
            where presence.client.isEmpty || plane.tellsViewers && !presence.isWaiter {
                try await plane.store.disconnect(presence, tells: true)
            }
            try await plane.store.removePresences(ofInstance: plane.instance)
        } catch {
            logger.warning("connections stay in the database until others remove them", metadata: ["error": "\(error)"])
        }
    }

    private func look() async {
        var looks = 0
        var reconnection = ICEReconnection<SignalingPeer>()
        while true {
            do { try await Task.sleep(for: .milliseconds(.random(in: 900...1100))) } catch { return }
            looks += 1
            if reconnectsICE {
                for peer in reconnection.look(plane.servers.gone, { Array(plane.peers.values) }) { peer.recipient.reconnectICEServers() }
            }
            do throws(Store.Failure) {
                if hasOthers { try await plane.takeMessages() }
                if looks % 5 == 0 { try await plane.compare() }
            } catch {
                logger.warning("signaling was not looked after", metadata: ["error": "\(error)"])
            }
        }
    }
}

/// Who is told, and when, that a TURN server has stopped answering: whoever is connected then, over ten seconds, since each asks for the list anew.
struct ICEReconnection<Peer> {
    private var gone: Set<ICEServers.TURN> = []
    private var waiting: [Peer] = []
    private var share = 0

    /// Called about once a second with the servers that do not answer. Returns who is told now.
    mutating func look(_ gone: Set<ICEServers.TURN>, _ peers: () -> [Peer]) -> [Peer] {
        if !gone.isSubset(of: self.gone) {
            waiting = peers().shuffled()
            share = (waiting.count + 9) / 10
        }
        self.gone = gone
        defer { waiting.removeFirst(min(share, waiting.count)) }
        return Array(waiting.prefix(share))
    }
}

extension SignalingPlane {
    /// Looks for what other instances left for clients here and could not tell of.
    func takeMessages() async throws(Store.Failure) {
        for session in try await store.sessionsWithMail(ofInstance: instance) {
            if let peer = peer(session) { peer.channel.hasMail(peer) }
        }
    }

    /// Compares the connections with those that the database knows of.
    func compare() async throws(Store.Failure) {
        let before = peers
        let channels = Set(before.values.map(\.channel.key)).map(retain)
        defer { for channel in channels { release(channel) } }
        let current = Set(channels.flatMap(\.current).map(\.presence.session))
        var stored: Set<String> = []
        for (presence, isWanted, storesMedia) in try await store.presences(ofInstance: instance) {
            stored.insert(presence.session)
            if let peer = before[presence.session] {
                peer.channel.set(storesMedia: storesMedia)
                if !isWanted { peer.recipient.close() }
            } else if peers[presence.session] == nil {
                try await store.disconnect(presence)
            }
        }
        for session in current.subtracting(stored) {
            guard let peer = before[session] else { continue }
            peer.channel.displaced(peer)
        }
        let displaced = channels.flatMap { channel in channel.displacedClients.map { (channel, client: $0) } }
        for (channel, client) in displaced.shuffled().prefix(Self.placesInALook) {
            let place = try await store.place(of: client, in: channel.key, asking: instance)
            if place == nil { channel.leftElsewhere(client) }
        }
    }

    /// Superseded clients whose newest connection is looked for at one time: whoever supersedes itself without end does not keep the others waiting.
    private static let placesInALook = 100
}
