/// A hint that work waits. It carries nothing: who is woken looks into the database, as it would have done by itself a little later.
///
/// Threads: any task may raise it at any time; one task listens.
public struct WorkSignal: Sendable {
    /// One element for any number of hints since the last was taken.
    let hints: AsyncStream<Void>
    private let continuation: AsyncStream<Void>.Continuation

    /// A signal that nobody has raised.
    public init() {
        (hints, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Wakes the worker; returns at once.
    public func raise() {
        continuation.yield()
    }
}
