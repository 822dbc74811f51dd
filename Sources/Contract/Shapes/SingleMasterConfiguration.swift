/// What can be set on a channel of the type SINGLE_MASTER.
public struct SingleMasterConfiguration: Sendable, Hashable {
    public let messageTtlSeconds: Int?

    public init(messageTtlSeconds: Int?) {
        self.messageTtlSeconds = messageTtlSeconds
    }

    static let shape = structure(
        "SingleMasterConfiguration", Self.init,
        optional(
            "MessageTtlSeconds", .integer(minimum: 5, maximum: 120), \.messageTtlSeconds,
            "For how many seconds a message that nobody has fetched is kept; 60 from the start."))
}
