public import NIOCore

/// The body of a request whose route streams it: its bytes in the order in which they arrive, as buffers of no fixed size.
///
/// No more is read from the client while a few buffers wait to be taken, so a slow consumer holds back its own client alone. The sequence
/// ends where the body ends, and throws `RequestBody.Interruption` where the body will not come to its end.
///
/// Threads: one task iterates, once.
public struct RequestBody: AsyncSequence, Sendable {
    public typealias Element = ByteBuffer

    /// Why a body ends before its end.
    public enum Interruption: Error, Sendable, Hashable {
        /// The client closed the connection, or its network did.
        case clientLeft
        /// What came is not HTTP: a broken chunk.
        case malformed
        /// Nothing arrived for as long as a body may be silent.
        case silent
        /// The instance is asked to stop and does not read on. What is written still reaches the client.
        case draining
    }

    package typealias Producer = NIOThrowingAsyncSequenceProducer<
        ByteBuffer, any Error, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, RequestBodyDelegate
    >

    private let sequence: Producer

    package init(_ sequence: Producer) {
        self.sequence = sequence
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: Producer.AsyncIterator

        /// The next bytes; nil at the end of the body. Throws `RequestBody.Interruption`, or `CancellationError`.
        @concurrent public mutating func next() async throws -> ByteBuffer? { try await base.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: sequence.makeAsyncIterator()) }
}

/// Tells a connection what the consumer of a body needs.
package final class RequestBodyDelegate: NIOAsyncSequenceProducerDelegate {
    private let wanted: @Sendable () -> Void
    private let abandoned: @Sendable () -> Void

    /// `wanted` is called when more is to be read, `abandoned` when nobody will take what comes; from any thread.
    package init(wanted: @escaping @Sendable () -> Void, abandoned: @escaping @Sendable () -> Void) {
        self.wanted = wanted
        self.abandoned = abandoned
    }

    package func produceMore() { wanted() }
    package func didTerminate() { abandoned() }
}
