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
        /// What waited for the client, in order.
        public let waiting: [MailboxRecord]
    }
}

/// What became of a message to somebody who is not connected here.
public enum Keeping: Sendable {
    case kept(instance: String?)
    /// As much waits as may.
    case full
    case channelNotFound
}
