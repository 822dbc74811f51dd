import Glibc
public import Prometheus

extension SQLiteDatabase {
    /// How a database file is used. The defaults suit a server that owns its file.
    public struct Configuration: Sendable {
        /// What a committed batch survives.
        public enum Durability: String, Sendable {
            /// The loss of power: the log is flushed to the disk before a batch is answered.
            case full = "FULL"
            /// The loss of the process only: a loss of power may undo the last batches, but never a part of one.
            case normal = "NORMAL"
        }

        /// What a committed batch survives.
        public var durability = Durability.full
        /// Whether a second opener is refused. A short-lived command opens the file beside the server that owns it: SQLite keeps the two apart.
        public var isAlone = true
        /// The number of connections for reading, so of reads at the same time; at least 1.
        public var readers = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        /// How many reads may wait for a connection; any further one fails as `overloaded`.
        public var waitingReads = 4096
        /// How many writes may wait for the writer; any further one fails as `overloaded`.
        public var waitingWrites = 4096
        /// A write that has waited longer than this for the writer is not run and fails as `unavailable`.
        public var writeDeadline = Duration.seconds(10)
        /// How many batches share one transaction, and so one flush of the disk, at most; at least 1.
        public var groupSize = 128
        /// How long a write waits for a lock that another process holds (a copy being taken, a console) before it fails as `conflict`.
        public var busyTimeout = Duration.seconds(5)
        /// Page cache in bytes: a third for the writer, the rest shared out among the readers.
        public var cacheSize = 48 << 20
        /// The clock behind the SQL function `now_ms()`: milliseconds since the epoch. Called on any thread.
        public var clock: @Sendable () -> Int64 = {
            var now = timespec()
            clock_gettime(CLOCK_REALTIME, &now)
            return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
        }

        /// Where the driver tells of its work.
        public var metrics = Registry()

        /// The SQLite file system layer, or nil for the usual one. Tests name one that fails on demand.
        var fileSystem: String?

        /// The defaults.
        public init() {}
    }
}
