/// A stream whose media is kept, as a writer or a reader needs to know it. Of a stream that was deleted and made anew each has its own.
public struct StoredStream: Sendable, Hashable {
    /// Names the incarnation in the index and in packs; nil where nothing was ever sent to it.
    public let id: Int64?
    /// With the creation time.
    public let key: ResourceKey
    public let arn: String
    /// 0 where nothing is kept.
    public let retentionHours: Int64
    /// HOT or WARM: where new fragments go.
    public let storageTier: String
    /// How images are made of its fragments, in JSON; nil where none are.
    public let imageGeneration: String?
    /// The database's clock when this was read, in milliseconds since the epoch.
    public let now: Int64

    /// What began at this moment of the server's clock or before has expired. In milliseconds since the epoch.
    public var horizon: Int64 { now - retentionHours * 3_600_000 }
}

/// A session of a producer, the newest of its stream when it was opened.
public struct MediaSession: Sendable, Hashable {
    /// Never nil in it: the stream's id.
    public let streamID: Int64
    public let stream: StoredStream
    /// Counts the stream's sessions.
    public let epoch: Int64
}

/// Sequences that were given to a session, and the time before which none of its fragments begins.
public struct SequenceBlock: Sendable, Hashable {
    /// The last of 1,000.
    public let last: Int64
    /// Milliseconds since the epoch.
    public let since: Int64

    /// How many sequences are given at once.
    public static let size: Int64 = 1000
    public var first: Int64 { last - Self.size + 1 }
}

/// A fragment as a row: in an OPEN pack. Times are milliseconds since the epoch.
public struct FragmentRow: Sendable, Hashable {
    public let streamID: Int64
    public let sequence: Int64
    public let serverTime: Int64
    public let numberLow: Int64
    public let producerTime: Int64
    public let length: Int64
    public let size: Int64
    public let flags: Int64
    public let packID: Int64
    /// offset+length of each part, separated by commas.
    public let parts: String
    public let trackSet: String
    /// offset+length.
    public let trackSetPlace: String

    public init(
        streamID: Int64, sequence: Int64, serverTime: Int64, numberLow: Int64, producerTime: Int64, length: Int64, size: Int64,
        flags: Int64, packID: Int64, parts: String, trackSet: String, trackSetPlace: String
    ) {
        self.streamID = streamID
        self.sequence = sequence
        self.serverTime = serverTime
        self.numberLow = numberLow
        self.producerTime = producerTime
        self.length = length
        self.size = size
        self.flags = flags
        self.packID = packID
        self.parts = parts
        self.trackSet = trackSet
        self.trackSetPlace = trackSetPlace
    }
}

/// A run of fragments of one stream in a SEALED pack.
public struct ExtentRow: Sendable, Hashable {
    public let streamID: Int64
    public let firstSequence: Int64
    public let lastSequence: Int64
    public let firstServerTime: Int64
    public let lastServerTime: Int64
    /// The least and the greatest time at which one of them begins.
    public let minProducerTime: Int64
    public let maxProducerTime: Int64
    /// Where the last of their media ends.
    public let producerEnd: Int64
    public let fragments: Int64
    public let bytes: Int64
    public let gaps: Int64
    public let gapTime: Int64
    public let packID: Int64
    /// Where in the pack its index is.
    public let footerOffset: Int64
    public let footerLength: Int64

    /// The most by which the producer times of an extent differ, in milliseconds.
    public static let longestSpan: Int64 = 3_600_000

    public init(
        streamID: Int64, firstSequence: Int64, lastSequence: Int64, firstServerTime: Int64, lastServerTime: Int64, minProducerTime: Int64,
        maxProducerTime: Int64, producerEnd: Int64, fragments: Int64, bytes: Int64, gaps: Int64, gapTime: Int64, packID: Int64,
        footerOffset: Int64, footerLength: Int64
    ) {
        self.streamID = streamID
        self.firstSequence = firstSequence
        self.lastSequence = lastSequence
        self.firstServerTime = firstServerTime
        self.lastServerTime = lastServerTime
        self.minProducerTime = minProducerTime
        self.maxProducerTime = maxProducerTime
        self.producerEnd = producerEnd
        self.fragments = fragments
        self.bytes = bytes
        self.gaps = gaps
        self.gapTime = gapTime
        self.packID = packID
        self.footerOffset = footerOffset
        self.footerLength = footerLength
    }
}

/// A pack as the database has it.
public struct PackRow: Sendable, Hashable {
    public let id: Int64
    /// HOT or WARM.
    public let tier: String
    public let retentionHours: Int64
    /// OPEN, SEALED or DELETING.
    public let state: String
    /// How far what is indexed reaches; of a SEALED one the size of the file.
    public let committedBytes: Int64
}

/// A SEALED pack whose time to be looked at has come.
public struct DuePack: Sendable {
    public let pack: PackRow
    /// When the last of its fragments expires, in milliseconds since the epoch, as retentions are now; nil where nothing in it belongs to a stream.
    public let livesUntil: Int64?
    /// The database's clock.
    public let now: Int64
}

/// A pack that streams have left.
public struct FreedPack: Sendable {
    public let pack: PackRow
    /// Counts up with each that leaves.
    public let freed: Int64
}

/// What became of a fragment that was to be indexed.
public enum FragmentAdmission: Sendable, Hashable {
    case stored
    /// A newer session has begun before this fragment did.
    case fenced
    /// The stream is DELETING, or gone.
    case streamGone
}

/// How far the bytes of an OPEN pack reach, with a round.
public struct PackProgress: Sendable {
    public let packID: Int64
    public let bytes: Int64
    /// The least and the greatest server time of the round.
    public let serverTimes: ClosedRange<Int64>

    public init(packID: Int64, bytes: Int64, serverTimes: ClosedRange<Int64>) {
        self.packID = packID
        self.bytes = bytes
        self.serverTimes = serverTimes
    }
}

/// What is kept of a stream, the expired that was not removed yet included.
public struct StorageUsage: Sendable, Hashable {
    public let fragments: Int64
    public let bytes: Int64
    /// Server times of the first and the last, in milliseconds since the epoch; nil where there is none.
    public let first: Int64?
    public let last: Int64?

    public init(fragments: Int64, bytes: Int64, first: Int64?, last: Int64?) {
        self.fragments = fragments
        self.bytes = bytes
        self.first = first
        self.last = last
    }
}

/// What an account has stored.
public struct AccountBytes: Sendable, Hashable {
    public let account: String
    public let bytes: Int64
}

/// A stream that a producer is connected to. Times are milliseconds since the epoch.
public struct ReceivingStream: Sendable, Hashable {
    public let account: String
    public let region: String
    public let name: String
    public let openedAt: Int64
    /// nil where none is indexed but in SEALED packs.
    public let lastFragmentAt: Int64?
    public let now: Int64
}
