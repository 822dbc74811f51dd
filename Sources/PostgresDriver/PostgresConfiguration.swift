public import Prometheus

extension PostgresDatabase {
    /// How the database is used. What the connection string says itself (`connect_timeout`, `keepalives_idle`, ...) goes before.
    public struct Configuration: Sendable {
        /// How many connections, each with a thread of its own. One serves several requests at once, so a few are enough for
        /// reads; commits on different connections share one flush of the server's log, so a slow disk rewards more of them.
        public var connections = 4
        /// How long one address may take to connect and to log in; whole seconds, two at least. Where several hosts are named, one that
        /// is gone costs this much before the next is asked.
        public var connectTimeout: Duration = .seconds(3)
        /// How long the server may work on one statement; zero for no limit. It limits no commit: see `silenceLimit`.
        public var statementTimeout: Duration = .seconds(5)
        /// How long a statement may wait for a lock; zero for no limit.
        public var lockTimeout: Duration = .seconds(1)
        /// How many requests may wait for a connection; one more is refused as `overloaded`.
        public var queueLimit = 4096
        /// How long a request may wait for a connection before it fails as `unavailable`.
        public var queueDeadline: Duration = .seconds(2)
        /// How long after the last connection was lost requests still wait for one, each for up to the deadline, so that a restart or a
        /// failover costs them time and no error. From then on they fail at once, until there is a connection.
        public var outageGrace: Duration = .seconds(10)
        /// Whether statements are prepared once for each connection. Off for poolers in transaction mode that do not know them: those share
        /// a server's connection among clients.
        public var preparedStatements = true
        /// What `pg_stat_activity` shows.
        public var applicationName = "weir"
        /// How long a connection is silent before the kernel asks, three times at most, whether the other side is still there;
        /// whole seconds.
        public var keepaliveIdle: Duration = .seconds(5)
        /// Between two of those questions; whole seconds.
        public var keepaliveInterval: Duration = .seconds(2)
        /// How long sent data may stay unconfirmed by the other side's kernel before the connection counts as lost.
        public var tcpUserTimeout: Duration = .seconds(6)

        /// Where the driver tells of its work.
        public var metrics = Registry()

        /// How long the server may say nothing while it owes an answer, before the connection counts as lost; nil for ever. It cuts a
        /// statement off itself after the statement timeout; only a stuck machine or network stays silent for longer, or a commit that
        /// waits for its standby.
        var silenceLimit: Duration? {
            statementTimeout > .zero ? statementTimeout + .seconds(3) : nil
        }

        /// The defaults above.
        public init() {}
    }

    /// A snapshot for metrics.
    public struct Statistics: Sendable, Hashable {
        /// How many connections there should be.
        public var connections: Int
        /// How many are open.
        public var connectionsUp: Int
        /// Requests that wait for a connection.
        public var queued: Int
        /// Requests that were handed to a connection and have not been answered.
        public var inFlight: Int
        /// Connections opened after the first ones, since start.
        public var reconnects: Int
    }
}
