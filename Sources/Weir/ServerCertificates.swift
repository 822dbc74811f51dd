import FoundationEssentials
import Locking
import NIOSSL
import Settings

/// What TLS is served with: a certificate chain and its private key. They may be changed while the server runs: connections that are open keep
/// what they were made with, new ones get what is current.
///
/// Threads: any thread may ask for the context or change the pair at any time.
final class ServerCertificates: Sendable {
    private let current: Lock<Pair>

    /// - Parameter authorities: In PEM; clients must have a certificate of one of these. Nil: clients are asked for none.
    /// - Throws: `ServerConfiguration.Invalid` where the files cannot be read, or are no pair.
    init(_ files: ServerConfiguration.TLSFiles, trusting authorities: [String]? = nil) throws {
        current = Lock(try Pair(files, Contents(files), authorities))
    }

    /// For a connection that is made now.
    var context: NIOSSLContext { current.withLock { $0.context } }

    /// Takes the pair in these files for connections that are made from now on.
    ///
    /// - Throws: As `init`; the pair in use is kept then.
    func replace(by files: ServerConfiguration.TLSFiles) throws {
        let pair = try Pair(files, Contents(files), current.withLock { $0.authorities })
        current.withLock { $0 = pair }
    }

    /// Has clients be asked for a certificate of one of these authorities, in PEM. The order tells nothing.
    ///
    /// - Returns: Whether they are others than before.
    func trust(_ authorities: [String]) throws -> Bool {
        let old = current.withLock { $0 }
        guard old.authorities.map(Set.init) != Set(authorities) else { return false }
        let pair = try Pair(old.files, old.contents, authorities)
        current.withLock { $0 = pair }
        return true
    }

    /// Takes what is in the files of the pair in use, where that is something else by now: written, renamed to their names, or behind a symbolic
    /// link that leads elsewhere.
    ///
    /// - Returns: Whether there was something else.
    /// - Throws: As `replace`.
    func refresh() throws -> Bool {
        let old = current.withLock { $0 }
        let contents = try Contents(old.files)
        guard contents != old.contents else { return false }
        let pair = try Pair(old.files, contents, old.authorities)
        current.withLock { $0 = pair }
        return true
    }

    /// The bytes of both files.
    private struct Contents: Equatable {
        let certificate: [UInt8]
        let key: [UInt8]

        init(_ files: ServerConfiguration.TLSFiles) throws {
            do {
                certificate = try Array(Data(contentsOf: URL(filePath: files.certificate)))
                key = try files.keyBytes()
            } catch {
                throw files.unusable(error)
            }
        }
    }

    private struct Pair {
        let files: ServerConfiguration.TLSFiles
        let contents: Contents
        let authorities: [String]?
        let context: NIOSSLContext

        /// TLS 1.2 with forward secrecy and authenticated encryption, or 1.3.
        init(_ files: ServerConfiguration.TLSFiles, _ contents: Contents, _ authorities: [String]?) throws {
            self.files = files
            self.contents = contents
            self.authorities = authorities
            do {
                let chain = try NIOSSLCertificate.fromPEMBytes(contents.certificate).map { NIOSSLCertificateSource.certificate($0) }
                let key = try NIOSSLPrivateKey(bytes: contents.key, format: .pem)
                var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
                configuration.minimumTLSVersion = .tlsv12
                configuration.cipherSuiteValues = [
                    .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                    .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                    .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                ]
                if let authorities {
                    configuration.trustRoots = .certificates(
                        try authorities.flatMap { try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) })
                    // Of a client there is no name of a host to be compared.
                    configuration.certificateVerification = .noHostnameVerification
                }
                // Refuses a key that is not the certificate's.
                context = try NIOSSLContext(configuration: configuration)
            } catch {
                throw files.unusable(error)
            }
        }
    }
}

extension ServerConfiguration.TLSFiles {
    fileprivate func unusable(_ error: any Error) -> ServerConfiguration.Invalid {
        ServerConfiguration.Invalid(faults: ["tls-certificate, tls-key: \(certificate) and \(key) cannot be used: \(error)"])
    }
}
