import MediaFormats

/// Bytes from their hexadecimal form.
func hex(_ text: String) -> [UInt8] {
    let digits = text.filter { !$0.isWhitespace }
    return stride(from: 0, to: digits.count, by: 2).compactMap { at in
        let start = digits.index(digits.startIndex, offsetBy: at)
        return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16)
    }
}

/// Writes what `BitReader` reads.
struct BitWriter {
    private var bits: [UInt8] = []

    mutating func put(_ value: UInt32, _ count: Int) {
        for shift in (0..<count).reversed() { bits.append(UInt8(value >> UInt32(shift) & 1)) }
    }

    mutating func unsigned(_ values: UInt32...) {
        for value in values {
            let length = 31 - (value + 1).leadingZeroBitCount
            put(0, length)
            put(value + 1, length + 1)
        }
    }

    var bytes: [UInt8] {
        let padded = bits + [1] + Array(repeating: 0, count: (8 - (bits.count + 1) % 8) % 8)
        return stride(from: 0, to: padded.count, by: 8).map { padded[$0..<($0 + 8)].reduce(0) { $0 << 1 | $1 } }
    }
}

enum Sets {
    /// A sequence parameter set of H.264 of profile 100 (or 66), level 3.0.
    static func h264(
        profile: UInt32 = 100, chroma: UInt32 = 1, columns: UInt32, rows: UInt32, isInterlaced: Bool = false,
        crop: (left: UInt32, right: UInt32, top: UInt32, bottom: UInt32)? = nil, usability: ((inout BitWriter) -> Void)? = nil
    ) -> [UInt8] {
        var writer = BitWriter()
        writer.put(0x67, 8)
        writer.put(profile, 8)
        writer.put(0, 8)
        writer.put(30, 8)
        writer.unsigned(0)
        if profile == 100 {
            writer.unsigned(chroma)
            if chroma == 3 { writer.put(0, 1) }
            writer.unsigned(0, 0)
            writer.put(0, 1)
            // Scaling lists: the first one is there and ends at once, the others are not.
            writer.put(1, 1)
            writer.put(1, 1)
            writer.unsigned(16)
            writer.put(0, chroma == 3 ? 11 : 7)
        }
        writer.unsigned(0, 0, 0, 1)
        writer.put(0, 1)
        writer.unsigned(columns - 1, rows - 1)
        writer.put(isInterlaced ? 0 : 1, 1)
        if isInterlaced { writer.put(0, 1) }
        writer.put(1, 1)
        writer.put(crop == nil ? 0 : 1, 1)
        if let crop { writer.unsigned(crop.left, crop.right, crop.top, crop.bottom) }
        writer.put(usability == nil ? 0 : 1, 1)
        usability?(&writer)
        return writer.bytes
    }

    static func avcC(_ sequenceSet: [UInt8], lengthSize: UInt8 = 4) -> [UInt8] {
        let pictureSet: [UInt8] = [0x68, 0xCE, 0x3C, 0x80]
        return [1, sequenceSet[1], sequenceSet[2], sequenceSet[3], 0xFC | (lengthSize - 1), 0xE1, 0, UInt8(sequenceSet.count)]
            + sequenceSet + [1, 0, UInt8(pictureSet.count)] + pictureSet
    }

    /// Made by x265: 642 x 362, 25 frames a second, level 2.1; its record says level 0, as some producers write it.
    static let hvcC = hex(
        """
        01 01 60000000 900000000000 00 F000 FC FD F8 F8 0000 0F 03
        20 0001 0018 40010C01FFFF01600000030090000003000003003F959409
        21 0001 002B 42010101600000030090000003000003003FA005220171C449965654A4C2F0168080000003008000000C84
        22 0001 0006 4401C073C189
        """)
}

