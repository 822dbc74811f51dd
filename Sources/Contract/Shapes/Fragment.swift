/// A fragment of a stream that is kept.
public struct Fragment: Sendable, Hashable {
    public let fragmentLengthInMilliseconds: Int?
    public let fragmentNumber: String?
    public let fragmentSizeInBytes: Int?
    public let producerTimestamp: Timestamp?
    public let serverTimestamp: Timestamp?

    public init(
        fragmentLengthInMilliseconds: Int?, fragmentNumber: String?, fragmentSizeInBytes: Int?, producerTimestamp: Timestamp?,
        serverTimestamp: Timestamp?
    ) {
        self.fragmentLengthInMilliseconds = fragmentLengthInMilliseconds
        self.fragmentNumber = fragmentNumber
        self.fragmentSizeInBytes = fragmentSizeInBytes
        self.producerTimestamp = producerTimestamp
        self.serverTimestamp = serverTimestamp
    }

    static let shape = structure(
        "Fragment", Self.init,
        optional(
            "FragmentLengthInMilliseconds", .long(), \.fragmentLengthInMilliseconds,
            "From its first frame to the beginning of its last: 0 for a single frame."),
        optional("FragmentNumber", .fragmentNumber, \.fragmentNumber, Text.fragmentNumber),
        optional(
            "FragmentSizeInBytes", .long(), \.fragmentSizeInBytes, "Bytes of the media as it is kept, with the producer's tags."),
        optional("ProducerTimestamp", .timestamp, \.producerTimestamp, "When it starts, by the producer's clock."),
        optional("ServerTimestamp", .timestamp, \.serverTimestamp, "When it began to arrive, by the server's clock."))
}
