public import Contract
import Crypto
import FoundationEssentials
public import Store

/// A device of the deployment, as its certificate says.
public struct Device: Sendable {
    public let account: String
    /// Its name, which is that of its thing.
    public let thing: String
    /// SHA-256 of the certificate in DER, in hexadecimal.
    public let certificateID: String
    /// Of the certificate, in hexadecimal.
    public let serial: String
}

/// What a device gets.
public struct DeviceGrant: Sendable {
    /// The ARN of the role that it has taken on.
    public let role: String
    /// The id of the access key, which is no secret.
    public let keyID: String
    /// When the credentials end, in ISO 8601.
    public let expiration: String
    /// The document that the provider of AWS IoT returns.
    public let document: [UInt8]

    init(_ made: TemporaryCredentials, of role: RoleRecord) {
        self.role = "arn:aws:iam::\(role.account):role/\(role.name)"
        keyID = made.id
        expiration = Date(timeIntervalSince1970: Double(made.expiresAt / 1000)).formatted(.iso8601)
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("credentials")
        writer.beginObject()
        for (key, value) in [
            ("accessKeyId", made.id), ("secretAccessKey", made.secret), ("sessionToken", made.token), ("expiration", expiration),
        ] {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        writer.endObject()
        document = writer.bytes
    }
}

/// Tells devices by their certificates, and gives them credentials of the roles that trust them.
///
/// AWS IoT Core developer guide, "Authorizing direct calls to AWS services using AWS IoT Core credential provider".
///
/// Threads: a value without state of its own; any task may use it at any time.
public struct DeviceCredentials: Sendable {
    private let store: Store
    private let keys: AccessKeys

    public init(store: Store, keys: AccessKeys) {
        self.store = store
        self.keys = keys
    }

    /// What roles name that trust devices.
    public static let service = "credentials.iot.amazonaws.com"

    /// What a certificate in DER is known by.
    public static func id(ofCertificate der: [UInt8]) -> String {
        SHA256.hash(data: der).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// By what policies, and sessions of devices, name the certificate.
    static let certificateKey = "credentials-iot:awscertificateid"

    /// Whose certificate it is. That it was signed by an authority of the deployment is TLS's to see to; here it must be one that was recorded, is
    /// not revoked and has not come to its end.
    public func device(certificate der: [UInt8]) async throws(OperationError) -> Device {
        let id = Self.id(ofCertificate: der)
        let record = try await read { () async throws(Store.Failure) in try await store.thingCertificate(id) }
        guard let record, record.isActive else { throw OperationError(.accessDenied, "Certificate is invalid on this endpoint") }
        return Device(account: record.account, thing: record.thing, certificateID: id, serial: record.serial)
    }

    /// Credentials of the role that an alias of the device's account leads to; refusals are in the words of the provider of AWS IoT. `thing` is what the device calls itself, where it does.
    public func credentials(of device: Device, alias: String, thing: String?) async throws(OperationError) -> DeviceGrant {
        guard thing == nil || thing == device.thing else { throw OperationError(.accessDenied, "Invalid thing name passed") }
        let account = device.account
        let found = try await read { () async throws(Store.Failure) in try await store.roleAlias(account: account, name: alias) }
        guard let found else { throw OperationError(.resourceNotFound, "Role alias does not exist") }
        let role = try await read { () async throws(Store.Failure) in try await store.role(account: account, name: found.role) }
        let context = ["credentials-iot:thingname": device.thing, Self.certificateKey: device.certificateID]
        guard let role,
            let made = try keys.credentials(
                of: role, for: Self.service,
                SessionTerms(lifetime: found.lifetime, name: device.thing, context: context))
        else { throw OperationError(.validation, "Unable to assume the role, or the role to assume does not exist") }
        guard found.lifetime <= role.longestSession else {
            throw OperationError(
                .validation, "The requested CredentialDurationSeconds exceeds the MaxSessionDuration set for the role")
        }
        return DeviceGrant(made, of: role)
    }

    private func read<Record>(_ body: () async throws(Store.Failure) -> Record?) async throws(OperationError) -> Record? {
        do throws(Store.Failure) { return try await body() } catch { throw OperationError(error) }
    }
}
