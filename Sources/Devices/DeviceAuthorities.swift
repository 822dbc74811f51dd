import Crypto
public import FoundationEssentials
public import Identity
public import Store
import SwiftASN1
import X509

/// The authorities that certify devices of the deployment, and the certificates that they make. Authorities are in the database, their private keys
/// encrypted under the master key; of a device's private key nothing is kept.
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct DeviceAuthorities: Sendable {
    private let store: Store
    private let sealer: Sealer
    private let now: @Sendable () -> Date

    /// The authorities of a store, under its deployment's master key.
    public init(store: Store, masterKey: MasterKey, now: @escaping @Sendable () -> Date = { Date() }) {
        self.store = store
        self.now = now
        sealer = Sealer(masterKey, for: "keys of device authorities")
    }

    /// Why nothing can be certified. The text is for operators.
    public struct Failure: Error, CustomStringConvertible {
        public let description: String
    }

    /// A certificate of a device with its private key, which cannot be read again later.
    public struct Issued: Sendable {
        /// In hexadecimal.
        public let serial: String
        /// Certificate and private key, in PEM.
        public let certificate: String
        public let key: String
        public let expires: Date
    }

    /// Makes an authority that lasts `lifetime` milliseconds, and signs from now on. Those that were there are trusted until they end.
    public func create(lifetime: Int64) async throws {
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(key.publicKey)
        let serial = Self.randomSerial()
        let name = try DistinguishedName { CommonName("Weir device authority \(Self.text(serial).prefix(8))") }
        let (begins, ends) = validity(lifetime)
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: serial), publicKey: publicKey, notValidBefore: begins,
            notValidAfter: ends, issuer: name, subject: name,
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.isCertificateAuthority(maxPathLength: 0))
                Critical(KeyUsage(keyCertSign: true, cRLSign: true))
                SubjectKeyIdentifier(hash: publicKey)
            }, issuerPrivateKey: Certificate.PrivateKey(key))
        let id = Self.text(serial)
        try await store.addDeviceAuthority(
            id: id, certificate: certificate.serializeAsPEM().pemString + "\n", keySealed: sealer.seal(key.pemRepresentation, owner: id),
            expiresAt: Self.milliseconds(ends))
    }

    /// The certificates of all authorities that have not come to their end, in PEM, the newest first.
    public func certificates() async throws -> [String] { try await store.deviceAuthorities().map(\.certificate) }

    /// Makes a certificate of a device of an account, for `lifetime` milliseconds or until its authority ends.
    ///
    /// - Throws: `Failure` where there is no authority, or no such device.
    public func certify(_ thing: String, account: String, lifetime: Int64) async throws -> Issued {
        guard let record = try await store.deviceAuthorities().first else {
            throw Failure(description: "There is no authority yet: weir things authority create")
        }
        guard let secret = sealer.open(record.keySealed, owner: record.id) else {
            throw Failure(description: "The key of the authority \(record.id) was encrypted under another master key.")
        }
        let authority = try Certificate(pemEncoded: record.certificate)
        let key = P256.Signing.PrivateKey()
        let publicKey = Certificate.PublicKey(key.publicKey)
        let serial = Self.randomSerial()
        let (begins, ends) = validity(lifetime)
        let certificate = try Certificate(
            version: .v3, serialNumber: Certificate.SerialNumber(bytes: serial), publicKey: publicKey,
            notValidBefore: max(begins, authority.notValidBefore), notValidAfter: min(ends, authority.notValidAfter),
            issuer: authority.subject, subject: DistinguishedName { CommonName(thing) },
            extensions: Certificate.Extensions {
                Critical(BasicConstraints.notCertificateAuthority)
                Critical(KeyUsage(digitalSignature: true))
                try ExtendedKeyUsage([.clientAuth])
                SubjectKeyIdentifier(hash: publicKey)
                AuthorityKeyIdentifier(keyIdentifier: SubjectKeyIdentifier(hash: authority.publicKey).keyIdentifier)
            }, issuerPrivateKey: Certificate.PrivateKey(P256.Signing.PrivateKey(pemRepresentation: secret)))
        var der = DER.Serializer()
        try der.serialize(certificate)
        let isRecorded = try await store.addThingCertificate(
            id: DeviceCredentials.id(ofCertificate: der.serializedBytes), serial: Self.text(serial), account: account, thing: thing,
            expiresAt: Self.milliseconds(certificate.notValidAfter))
        guard isRecorded else { throw Failure(description: "There is no thing \(thing) in the account \(account): weir things create") }
        return Issued(
            serial: Self.text(serial), certificate: try certificate.serializeAsPEM().pemString + "\n", key: key.pemRepresentation + "\n",
            expires: certificate.notValidAfter)
    }

    /// The clocks of other instances may be a minute behind. X.509 knows no parts of a second.
    private func validity(_ lifetime: Int64) -> (begins: Date, ends: Date) {
        let now = Date(timeIntervalSince1970: now().timeIntervalSince1970.rounded(.down))
        return (now.addingTimeInterval(-60), now.addingTimeInterval(Double(lifetime / 1000)))
    }

    private static func milliseconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970 * 1000) }

    /// 16 bytes that stand for a positive number of just so many.
    private static func randomSerial() -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        return [UInt8.random(in: 1...0x7F, using: &generator)] + (0..<15).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    /// As openssl shows it.
    private static func text(_ serial: [UInt8]) -> String {
        serial.map { ($0 < 16 ? "0" : "") + String($0, radix: 16, uppercase: true) }.joined()
    }
}
