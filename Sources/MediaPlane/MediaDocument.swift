import Contract
import FragmentStore
import Matroska
import NIOCore

/// What stands around the bytes of a fragment in an answer: each fragment is a Matroska document of its own.
enum MediaDocument {
    static let contentType = "video/webm"

    /// What comes before the cluster. `olderNames`: the times under the names that the reference gives for GetMediaForFragmentList too.
    static func head(_ trackSet: StoredTrackSet, _ number: FragmentNumber, producerTime: Int64, olderNames: Bool = false) -> ByteBuffer {
        let (server, producer) = (seconds(number.serverTime), seconds(producerTime))
        var tags = [
            Matroska.Tag("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number.description), Matroska.Tag("AWS_KINESISVIDEO_SERVER_TIMESTAMP", server),
        ]
        if olderNames { tags.append(Matroska.Tag("AWS_KINESISVIDEO_SERVER_SIDE_TIMESTAMP", server)) }
        tags.append(Matroska.Tag("AWS_KINESISVIDEO_PRODUCER_TIMESTAMP", producer))
        if olderNames { tags.append(Matroska.Tag("AWS_KINESISVIDEO_PRODUCER_SIDE_TIMESTAMP", producer)) }
        var buffer = trackSet.bytes
        buffer.writeImmutableBuffer(element(tags))
        return buffer
    }

    /// What GetMedia sends behind the producer's tags.
    static func tail(_ number: FragmentNumber, millisecondsBehind: Int64) -> ByteBuffer {
        element([
            Matroska.Tag("AWS_KINESISVIDEO_MILLIS_BEHIND_NOW", String(millisecondsBehind)),
            Matroska.Tag("AWS_KINESISVIDEO_CONTINUATION_TOKEN", number.description),
        ])
    }

    /// Why GetMedia ends before its time. Reference, GetMedia, "Response Elements".
    enum Failure: Int, Error {
        case writing = 3002
        case fragmentNotFound = 4000
        case internalError = 5000

        /// - Parameter isFirst: Whether nothing was sent before.
        func tags(isFirst: Bool) -> ByteBuffer {
            let text =
                switch self {
                case .writing: "Error writing to the stream"
                case .fragmentNotFound: "Requested fragment is not found"
                case .internalError: "Internal error"
                }
            return ending(
                [Matroska.Tag("AWS_KINESISVIDEO_ERROR_CODE", text), Matroska.Tag("AWS_KINESISVIDEO_ERROR_ID", String(rawValue))],
                isFirst: isFirst)
        }
    }

    /// Why GetMediaForFragmentList ends before its time. `isFirst`: nothing was sent before.
    static func exception(_ number: FragmentNumber, _ failure: ReadFailure, isFirst: Bool) -> ByteBuffer {
        let (code, message) =
            switch failure {
            case .streamGone: (4000, "The stream does not exist any more.")
            case .fragmentGone: (4000, "The fragment is not kept any more.")
            case .damaged, .disk, .database: (5000, "The fragment cannot be read.")
            }
        return ending(
            [
                Matroska.Tag("AWS_KINESISVIDEO_FRAGMENT_NUMBER", number.description),
                Matroska.Tag("AWS_KINESISVIDEO_EXCEPTION_ERROR_CODE", String(code)),
                Matroska.Tag("AWS_KINESISVIDEO_EXCEPTION_MESSAGE", message),
            ], isFirst: isFirst)
    }

    /// The last tags of an answer: in the document that was sent last, or in one of their own, as readers of Matroska take nothing before its head.
    private static func ending(_ tags: [Matroska.Tag], isFirst: Bool) -> ByteBuffer {
        guard isFirst else { return element(tags) }
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.info(Matroska.Info(muxingApp: "weir", writingApp: "weir"))
        writer.tags(tags)
        return ByteBuffer(bytes: writer.bytes)
    }

    private static func element(_ tags: [Matroska.Tag]) -> ByteBuffer {
        var writer = Writer()
        writer.tags(tags)
        return ByteBuffer(bytes: writer.bytes)
    }

    /// Seconds since the epoch with three decimals, as the tags have them.
    static func seconds(_ milliseconds: Int64) -> String {
        let fraction = String(milliseconds.magnitude % 1000)
        return "\(milliseconds < 0 ? "-" : "")\(milliseconds.magnitude / 1000)." + String(repeating: "0", count: 3 - fraction.count)
            + fraction
    }
}
