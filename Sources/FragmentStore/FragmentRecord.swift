import Crypto
public import NIOCore
import Store

/// A fragment as the index has it. Times are milliseconds since the epoch.
public struct FragmentRecord: Sendable, Hashable {
    public let streamID: Int64
    public let number: FragmentNumber
    /// When the fragment begins, by its producer.
    public let producerTime: Int64
    /// From the first frame to the last in milliseconds, without the last one's duration.
    public let length: Int64
    /// Bytes of the Cluster and what followed it.
    public let size: Int64
    public let flags: FragmentFlags
    /// Which header belongs to it.
    public let trackSet: TrackSet.ID
    let place: FragmentPlace

    /// When the fragment began, by the server.
    public var serverTime: Int64 { number.serverTime }
    /// Whether it is indexed, and not in the ring of a stream without retention.
    public var isArchived: Bool { if case .archive = place.pack { true } else { false } }
}

/// What is known of a fragment without reading it.
public struct FragmentFlags: OptionSet, Sendable, Hashable {
    public let rawValue: Int64

    public init(rawValue: Int64) { self.rawValue = rawValue }

    /// The producer asked for a notification.
    public static let notification = FragmentFlags(rawValue: 1)
    /// The producer asked for images.
    public static let imageGeneration = FragmentFlags(rawValue: 2)
    /// The first frame of the video, or of the only track, is no key frame.
    public static let startsWithoutKeyFrame = FragmentFlags(rawValue: 4)
    /// Producer tags follow the Cluster.
    public static let tags = FragmentFlags(rawValue: 8)
    /// The timecode counts from the start that the producer gave, and not from the epoch.
    public static let relativeTimecode = FragmentFlags(rawValue: 16)
}

/// What comes before the first Cluster of a session: EBML head, Segment head with Info and Tracks, as it is to be sent again before each of its
/// fragments. Equal bytes are kept once in each pack.
public struct TrackSet: Sendable, Hashable {
    /// The SHA-256 of the bytes, in hexadecimal digits.
    public struct ID: Sendable, Hashable {
        public let text: String

        init(text: String) { self.text = text }

        init(bytes: some Sequence<UInt8>) {
            let digits = Array("0123456789abcdef".utf8)
            text = String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
        }

        /// The hash itself: 32 bytes.
        var bytes: [UInt8] {
            let digits = Array(text.utf8)
            return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(text: digits[$0]) << 4 | UInt8(text: digits[$0 + 1]) }
        }
    }

    public let id: ID
    public let bytes: ByteBuffer

    /// A header of at most 4 MiB.
    public init(bytes: ByteBuffer) {
        var hash = SHA256()
        bytes.withUnsafeReadableBytes { hash.update(bufferPointer: $0) }
        id = ID(bytes: hash.finalize())
        self.bytes = bytes
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit; 0 for any other text.
    fileprivate init(text digit: UInt8) {
        self =
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
            default: 0
            }
    }
}

/// What a fragment begins with.
public struct FragmentStart: Sendable {
    /// When it begins by its producer, in milliseconds since the epoch.
    public let producerTime: Int64
    public let trackSet: TrackSet

    /// Times more than 2^52 milliseconds from the epoch, some 140,000 years, are taken for these bounds.
    public init(producerTime: Int64, trackSet: TrackSet) {
        self.producerTime = min(max(producerTime, -(1 << 52)), 1 << 52)
        self.trackSet = trackSet
    }
}

/// What is known of a fragment once it is whole.
public struct FragmentEnd: Sendable {
    /// From the first frame to the last, in milliseconds.
    public let length: Int64
    public let flags: FragmentFlags

    public init(length: Int64, flags: FragmentFlags = []) {
        self.length = length
        self.flags = flags
    }
}

/// Which fragments a reader wants. Bounds are included, in milliseconds since the epoch.
public enum FragmentSelection: Sendable, Hashable {
    case all
    case serverTime(ClosedRange<Int64>)
    case producerTime(ClosedRange<Int64>)
}

/// A place between the fragments of a selection: after one of them. Good for as long as the stream is, whatever comes or expires meanwhile.
public struct FragmentPosition: Sendable, Hashable {
    /// The fragment's producer time where producer times select, else 0.
    public let time: Int64
    public let sequence: Int64

    public init(time: Int64, sequence: Int64) {
        self.time = time
        self.sequence = sequence
    }

    /// After the fragment of this sequence, where all are wanted or server times select.
    public static func after(_ sequence: Int64) -> FragmentPosition { FragmentPosition(time: 0, sequence: sequence) }
}

/// Some of the fragments that a reader wants, in order: of their producer times where these select, else of their numbers.
public struct FragmentPage: Sendable {
    public let fragments: [FragmentRecord]
    /// Where the next page begins; nil where there is none.
    public let next: FragmentPosition?
}

/// A time for which a stream has no media though it has some before and after, by its producer. In milliseconds since the epoch.
public struct MediaGap: Sendable, Hashable {
    public let start: Int64
    public let end: Int64
}

extension FragmentRecord {
    /// As the database has it; nil where the row is not one that this program wrote.
    init?(_ row: FragmentRow) {
        let parts = row.parts.split(separator: ",").compactMap { PackRange($0) }
        guard let low = UInt32(exactly: row.numberLow), let trackSet = PackRange(row.trackSetPlace), !parts.isEmpty,
            let number = FragmentNumber(sequence: row.sequence, serverTime: row.serverTime, random: low)
        else { return nil }
        self.init(
            streamID: row.streamID, number: number, producerTime: row.producerTime, length: row.length, size: row.size,
            flags: FragmentFlags(rawValue: row.flags), trackSet: TrackSet.ID(text: row.trackSet),
            place: FragmentPlace(pack: .archive(row.packID), parts: parts, trackSet: trackSet))
    }

    /// As the database is to have it.
    func row(packID: Int64) -> FragmentRow {
        FragmentRow(
            streamID: streamID, sequence: number.sequence, serverTime: serverTime, numberLow: Int64(number.random),
            producerTime: producerTime,
            length: length, size: size, flags: flags.rawValue, packID: packID, parts: place.parts.map(\.text).joined(separator: ","),
            trackSet: trackSet.text, trackSetPlace: place.trackSet.text)
    }
}
