/// The head of a SimpleBlock or Block, and the table of its lacing, taken byte by byte.
struct BlockHead {
    private(set) var track = 0
    private(set) var relativeTime: Int16 = 0
    private(set) var flags: UInt8 = 0
    private(set) var laces: LaceTable?
    /// Bytes from the track number to the flags, once these are read.
    private(set) var length = 0
    private let size: Int
    private var count = 0
    private var trackLength = 0

    var isKey: Bool { flags & 0x80 != 0 }
    var isInvisible: Bool { flags & 0x08 != 0 }
    var isDiscardable: Bool { flags & 0x01 != 0 }
    var lacing: Block.Lacing {
        switch flags & 0x06 {
        case 0x02: .xiph
        case 0x04: .fixed
        case 0x06: .ebml
        default: .none
        }
    }
    var frames: Int { laces?.frames ?? 1 }
    var isComplete: Bool { length > 0 && laces?.isComplete != false }

    /// - Parameter size: The element's.
    init(size: Int) throws(Violation.Reason) {
        guard size >= 4 else { throw .invalidBlock }
        self.size = size
    }

    mutating func take(_ byte: UInt8) throws(Violation.Reason) {
        if length > 0 {
            _ = try laces?.take(byte)
            return
        }
        count += 1
        if count == 1 {
            trackLength = byte.leadingZeroBitCount + 1
            guard trackLength <= 8, trackLength + 3 <= size else { throw .invalidBlock }
            track = Int(byte) & (0xFF >> trackLength)
        } else if count <= trackLength {
            track = track << 8 | Int(byte)
        } else if count < trackLength + 3 {
            relativeTime = relativeTime << 8 | Int16(byte)
        } else {
            guard track > 0 else { throw .invalidBlock }
            flags = byte
            length = count
            laces = try LaceTable(lacing, size: size - length)
        }
    }
}

/// The table that says how long each of several frames in one block is, taken byte by byte.
struct LaceTable {
    private let kind: Block.Lacing
    /// Of the table and the frames.
    private let size: Int
    /// 0 until the first byte was read.
    private(set) var frames = 0
    /// Bytes of the table so far.
    private(set) var length = 0
    /// Of the frames whose size is known.
    private var sum = 0
    private var known = 0
    /// The size that is being read, or the one before it.
    private var current = 0
    private var value: UInt64 = 0
    private var valueLength = 0
    private var valueCount = 0

    /// Whether the size of every frame is known: the last one's is what remains.
    var isComplete: Bool { frames > 0 && (kind == .fixed || known == frames - 1) }
    /// Of the last frame, or of each where all are of one size, once the table is complete.
    var lastSize: Int { kind == .fixed ? (size - 1) / frames : size - length - sum }

    /// - Parameter size: Of what follows the block's flags.
    /// - Returns: Nil where the block has no lacing.
    init?(_ kind: Block.Lacing, size: Int) throws(Violation.Reason) {
        guard kind != .none else { return nil }
        guard size > 0 else { throw .invalidLacing }
        self.kind = kind
        self.size = size
    }

    /// - Returns: The size of a frame, where this byte completes it.
    mutating func take(_ byte: UInt8) throws(Violation.Reason) -> Int? {
        length += 1
        var found: Int?
        if frames == 0 {
            frames = Int(byte) + 1
            guard kind != .fixed || (size - 1) % frames == 0 else { throw .invalidLacing }
        } else if kind == .xiph {
            current += Int(byte)
            if byte < 255 {
                found = current
                current = 0
            }
        } else {
            found = try takeEBML(byte)
        }
        if let found {
            sum += found
            known += 1
        }
        // What the table has told so far must fit, and where it goes on there must be a byte for that.
        let used = length + sum + (kind == .xiph ? current : 0)
        guard used < size || used == size && isComplete else { throw .invalidLacing }
        return found
    }

    /// The first size stands as it is, each further one as its difference to the one before.
    private mutating func takeEBML(_ byte: UInt8) throws(Violation.Reason) -> Int? {
        valueCount += 1
        if valueCount == 1 {
            valueLength = byte.leadingZeroBitCount + 1
            guard valueLength <= 8 else { throw .invalidLacing }
            value = UInt64(byte) & (0xFF >> UInt64(valueLength))
        } else {
            value = value << 8 | UInt64(byte)
        }
        guard valueCount == valueLength else { return nil }
        valueCount = 0
        // At most 56 bits: none of this overflows, as every size before is at most the block's.
        current = known == 0 ? Int(value) : current + Int(value) - ((1 << (7 * valueLength - 1)) - 1)
        guard current >= 0, current <= size else { throw .invalidLacing }
        return current
    }
}