extension TrackEntry {
    /// 640 x 360, 30 frames a second.
    static let h264 = TrackEntry(
        number: 1, kind: .video, codecID: "V_MPEG4/ISO/AVC",
        codecPrivate: Sets.avcC(
            Sets.h264(columns: 40, rows: 23, crop: (0, 0, 0, 4)) { writer in
                writer.put(0, 4)
                writer.put(1, 1)
                writer.put(1, 32)
                writer.put(60, 32)
                writer.put(1, 1)
                writer.put(0, 3)
                writer.put(1, 1)
                writer.put(1, 1)
                writer.unsigned(0, 0, 10, 10, 2, 4)
            }))
    static let h265 = TrackEntry(number: 1, kind: .video, codecID: "V_MPEGH/ISO/HEVC", codecPrivate: Sets.hvcC)
    static let aac = TrackEntry(number: 2, kind: .audio, codecID: "A_AAC", codecPrivate: [0x11, 0x90])
    static let aLaw = TrackEntry(
        number: 2, kind: .audio, codecID: "A_MS/ACM", codecPrivate: hex("0600 0100 401F0000 401F0000 0100 0800 0000"))
}

/// A frame by its track, its milliseconds, and what it holds.
typealias GivenFrame = (track: UInt64, time: Double, content: [UInt8])

func fragment(_ frames: [GivenFrame]) -> Fragment {
    var fragment = Fragment(frames: [], bytes: [0xEE, 0xEE])
    for frame in frames {
        let start = fragment.bytes.count
        fragment.bytes += frame.content
        fragment.frames.append(
            Frame(
                track: frame.track, time: Int64(frame.time * 1_000_000), isKey: fragment.frames.isEmpty,
                bytes: start..<fragment.bytes.count))
    }
    return fragment
}

/// A picture of H.264: a slice of that type, with its length before it.
func picture(_ type: UInt8 = 1, size: Int = 20) -> [UInt8] {
    [0, 0, 0, UInt8(size)] + [type] + Array(repeating: 0xA5, count: size - 1)
}

/// A box of MP4.
struct Box {
    let type: String
    let content: ArraySlice<UInt8>

    static func all(in bytes: ArraySlice<UInt8>) -> [Box] {
        var boxes: [Box] = []
        var rest = bytes
        while rest.count >= 8 {
            let size = Int(u32(rest))
            guard size >= 8, size <= rest.count else { break }
            boxes.append(Box(type: String(decoding: rest.dropFirst(4).prefix(4), as: UTF8.self), content: rest.prefix(size).dropFirst(8)))
            rest = rest.dropFirst(size)
        }
        return boxes
    }

    /// The content of the box at a path such as `moov/trak/tkhd`, of those equal in name the n-th.
    static func find(_ path: String, in bytes: [UInt8], nth: Int = 0) -> [UInt8] {
        var found = [bytes[...]]
        for name in path.split(separator: "/") {
            found = found.flatMap { all(in: $0).filter { $0.type == name }.map(\.content) }
        }
        return found.indices.contains(nth) ? Array(found[nth]) : []
    }

    static func u32(_ bytes: some Collection<UInt8>) -> UInt32 { bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }

    /// What a table holds: after version and flags, and after the count if it has one, integers of 32 bits.
    static func integers(_ content: [UInt8], from start: Int) -> [Int] {
        stride(from: start, to: content.count, by: 4).map { Int(Int32(bitPattern: u32(content[$0...]))) }
    }
}

/// A whole segment of fragmented MP4.
func segment(of samples: [Sample], in bytes: [UInt8], sequence: UInt32) -> [UInt8] {
    FragmentedMP4.beginning(of: samples, sequence: sequence) + samples.flatMap { bytes[$0.bytes] }
}

extension Clip {
    mutating func append(_ fragment: Fragment, start: Int64) throws -> Bool {
        let frames = try fragment.frames.compactMap { frame in
            try tracks[frame.track].map { try frame.checked(as: $0, in: fragment.bytes) }
        }
        return try append(frames, start: start)
    }

    /// Bytes of the frames that a fragment has in it.
    func payload(of fragment: Fragment) -> [UInt8] {
        fragment.frames.filter { tracks[$0.track] != nil }.flatMap { fragment.bytes[$0.bytes] }
    }
}
