import Devices
import Logging
import ServiceLifecycle

/// Has devices be trusted by the authorities that there are, within five seconds of their making.
struct DeviceAuthorityWatch: Service {
    let authorities: DeviceAuthorities
    let certificates: ServerCertificates
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do {
                    let found = try await authorities.certificates()
                    if found.isEmpty { logger.debug("no device can come: weir things authority create") }
                    if try certificates.trust(found) {
                        logger.notice("the authorities of devices are others now", metadata: ["count": "\(found.count)"])
                    }
                } catch {
                    // The next look may find them.
                    logger.debug("the authorities of devices cannot be read", metadata: ["why": "\(error)"])
                }
            } while (try? await Task.sleep(for: .seconds(3))) != nil
        }
    }
}
