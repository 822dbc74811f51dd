/// An authority that certifies devices.
public struct DeviceAuthorityRecord: Sendable, Hashable {
    /// The serial number of its certificate, in hexadecimal.
    public let id: String
    /// In PEM.
    public let certificate: String
    /// Its private key, encrypted under the deployment's master key.
    public let keySealed: String
    /// Milliseconds since the epoch, as all times here.
    public let createdAt: Int64
    public let expiresAt: Int64
}

/// A device of an account, with one of its certificates; nil where it has none.
public struct ThingRecord: Sendable, Hashable {
    public let account: String
    public let name: String
    public let createdAt: Int64
    /// Whether an authority is left that may have signed the certificate; else TLS refuses it.
    public let hasAuthority: Bool
    public let certificate: ThingCertificateRecord?
}

/// A certificate of a device.
public struct ThingCertificateRecord: Sendable, Hashable {
    /// SHA-256 of the certificate in DER, in hexadecimal.
    public let id: String
    /// In hexadecimal.
    public let serial: String
    public let account: String
    public let thing: String
    public let expiresAt: Int64
    public let revokedAt: Int64?
    /// Whether it is neither revoked nor at its end.
    public let isActive: Bool
}
