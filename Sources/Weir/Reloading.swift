import Glibc
import Logging
import ServiceLifecycle
import Settings
import UnixSignals

/// Takes what may change while the server runs: at each SIGHUP the master key, the certificate, its key, the secret that is shared with TURN servers, and
/// the level of the log; certificate and key also within seconds of being replaced. Whatever is wrong with the new ones, the old ones stay.
struct Reloading: Service {
    /// Reads the configuration anew.
    let read: @Sendable () throws -> ServerConfiguration
    /// Takes the master key that is in its file now.
    let rereadMasterKey: @Sendable () async throws -> Void
    /// None where TLS is not served.
    let certificates: [ServerCertificates]
    /// Takes the secret that credentials of TURN servers are made by from then on; empty where there are none.
    let useTURNSecret: @Sendable (String) -> Void
    let logger: Logger

    /// Lets the signal do nothing until a service takes it: by default it would end the process.
    static func ignoreSignal() { signal(SIGHUP, SIG_IGN) }

    func run() async throws {
        await withTaskGroup { group in
            if !certificates.isEmpty { group.addTask { await watch() } }
            for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() { await reload() }
            group.cancelAll()
        }
    }

    private func reload() async {
        do {
            try await rereadMasterKey()
            logger.notice("read the master key again")
        } catch {
            logger.error("the master key was not read again, what is in use stays", metadata: ["why": "\(Self.text(error))"])
        }
        do {
            let configuration = try read()
            let secret = try configuration.turnSecret()
            if let files = configuration.tls { for certificates in certificates { try certificates.replace(by: files) } }
            if certificates.isEmpty != (configuration.tls == nil) {
                logger.warning("TLS is switched on and off by a start only; it stays as it is")
            }
            useTURNSecret(secret)
            Log.setLevel(configuration.logLevel) {
                logger.notice("read certificates, TURN secret and log level again", metadata: ["level": "\(configuration.logLevel)"])
            }
        } catch {
            logger.error("nothing was read again, what is in use stays", metadata: ["why": "\(Self.text(error))"])
        }
    }

    /// Looks at the files every two seconds: what they hold says all that inotify would, over links and mounts too. A fault is told once, and
    /// only where it is still there at the next look: a pair is two files, which are seldom replaced in the same instant.
    private func watch() async {
        var fault: String?
        var told: String?
        while (try? await Task.sleep(for: .seconds(2))) != nil {
            do {
                if try certificates.count(where: { try $0.refresh() }) > 0 {
                    logger.notice("took the certificate and the key that are in place now")
                }
                fault = nil
                told = nil
            } catch {
                let last = fault
                fault = Self.text(error)
                guard fault == last, fault != told else { continue }
                told = fault
                logger.error(
                    "the certificate and the key in place cannot be used, what is in use stays", metadata: ["why": "\(fault ?? "")"])
            }
        }
    }

    /// One line, however many faults there are.
    private static func text(_ error: any Error) -> String {
        (error as? ServerConfiguration.Invalid)?.faults.joined(separator: "; ") ?? "\(error)"
    }
}
