public import Contract
public import NIOCore

/// What an operator decides about the way in.
public struct GatewayConfiguration: Sendable {
    /// How callers prove who they are.
    public enum Authentication: Sendable {
        /// Signature Version 4, by an access key of the deployment. nil allows every region that a signature names.
        case signature(regions: Set<String>?)
        /// Not at all: whoever can reach the server acts for this account in this region.
        case none(account: String, region: String)
    }

    public var authentication: Authentication
    /// Origins of web pages that may call, such as `https://console.example.com`; `*` allows all.
    public var corsOrigins: [String]
    /// Origins of web pages that may play what the token of a session opens.
    public var playbackOrigins: [String]
    /// Whether clients speak TLS to this server, which decides the scheme of echoed endpoints.
    public var isTLS: Bool
    /// The APIs whose calls are answered; where there is none, only the pages for operators are.
    public var serves: Set<API>
    /// The largest body that is read, in bytes.
    public var bodyLimit: Int
    /// How many bytes of large request bodies are held at one time, in all. Of these an address gets at most half.
    public var largeBodies: Int
    /// How many bytes of large answers are held at one time, in all. Of these an account gets at most half.
    public var largeReplies: Int
    /// How many calls are answered at one time, in all, those that wait for the database included. Of these an account gets at most half.
    public var callsAtOnce: Int
    /// How many long answers are made at one time.
    public var longAnswers: Int
    /// How many signatures that failed an address may have sent before it is refused.
    public var failedSignatures: Int
    public var limits: Limits

    /// How long a client may take for its part.
    public struct Limits: Sendable {
        /// To begin a request on a connection that is open.
        public var idle = TimeAmount.seconds(75)
        /// To send the rest of a small request, once its head is there.
        public var arrival = TimeAmount.seconds(30)
        /// To take at least one byte of an answer.
        public var unread = TimeAmount.seconds(30)
        /// To end its side of a connection after the last answer.
        public var ending = TimeAmount.seconds(2)

        public init() {}
    }

    public init(
        authentication: Authentication, corsOrigins: [String] = [], playbackOrigins: [String] = ["*"], isTLS: Bool = false,
        serves: Set<API> = Set(API.allCases), bodyLimit: Int = 1 << 20, largeBodies: Int = 64 << 20, largeReplies: Int = 64 << 20,
        callsAtOnce: Int = 2048, longAnswers: Int = 4, failedSignatures: Int = 1000, limits: Limits = Limits()
    ) {
        self.authentication = authentication
        self.corsOrigins = corsOrigins
        self.playbackOrigins = playbackOrigins
        self.isTLS = isTLS
        self.serves = serves
        self.bodyLimit = bodyLimit
        self.largeBodies = largeBodies
        self.largeReplies = largeReplies
        self.callsAtOnce = callsAtOnce
        self.longAnswers = longAnswers
        self.failedSignatures = failedSignatures
        self.limits = limits
    }
}
