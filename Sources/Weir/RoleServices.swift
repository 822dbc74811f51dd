import Delivery
import Devices
import FragmentStore
import Frames
import Gateway
import Logging
import MediaPlane
import Prometheus
import ServiceLifecycle
import Settings
import SignalingPlane
import Store
import Workers

// What an instance runs beside its server, by its roles; nothing for a role that it does not have.
extension ServerConfiguration {
    /// Keeps media, and makes the images that streams are configured for.
    func mediaServices(
        _ media: FragmentStore, _ plane: MediaPlane, _ frames: FramePool?, _ store: Store, _ registry: Registry,
        eventsWait: @escaping @Sendable () -> Void
    ) throws -> [any Service] {
        guard storesMedia else { return [] }
        guard let frames else { return [media] }
        guard roles.contains(.archive) else { return [media, frames] }
        return [
            media, frames, ImageGeneration(plane, store, frames, try imageStores(), registry: registry, eventsWait: eventsWait),
        ]
    }

    /// Watches over who is connected to channels and over the TURN servers, and answers STUN. `isListening` learns on which port; the server's own is `serverPort`, once
    /// it is known.
    func signalingServices(
        _ signaling: SignalingPlane, hasOthers: Bool, _ turnWatch: TURNWatch, _ logger: Logger,
        serverPort: @escaping @Sendable () async -> Int?, isListening: @escaping @Sendable (_ port: Int) -> Void
    ) -> [any Service] {
        guard roles.contains(.signaling) else { return [] }
        let upkeep = SignalingUpkeep(signaling, hasOthers: hasOthers, reconnectsICE: signalingReconnectsICE, logger: logger)
        let told: @Sendable (Int) -> Void = { port in
            isListening(port)
            logger.notice("answering STUN", metadata: ["port": "\(port)"])
        }
        return switch stun {
        case .none: [upkeep, turnWatch]
        case .asServer: [upkeep, turnWatch, STUNResponder(host: host, port: serverPort, logger: logger, isListening: told)]
        case .at(let host, let port): [upkeep, turnWatch, STUNResponder(host: host, port: { port }, logger: logger, isListening: told)]
        }
    }

    /// Makes the transitions of resources, delivers events, and cleans up.
    func workerServices(
        _ store: Store, _ courier: Courier, _ signal: WorkSignal, _ gauge: LeaseGauge, _ registry: Registry, _ logger: Logger
    ) -> [any Service] {
        guard roles.contains(.worker) else { return [] }
        return [
            Backlog(store: store, registry: registry, logger: logger),
            Housekeeping(store: store, eventRetention: eventRetention, tellsViewers: tellsViewers, logger: logger),
            courier,
            TransitionWorker(
                store: store, signal: signal, gauge: gauge, eventsWait: { courier.hint() }, longestWait: longestStatus, logger: logger),
            EdgeDeadlines(store: store, logger: logger),
        ]
    }

    /// Serves devices with these certificates, where they are listened for.
    func deviceServices(
        _ gateway: Gateway, _ certificates: ServerCertificates?, _ authorities: DeviceAuthorities, _ connections: ConnectionLimits,
        _ logger: Logger
    ) -> [any Service] {
        guard let certificates, let listener = deviceListener else { return [] }
        return [
            DeviceAuthorityWatch(authorities: authorities, certificates: certificates, logger: logger),
            GatewayServer(
                gateway, host: listener.host, port: listener.port, tls: { certificates.context }, limits: connections,
                stopTime: .seconds(stopSeconds), isForDevices: true, logger: logger,
                isListening: { logger.notice("listening for devices on https://\(listener.host):\($0)") }),
        ]
    }
}
