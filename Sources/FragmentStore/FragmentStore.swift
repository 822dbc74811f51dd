public import Logging
public import NIOCore
public import Prometheus
public import ServiceLifecycle
public import Store

/// The media of all streams: fragments as they came, in packs on this machine's disk, and their index in the database.
///
/// A fragment that was told as stored survives the loss of the process and of the machine's power, and is seen by whoever looks from then on.
///
/// Threads: any task may call any method at any time.
public final class FragmentStore: Service {
    /// What can be set.
    public struct Configuration: Sendable {
        /// What to do when the disk's reserve is reached.
        public enum WhenFull: String, Sendable, CaseIterable {
            /// New sessions are refused, and running ones end after the fragment they are in.
            case refuse
            /// The oldest packs are dropped, of whatever stream.
            case oldest
        }

        /// The folder of packs; made where it is missing.
        public var directory: String
        /// That of streams in the tier WARM; nil: the same.
        public var warmDirectory: String?
        public var whenFull = WhenFull.refuse
        /// Bytes of each disk that are left free; nil: the larger of a twentieth of it and 10 GiB, but at most a fifth.
        public var reserve: Int64?
        /// Bytes that an account may store; nil: any number.
        public var accountQuota: Int64?
        /// Milliseconds and bytes of a stream without retention that are at hand.
        public var ringSpan: Int64 = 300_000
        public var ringBytes: Int64 = 200_000_000
        /// Bytes of fragments that may wait in memory, of all sessions together; beyond, each session waits with 128 KiB at most.
        public var memory = 256 << 20

        /// The instance's id, kept with its sessions and packs.
        public var instanceID: String

        public init(directory: String, instanceID: String) {
            self.directory = directory
            self.instanceID = instanceID
        }
    }

    /// A store of media beside a store of everything else. Nothing is opened yet.
    public init(
        store: Store, configuration: Configuration, files: any FileSystem = LocalFiles(), clock: @escaping @Sendable () -> Int64 = systemTime,
        registry: Registry = Registry(), eventsWait: @escaping @Sendable () -> Void = {}, logger: Logger
    ) {
    }

    /// Takes the folders for this process alone, and makes them agree with the index: what was never told as stored is cut off. To be called
    /// before anything else.
    public func open() async throws {}

    /// Seals packs, removes what expired, watches the disks, until the process is asked to stop; then finishes what waits and gives the folders
    /// back.
    public func run() async throws {}

    // MARK: Writing

    /// Opens a session of a stream that is CREATING, ACTIVE or UPDATING, the newest from now on.
    ///
    /// - Parameter limit: How many sessions of the stream may live on this instance with this one; nil: any number.
    public func openSession(_ key: ResourceKey, limit: Int? = nil) async throws(SessionRefusal) -> IngestSession {
        throw .notFound
    }

    // MARK: Reading

    /// The stream, unless it is not there, or DELETING. What it says is of now: read it again for each call of a client.
    public func stream(_ key: ResourceKey) async throws(ReadFailure) -> StoredStream? { nil }

    /// At most `limit` fragments of a selection after a position, without the expired. Empty where the stream keeps nothing.
    ///
    /// The cost of a page does not depend on how many fragments there are. Each call reads status and retention anew: what has expired at
    /// that moment is not among them, and a stream that is gone is `streamGone`.
    public func fragments(
        of stream: StoredStream, _ selection: FragmentSelection, after position: FragmentPosition? = nil, limit: Int
    ) async throws(ReadFailure) -> FragmentPage {
        FragmentPage(fragments: [], next: nil)
    }

    /// The fragment of this number; nil where the stream has none, or it has expired.
    public func fragment(_ number: FragmentNumber, of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? { nil }

    /// The fragment whose span holds a time of the producer's or the server's clock, else the next that begins after it; nil where there is neither.
    public func fragment(atServerTime time: Int64, of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? { nil }
    public func fragment(atProducerTime time: Int64, of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? { nil }

    /// The last fragment that is stored; nil where there is none.
    public func lastFragment(of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? { nil }

    /// At most `limit` fragments after a sequence of a stream that keeps nothing, as far as this instance still has them: none is read from the index.
    public func ringFragments(of stream: StoredStream, after sequence: Int64, limit: Int) -> [FragmentRecord] { [] }

    /// The bytes of a fragment, from its Cluster on, in pieces of at most 1 MiB that are read as they are asked for, on threads of their own.
    /// What does not agree with its checksum is thrown as `damaged`; of a fragment up to 1 MiB nothing is given then.
    public func bytes(of fragment: FragmentRecord) -> FragmentBytes { FragmentBytes() }

    /// The header of a fragment.
    public func trackSet(of fragment: FragmentRecord) async throws(ReadFailure) -> TrackSet { throw .fragmentGone }

    /// What is kept of a stream.
    public func usage(of stream: StoredStream) async throws(ReadFailure) -> StorageUsage { throw .streamGone }

    /// Bytes that are kept of all streams of an account.
    public func bytesStored(by account: String) async throws(ReadFailure) -> Int64 { 0 }

    /// Where a stream has no media for more than `tolerance` milliseconds, within a range of its producer's time; at most `limit`.
    public func gaps(
        of stream: StoredStream, in range: ClosedRange<Int64>, tolerance: Int64 = 2000, limit: Int
    ) async throws(ReadFailure) -> [MediaGap] { [] }
}

/// The bytes of a fragment. Throws `ReadFailure`.
///
/// Threads: each iterator belongs to one task.
public struct FragmentBytes: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer
    public typealias Failure = ReadFailure

    public struct AsyncIterator: AsyncIteratorProtocol {
        public mutating func next() async throws(ReadFailure) -> ByteBuffer? { nil }
        public mutating func next(isolation actor: isolated (any Actor)?) async throws(ReadFailure) -> ByteBuffer? { nil }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
}
