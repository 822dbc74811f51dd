import Locking
import NIOSSL
import Settings

/// What TLS is served with: a certificate chain and its private key. They may be changed while the server runs: connections that are open keep
/// what they were made with, new ones get what is current.
///
/// Threads: any thread may ask for the context or change the pair at any time.
final class ServerCertificates: Sendable {
    private let current: Lock<NIOSSLContext>

    /// - Throws: `ServerConfiguration.Invalid` where the files cannot be read, or are no pair.
    init(_ files: ServerConfiguration.TLSFiles) throws {
        current = Lock(try Self.context(files))
    }

    /// For a connection that is made now.
    var context: NIOSSLContext { current.withLock { $0 } }

    /// Takes the pair in these files for connections that are made from now on.
    ///
    /// - Throws: As `init`; the pair in use is kept then.
    func replace(by files: ServerConfiguration.TLSFiles) throws {
        let context = try Self.context(files)
        current.withLock { $0 = context }
    }

    /// TLS 1.2 with forward secrecy and authenticated encryption, or 1.3.
    private static func context(_ files: ServerConfiguration.TLSFiles) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
            let key = try NIOSSLPrivateKey(bytes: files.keyBytes(), format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(certificateChain: chain, privateKey: .privateKey(key))
            configuration.minimumTLSVersion = .tlsv12
            configuration.cipherSuiteValues = [
                .TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, .TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                .TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, .TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                .TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, .TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
            ]
            // Refuses a key that is not the certificate's.
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw ServerConfiguration.Invalid(
                faults: ["tls-certificate, tls-key: \(files.certificate) and \(files.key) cannot be used: \(error)"])
        }
    }
}
