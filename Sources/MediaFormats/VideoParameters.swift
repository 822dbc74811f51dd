/// What a sequence parameter set says about the pictures of a track.
struct VideoParameters: Equatable, Sendable {
    /// In pixels, after cropping.
    var width: UInt16
    var height: UInt16
    /// Width and height of a pixel, relative to each other.
    var pixelAspect = Ratio(1, 1)
    /// Seconds that a frame is shown, where the set says so.
    var frameDuration: Ratio?
    /// How many pictures may be decoded before one that is shown earlier, where the set says so.
    var reorderDepth: Int?
    /// As RFC 6381 writes it.
    var codecs: String

    struct Ratio: Equatable, Sendable {
        var numerator: UInt32
        var denominator: UInt32

        init(_ numerator: UInt32, _ denominator: UInt32) {
            self.numerator = numerator
            self.denominator = denominator
        }
    }

    /// What both codecs' usability information begins with: the shape of a pixel, and colours, which are passed over.
    mutating func readAspectAndColour(_ reader: inout BitReader) throws(Malformed) {
        if try reader.flag() {
            let kind = try Int(reader.bits(8))
            if kind == 255 {
                let (width, height) = try (reader.bits(16), reader.bits(16))
                if width > 0, height > 0 { pixelAspect = Ratio(width, height) }
            } else if Self.aspects.indices.contains(kind - 1) {
                pixelAspect = Self.aspects[kind - 1]
            }
        }
        if try reader.flag() { try reader.skip(1) }
        if try reader.flag() {
            try reader.skip(4)
            if try reader.flag() { try reader.skip(24) }
        }
        if try reader.flag() {
            try reader.unsigned()
            try reader.unsigned()
        }
    }

    /// Takes `units / scale` seconds for the duration of a frame, unless no real stream could mean it.
    mutating func setFrameDuration(units: UInt64, scale: UInt32) {
        guard units > 0, scale > 0, units < UInt64(UInt32.max), scale / 1000 <= units, units / 60 <= scale else { return }
        frameDuration = Ratio(UInt32(units), scale)
    }

    /// Pictures as large as a sample entry can say, none of them empty.
    static func size(_ coded: UInt32, cropped: UInt64) throws(Malformed) -> UInt16 {
        guard cropped < UInt64(coded), let size = UInt16(exactly: UInt64(coded) - cropped) else { throw Malformed() }
        return size
    }

    /// Table E-1 of H.264 and of H.265, from 1 on.
    private static let aspects = [
        Ratio(1, 1), Ratio(12, 11), Ratio(10, 11), Ratio(16, 11), Ratio(40, 33), Ratio(24, 11), Ratio(20, 11), Ratio(32, 11),
        Ratio(80, 33), Ratio(18, 11), Ratio(15, 11), Ratio(64, 33), Ratio(160, 99), Ratio(4, 3), Ratio(3, 2), Ratio(2, 1),
    ]
}

/// The payload of a NAL unit without the bytes that keep start codes out of it; no more of it than parameter sets need.
func payload(ofUnit unit: ArraySlice<UInt8>) -> [UInt8] {
    var payload: [UInt8] = []
    var zeros = 0
    for byte in unit.prefix(4096) {
        if zeros >= 2, byte == 3 {
            zeros = 0
            continue
        }
        zeros = byte == 0 ? zeros + 1 : 0
        payload.append(byte)
    }
    return payload
}
