public import NIOCore

/// What a plane does with a WebSocket that it has admitted.
///
/// Threads: called on the event loop of the socket, one call after the other: `opened` first, `ended` last, each at most once. Where the client left
/// before the socket was there, `ended` is the only call.
public protocol SocketSession: AnyObject, Sendable {
    /// The client has been told that it is connected.
    func opened(_ socket: any Socket)
    /// A text message: UTF-8, at most as long as the rules allow.
    func received(_ text: ByteBuffer)
    /// The instance is asked to stop. Returns whether the client was told and will go by itself; else it is disconnected now.
    func draining() -> Bool
    /// The client said goodbye, or was told to go, or its connection is gone. Nothing more reaches it.
    func ended()
}

/// The way to the client of a WebSocket.
///
/// Threads: any task may use it at any time. Messages leave in the order of the calls of `send`.
public protocol Socket: Sendable {
    /// Sends a text message. A client that leaves too many unread of those that are counted is disconnected with `SocketClosure.slow`.
    func send(_ text: ByteBuffer, isCounted: Bool)
    /// Disconnects the client, after what was sent before. Later calls do nothing.
    func close(_ closure: SocketClosure)
}

extension Socket {
    public func send(_ text: ByteBuffer) { send(text, isCounted: true) }
}

/// Why a client is disconnected, as the closing frame says it.
public struct SocketClosure: Sendable, Hashable {
    /// RFC 6455, section 7.4.1.
    public let code: UInt16
    /// ASCII, at most 123 bytes.
    public let reason: String

    public init(code: UInt16, reason: String) {
        self.code = code
        self.reason = reason
    }

    /// It goes as the client asked.
    public static let normal = SocketClosure(code: 1000, reason: "")
    /// The client is to connect again, to whichever instance answers.
    public static let goingAway = SocketClosure(code: 1001, reason: "Going away: connect again.")
    public static let silent = SocketClosure(code: 1001, reason: "Nothing was sent for too long: connect again.")
    public static let longest = SocketClosure(code: 1001, reason: "The connection has lasted as long as it may: connect again.")
    public static let malformed = SocketClosure(code: 1002, reason: "What was sent is no WebSocket frame that can stand here.")
    public static let binary = SocketClosure(code: 1003, reason: "Only text messages are taken.")
    public static let notUTF8 = SocketClosure(code: 1007, reason: "What was sent as text is not UTF-8.")
    public static let slow = SocketClosure(code: 1008, reason: "Too many messages were left unread.")
    public static let tooLarge = SocketClosure(code: 1009, reason: "The message is too large.")
}

/// What a client of a WebSocket may do, and for how long.
public struct SocketRules: Sendable {
    /// The longest text message, in bytes.
    public var messageLimit: Int
    /// How long the client may send nothing, not even a ping; nil for as long as it likes. Its answers to our pings do not count.
    public var silence: TimeAmount?
    /// How long the socket may be open; nil for as long as the client likes.
    public var longest: TimeAmount?
    /// How often the client is sent a ping. One that leaves two unanswered is taken for gone.
    public var ping: TimeAmount
    /// How long clients have to go after the instance was asked to stop: they are told, or disconnected, at any time of the first three quarters;
    /// who was told and is still there is disconnected in the last.
    public var grace: TimeAmount
    /// Messages, and bytes of messages, that may wait for the client to take them.
    public var unreadMessages = 200
    public var unreadBytes = 256 << 10

    public init(messageLimit: Int, silence: TimeAmount?, longest: TimeAmount?, ping: TimeAmount, grace: TimeAmount) {
        self.messageLimit = messageLimit
        self.silence = silence
        self.longest = longest
        self.ping = ping
        self.grace = grace
    }
}

/// A WebSocket whose client may have it.
public struct AdmittedSocket: Sendable {
    public let session: any SocketSession
    public let rules: SocketRules

    public init(_ session: any SocketSession, _ rules: SocketRules) {
        self.session = session
        self.rules = rules
    }
}
