public import Contract
import FoundationEssentials
public import Store

/// Credentials that end by themselves, as whoever signs with them has them.
public struct TemporaryCredentials: Sendable {
    /// Begins with `ASIA`, as AWS has it.
    public let id: String
    public let secret: String
    /// What every call that is signed with the secret carries beside the signature, as `X-Amz-Security-Token`.
    public let token: String
    /// Milliseconds since the epoch.
    public let expiresAt: Int64
}

/// What a session is to be, beyond whose it is.
public struct SessionTerms: Sendable {
    /// Seconds.
    public let lifetime: Int64
    /// Tells sessions of a role apart: `RoleSessionName`.
    public var name = ""
    /// A policy that every call must be allowed by too, in IAM's JSON language; checked before.
    public var policy: String?
    /// What policies read as `aws:PrincipalTag/KEY`; each overrules the role's tag of its key.
    public var tags: [TagRecord] = []
    /// What else policies read of who calls, by keys in lower case, such as `credentials-iot:thingname`.
    public var context: [String: String] = [:]

    public init(lifetime: Int64, name: String = "", policy: String? = nil, tags: [TagRecord] = [], context: [String: String] = [:]) {
        self.lifetime = lifetime
        self.name = name
        self.policy = policy
        self.tags = tags
        self.context = context
    }
}

/// What a session token says. It is sealed under the master key, bound to its access key, so no instance keeps a record of it.
public struct Session: Sendable, Codable {
    let secret: String
    let account: String
    let origin: Origin
    /// By the store's time, in milliseconds since the epoch, as `expiresAt`.
    let issuedAt: Int64
    let expiresAt: Int64

    /// What it depends on, and ends with.
    enum Origin: Codable {
        /// An access key, by its id: who has the session is who has the key.
        case key(String)
        case role(Role)
    }

    struct Role: Codable {
        let name: String
        let id: String
        let session: String
        let policy: String?
        let tags: [String: String]
        let context: [String: String]
    }
}

/// Makes and opens session tokens.
struct SessionTokens: Sendable {
    /// A token must fit the head of a request.
    static let maximumLength = 6144
    /// How the ids of their access keys begin.
    static let kind = "ASIA"

    private let sealer: Sealer

    init(_ masterKey: MasterKey) { sealer = Sealer(masterKey, for: "session tokens") }

    /// Credentials of a session that begins at `now`, in milliseconds since the epoch.
    func credentials(_ origin: Session.Origin, account: String, now: Int64, lifetime: Int64) throws(OperationError) -> TemporaryCredentials
    {
        let (id, secret) = (AccessKey.newID(Self.kind), AccessKey.newSecret())
        let expiresAt = now + lifetime * 1000
        let session = Session(secret: secret, account: account, origin: origin, issuedAt: now, expiresAt: expiresAt)
        let token: String
        do {
            token = try sealer.seal(String(decoding: try JSONEncoder().encode(session), as: UTF8.self), owner: id)
        } catch {
            throw .internalFailure("\(error)")
        }
        guard token.utf8.count <= Self.maximumLength else {
            throw OperationError(
                .validation, "The session policy and the session tags are too large together: no request could carry the token.")
        }
        return TemporaryCredentials(id: id, secret: secret, token: token, expiresAt: expiresAt)
    }

    /// What a token says, if it was made for the access key of this id.
    func session(_ token: String, of id: String) -> Session? {
        guard token.utf8.count <= Self.maximumLength, let text = sealer.open(token, owner: id) else { return nil }
        return try? JSONDecoder().decode(Session.self, from: Data(text.utf8))
    }
}

extension AccessKeys {
    /// Makes credentials of a session of a role, whoever it is for: that its trust and policies allow it, and that the lifetime is one that the role
    /// permits, is for the caller to have checked. They are refused from when the role is removed or its sessions are revoked. Throws a
    /// `ValidationException` where policy and tags are too large for a token.
    public func credentials(of role: RoleRecord, _ terms: SessionTerms) throws(OperationError) -> TemporaryCredentials {
        let origin = Session.Role(
            name: role.name, id: role.id, session: terms.name, policy: terms.policy,
            tags: Dictionary(terms.tags.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }), context: terms.context)
        return try tokens.credentials(.role(origin), account: role.account, now: role.readAt, lifetime: terms.lifetime)
    }

    /// The same for a device that has shown who it is in another way than by signing: nil where the role's trust does not name `service`, such as
    /// `credentials.iot.amazonaws.com`, for the action `sts:AssumeRole`. `terms.name` tells devices apart in denials; `terms.context` is what
    /// policies read of the device.
    public func credentials(
        of role: RoleRecord, for service: String, _ terms: SessionTerms
    ) throws(OperationError) -> TemporaryCredentials? {
        try role.trusts(service: service, terms.context) ? credentials(of: role, terms) : nil
    }

    /// Makes credentials of who calls with a key, which end with it. `caller` signs with an access key, not with a session.
    public func credentials(of caller: Caller, lifetime: Int64) throws(OperationError) -> TemporaryCredentials {
        try tokens.credentials(.key(caller.keyID), account: caller.account, now: caller.circumstances.time, lifetime: lifetime)
    }

    /// What a token says, if it was made here for the access key of this id. Asks no store.
    public func session(_ token: String, of id: String) -> Session? { tokens.session(token, of: id) }

    /// Whether an access key of this id goes with a session token, if there is one at all.
    public static func isOfSession(_ id: String) -> Bool { id.hasPrefix(SessionTokens.kind) }
}
