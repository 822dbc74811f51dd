import Contract
import Store

/// The types of events, by the name that follows `weir.kinesisvideo.` in the type of an event.
public struct EventType: Sendable, Hashable {
    public let name: String
    /// What has happened.
    public let documentation: String

    /// Every type there is, in the order of the documentation: the changes that callers make, what follows from them, and what the deployment tells
    /// of itself.
    public static let all: [EventType] =
        OperationID.allCases.filter { $0.isMutation && $0.api == .controlPlane }.map { operation in
            EventType(name: operation.rawValue, documentation: "A call of \(operation.rawValue) was accepted.")
        } + EventName.allCases.map { EventType(name: $0.rawValue, documentation: $0.documentation) }

    /// Whether there is a type of this name.
    public static func exists(_ name: String) -> Bool { all.contains { $0.name == name } }
}

extension EventName {
    fileprivate var documentation: String {
        switch self {
        case .streamStatusChange: "A stream has become ACTIVE, after it was created or updated, or is gone: then its status is DELETED."
        case .channelStatusChange:
            "A signaling channel has become ACTIVE, after it was created or updated, or is gone: then its status is DELETED."
        case .mediaStorageConfigurationChange:
            "A signaling channel stores its media nowhere any more, since the stream that it was stored in is gone."
        case .masterConnected: "A master has connected to a signaling channel, perhaps in place of another."
        case .masterDisconnected: "The master of a signaling channel is not connected any more, and no other has taken its place."
        case .viewerConnected: "A viewer has connected to a signaling channel. Told where viewer-events is true."
        case .viewerDisconnected: "A viewer of a signaling channel is not connected any more. Told where viewer-events is true."
        case .edgeConfigurationStatusChange:
            "The edge configuration of a stream has another sync status, which is the status told; DELETED once it is gone."
        case .limitReached:
            "Calls of an account were refused because of a limit, which the subject names. At most one for each account, limit and minute."
        case .mediaSessionBegan: "A producer has begun to send media to a stream. The subject is the stream's ARN and `/media`."
        case .mediaSessionEnded:
            """
            A producer's connection has ended; the status says why: COMPLETE, CLIENT_LEFT, SILENT, DRAINING, or the code of the error that it was told. \
            Not told where the stream is gone by then, nor of an instance that died.
            """
        case .firstFragmentPersisted: "The first fragment of a stream is stored."
        case .fragmentPersisted:
            """
            A fragment is stored that its producer tagged AWS_KINESISVIDEO_NOTIFICATION. The subject is the stream's ARN and `/fragments`. Told where the \
            stream's notification configuration says, and to subscriptions that name this type.
            """
        case .imagesGenerated:
            """
            Images of a fragment that its producer tagged AWS_KINESISVIDEO_IMAGE_GENERATION are stored. The subject is the stream's ARN and `/images`. \
            Told to subscriptions that name this type.
            """
        case .imageGenerationFailed:
            """
            Images of a tagged fragment were given up: the status is MEDIA_ERROR where they could not be made, DESTINATION_ERROR where they could not be \
            stored. The subject is the stream's ARN and `/media`. At most one for each stream and hour.
            """
        case .diskReserveReached:
            "The disk of a tier of media, which the subject names, has no more free than its reserve. What follows is the setting disk-full."
        case .mediaStoreStatusChange:
            """
            The store of media cannot be written to by an instance, which the subject names, and takes no new sessions of producers: UNAVAILABLE; or it \
            can again: AVAILABLE.
            """
        case .oldestMediaDropped:
            "The oldest media was removed before its time, since the disk was full and disk-full is oldest. The subject names the pack."
        case .destinationPaused:
            "Nothing is sent any more to a destination, which the subject names, since every attempt has failed for too long."
        case .test: "Nothing has happened: an operator tries a destination. It has no sequence of its own."
        }
    }
}
