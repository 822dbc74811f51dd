/// Who calls, as the signature says.
public struct Principal: Sendable {
    /// Twelve digits.
    public let account: String
    /// The access key.
    public let keyID: String
    public let reach: Reach
    /// Whether the key is one of temporary credentials.
    public let isSession: Bool

    /// What a principal may do.
    public enum Reach: Sendable {
        /// Every operation of the control plane in the account.
        case account
        /// What the policies of a user allow, of the operations of the control plane.
        case user(User)
        /// What the policies of a role allow, and that of the session where it has one.
        case role(RoleSession)
        /// What the agent of one thing needs, by the thing's ARN.
        case thing(String)
        /// What one playback session leads to: who holds its token may have that, and nothing else.
        case session
        /// Whatever there is, in the account: nobody is asked who they are.
        case anything
    }

    public init(account: String, keyID: String, reach: Reach, isSession: Bool = false) {
        self.account = account
        self.keyID = keyID
        self.reach = reach
        self.isSession = isSession
    }
}

/// Who calls, and what of the request matters to the rules.
public struct Caller: Sendable {
    public let principal: Principal
    public let region: String
    public let requestID: String
    /// Present where the client can make the same call again.
    public let invocation: Invocation?
    /// Scheme and host at which the client reached this deployment, such as `https://kvs.example.com:8443`; nil where it named none.
    public let origin: String?
    public let circumstances: Circumstances

    /// How a request came, as far as policies may ask for it.
    public struct Circumstances: Sendable {
        /// The address that the client called from; nil where it is a proxy's.
        public let sourceAddress: String?
        public let isTLS: Bool
        /// Milliseconds since the epoch.
        public let time: Int64

        public init(sourceAddress: String? = nil, isTLS: Bool = false, time: Int64 = 0) {
            self.sourceAddress = sourceAddress
            self.isTLS = isTLS
            self.time = time
        }
    }

    /// What makes two calls the same call, besides key and operation.
    public struct Invocation: Sendable {
        /// The same with each attempt of a client at one call.
        public let id: String
        /// SHA-256 of the region and the body, in hexadecimal.
        public let hash: String

        public init(id: String, hash: String) {
            self.id = id
            self.hash = hash
        }
    }

    public init(
        principal: Principal, region: String, requestID: String, invocation: Invocation?, origin: String?,
        circumstances: Circumstances = Circumstances()
    ) {
        self.principal = principal
        self.region = region
        self.requestID = requestID
        self.invocation = invocation
        self.origin = origin
        self.circumstances = circumstances
    }

    /// Twelve digits.
    public var account: String { principal.account }
    /// The access key.
    public var keyID: String { principal.keyID }
}
