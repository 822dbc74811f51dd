import Contract

/// What can be told of, by the name that follows `weir.kinesisvideo.` in the type of an event.
public struct EventType: Sendable, Hashable {
    public let name: String
    /// What has happened.
    public let documentation: String

    /// Every type there is, in the order of the documentation: the changes that callers make, what follows from them, and what the deployment tells
    /// of itself.
    public static let all: [EventType] =
        OperationID.allCases.filter { $0.isMutation && $0.api == .controlPlane }.map { operation in
            EventType(name: operation.rawValue, documentation: "A call of \(operation.rawValue) was accepted.")
        } + [
            EventType(
                name: "StreamStatusChange",
                documentation: "A stream has become ACTIVE, after it was created or updated, or is gone: then its status is DELETED."),
            EventType(
                name: "ChannelStatusChange",
                documentation:
                    "A signaling channel has become ACTIVE, after it was created or updated, or is gone: then its status is DELETED."),
            EventType(
                name: "MediaStorageConfigurationChange",
                documentation: "A signaling channel stores its media nowhere any more, since the stream that it was stored in is gone."),
            EventType(
                name: "EdgeConfigurationStatusChange",
                documentation:
                    "The edge configuration of a stream has another sync status, which is the status told; DELETED once it is gone."),
            EventType(
                name: "LimitReached",
                documentation:
                    "Calls of an account were refused because of a limit, which the subject names. At most one for each account, limit and minute."
            ),
            EventType(
                name: "DestinationPaused",
                documentation:
                    "Nothing is sent any more to a destination, which the subject names, since every attempt has failed for too long."),
            EventType(
                name: "Test", documentation: "Nothing has happened: an operator tries a destination. It has no sequence of its own."),
        ]

    /// Whether there is a type of this name.
    public static func exists(_ name: String) -> Bool { all.contains { $0.name == name } }
}
