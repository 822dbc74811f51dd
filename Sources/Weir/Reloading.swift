import Glibc
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

/// At each SIGHUP reads again what may change while the server runs: the certificate, its key, and the level of the log. Whatever is wrong with the
/// new ones, the old ones stay.
struct Reloading: Service {
    /// Reads the configuration anew.
    let read: @Sendable () throws -> ServerConfiguration
    /// Nil where TLS is not served.
    let certificates: ServerCertificates?
    let logger: Logger

    /// Lets the signal do nothing until a service takes it: by default it would end the process.
    static func ignoreSignal() { signal(SIGHUP, SIG_IGN) }

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { reload() }
    }

    private func reload() {
        do {
            let configuration = try read()
            switch (certificates, configuration.tls) {
            case (let certificates?, let files?): try certificates.replace(by: files)
            case (nil, nil): break
            case (.some, nil), (nil, .some): logger.warning("TLS is switched on and off by a start only; it stays as it is")
            }
            Log.setLevel(configuration.logLevel) {
                logger.notice("read certificates and log level again", metadata: ["level": "\(configuration.logLevel)"])
            }
        } catch {
            // One line, however many faults there are.
            let why = (error as? ServerConfiguration.Invalid)?.faults.joined(separator: "; ") ?? "\(error)"
            logger.error("nothing was read again, what is in use stays", metadata: ["why": "\(why)"])
        }
    }
}
