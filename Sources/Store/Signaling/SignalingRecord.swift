/// A connection to the signaling of a channel.
public struct Presence: Sendable, Hashable {
    public let channel: ResourceKey
    /// The ClientId of a viewer; empty for the master.
    public let client: String
    /// Names the connection.
    public let session: String

    /// `channel` is one incarnation.
    public init(channel: ResourceKey, client: String, session: String) {
        self.channel = channel
        self.client = client
        self.session = session
    }

    /// Whether it is no client but a call that waits for an answer.
    public var isWaiter: Bool { client.hasPrefix("AWS_") }
}

/// Whose request a connection began with.
public struct ConnectionOrigin: Sendable, Hashable {
    public let keyID: String
    public let requestID: String

    public init(keyID: String, requestID: String) {
        self.keyID = keyID
        self.requestID = requestID
    }
}

/// Where a client is connected.
public struct Place: Sendable, Hashable {
    public let instance: String
    /// Names the connection.
    public let session: String

    public init(instance: String, session: String) {
        self.instance = instance
        self.session = session
    }
}

/// A connection as it is shown.
public struct PresenceRecord: Sendable, Hashable {
    public let client: String
    public let instance: String
    public let session: String
    /// Milliseconds since the epoch, by the database's clock.
    public let connectedAt: Int64
}

/// A message that waits for its recipient.
public struct MailboxRecord: Sendable, Hashable {
    /// As the channel counted it.
    public let sequence: Int64
    public let sender: String
    /// SDP_OFFER, SDP_ANSWER or ICE_CANDIDATE.
    public let kind: String
    public let payload: String

    public init(sequence: Int64, sender: String, kind: String, payload: String) {
        self.sequence = sequence
        self.sender = sender
        self.kind = kind
        self.payload = payload
    }
}

/// How an attempt to connect ended.
public enum Connecting: Sendable {
    case connected(Connected)
    case channelNotFound
    /// As many viewers are connected as may be.
    case full

    public struct Connected: Sendable {
        public let channelARN: String
        /// Greater than that of every connection before it to the same channel.
        public let sequence: Int64
        public let messageTtlSeconds: Int64
        public let storesMedia: Bool
        /// The connection of the same client that this one takes the place of, if it has one.
        public let superseded: Place?
        /// Where the master is, if it is connected; nil for a master.
        public let master: Place?
        /// What waited for the client, in order.
        public let waiting: [MailboxRecord]
    }
}

/// What became of a message to somebody who is not connected here.
public enum Keeping: Sendable {
    /// It waits for the recipient, who is connected there, or not at all.
    case kept(at: Place?)
    /// As much waits as may.
    case full
    case channelNotFound
}
