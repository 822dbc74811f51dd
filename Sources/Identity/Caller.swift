/// Who calls, as the signature says.
public struct Principal: Sendable, Hashable {
    /// Twelve digits.
    public let account: String
    /// The access key.
    public let keyID: String
    public let reach: Reach

    /// What a principal may do.
    public enum Reach: Sendable, Hashable {
        /// Every operation of the control plane in the account.
        case account
        /// What the agent of one thing needs, by the thing's ARN.
        case thing(String)
        /// Whatever there is, in the account: nobody is asked who they are.
        case anything
    }

    public init(account: String, keyID: String, reach: Reach) {
        self.account = account
        self.keyID = keyID
        self.reach = reach
    }
}

extension Principal {
    /// Whoever signs with an access key.
    public init(_ key: AccessKey) {
        self.init(account: key.account, keyID: key.id, reach: key.thingARN.map(Reach.thing) ?? .account)
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

    public init(principal: Principal, region: String, requestID: String, invocation: Invocation?, origin: String?) {
        self.principal = principal
        self.region = region
        self.requestID = requestID
        self.invocation = invocation
        self.origin = origin
    }

    /// Twelve digits.
    public var account: String { principal.account }
    /// The access key.
    public var keyID: String { principal.keyID }
}
