/// The identifiers that the parser has to know. Others are passed over wherever they stand.
enum ElementID {
    static let void: UInt32 = 0xEC
    static let crc32: UInt32 = 0xBF

    static let ebml: UInt32 = 0x1A45_DFA3
    static let segment: UInt32 = 0x1853_8067

    // What ends a cluster of unknown size: all of a Segment's children.
    static let seekHead: UInt32 = 0x114D_9B74
    static let info: UInt32 = 0x1549_A966
    static let tracks: UInt32 = 0x1654_AE6B
    static let cluster: UInt32 = 0x1F43_B675
    static let cues: UInt32 = 0x1C53_BB6B
    static let chapters: UInt32 = 0x1043_A770
    static let tags: UInt32 = 0x1254_C367
    static let attachments: UInt32 = 0x1941_A469

    static let timecode: UInt32 = 0xE7
    static let position: UInt32 = 0xA7
    static let simpleBlock: UInt32 = 0xA3
    static let blockGroup: UInt32 = 0xA0
    static let encryptedBlock: UInt32 = 0xAF
    static let block: UInt32 = 0xA1
    static let blockDuration: UInt32 = 0x9B
    static let referenceBlock: UInt32 = 0xFB

    /// Whether a cluster of unknown size ends where this identifier stands.
    static func endsCluster(_ id: UInt32) -> Bool {
        switch id {
        case ebml, segment, seekHead, info, tracks, cluster, cues, chapters, tags, attachments: true
        default: false
        }
    }
}

/// The identifier and size of an element, taken byte by byte.
struct ElementHead {
    private(set) var id: UInt32 = 0
    /// Nil where it is unknown, once the head is complete.
    private(set) var size: UInt64?
    /// The bytes taken so far; the last one is the lowest.
    private var taken: UInt128 = 0
    private(set) var count = 0
    private var idLength = 0
    private var sizeLength = 0

    /// Whether the byte taken last completed the identifier.
    var isAtEndOfID: Bool { count > 0 && count == idLength }
    var isComplete: Bool { sizeLength > 0 && count == idLength + sizeLength }
    /// As they came.
    var bytes: [UInt8] { (0..<count).map { UInt8(truncatingIfNeeded: taken >> UInt128(8 * (count - 1 - $0))) } }
    /// Whether the bytes so far may be the beginning of an identifier that ends a cluster: those have four bytes.
    var mayEndCluster: Bool { count > 0 && count < idLength && idLength == 4 }

    mutating func take(_ byte: UInt8) throws(Violation.Reason) {
        taken = taken << 8 | UInt128(byte)
        count += 1
        if count == 1 {
            idLength = byte.leadingZeroBitCount + 1
            guard idLength <= 4 else { throw .invalidElementID }
        }
        if count < idLength { return }
        if count == idLength {
            id = UInt32(truncatingIfNeeded: taken)
            guard isValidID else { throw .invalidElementID }
            return
        }
        if count == idLength + 1 {
            sizeLength = byte.leadingZeroBitCount + 1
            guard sizeLength <= 8 else { throw .invalidSize }
        }
        guard count == idLength + sizeLength else { return }
        let mask = UInt64.max >> UInt64(64 - 7 * sizeLength)
        let value = UInt64(truncatingIfNeeded: taken) & mask
        size = value == mask ? nil : value
    }

    /// An identifier has the fewest bytes that can hold it, and is neither all zeros nor all ones.
    private var isValidID: Bool {
        let value = id & (UInt32.max >> UInt32(32 - 7 * idLength))
        let reserved = UInt32.max >> UInt32(32 - 7 * idLength)
        guard value != 0, value != reserved else { return false }
        return idLength == 1 || value >= UInt32.max >> UInt32(32 - 7 * (idLength - 1))
    }
}
