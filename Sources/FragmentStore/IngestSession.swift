public import NIOCore
public import SQL
public import Store

/// One producer's connection to a stream: fragments one after the other, each begun, appended to, and finished or abandoned.
///
/// The newest session of a stream wins, from the moment in which its first fragment begins: an older one may finish the fragment it is in, and
/// is then fenced. Once a call has failed every later one fails alike.
///
/// Threads: any one task at a time; what `finish` returns may be awaited by others.
public final class IngestSession: Sendable {
    /// The stream as it was when the session was opened.
    public let stream: StoredStream

    init(stream: StoredStream) { self.stream = stream }

    /// Begins a fragment and gives it its number. The server's time in it is now, or one more than that of the fragment before.
    public func begin(_ start: FragmentStart) async throws(IngestFailure) -> FragmentNumber {
        throw .internal("")
    }

    /// Takes bytes of the fragment that has begun: the Cluster and what follows it, as they came. Returns when there is room for more, which is
    /// how a slow disk holds its producers back.
    public func append(_ bytes: ByteBuffer) async throws(IngestFailure) {
        throw .internal("")
    }

    /// Ends the fragment and has it stored. Returns when there is room for the next; `StoringFragment.stored` returns when this one is stored.
    ///
    /// - Parameter beside: Adds statements to the batch that stores the fragment. They must depend on its row in `fragment` (`stream_id`,
    ///   `sequence`), which is not there where the fragment is refused, and never is where nothing is kept. May be called again, for another batch.
    public func finish(
        _ end: FragmentEnd, beside: (@Sendable (FragmentRecord, inout Batch) -> Void)? = nil
    ) async throws(IngestFailure) -> StoringFragment {
        throw .internal("")
    }

    /// Forgets the fragment that has begun, if one has. Its number is not given again.
    public func abandon() async {}

    /// Ends the session: a fragment that is not finished is forgotten, those that are finished are stored still.
    public func close() async {}
}

/// A finished fragment on its way to the disk.
public struct StoringFragment: Sendable {
    public let number: FragmentNumber

    /// Returns when the fragment is stored: its bytes synced, its row committed, and in that commit the session was still the stream's writer.
    /// Where the stream keeps nothing (`FragmentRecord.isArchived` is false) it is in the ring, synced nowhere, and not to be told as PERSISTED.
    /// Fragments of a session are stored in their order.
    public func stored() async throws(IngestFailure) -> FragmentRecord { throw .internal("") }
}
