/// The codec private data of AAC: an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1).
struct AAC: Equatable, Sendable {
    /// As it came: what the decoder's descriptor in `esds` holds.
    let configuration: [UInt8]
    /// Of the core coder, 1 to 4; what AAC LC is called, 2.
    let objectType: UInt32
    /// As RFC 6381 writes it: HE-AAC is 5, and 29 with parametric stereo, whatever its core is.
    let codecs: String
    /// Samples a second that the core coder makes; with HE-AAC, half of what is heard.
    let rate: UInt32
    let channels: UInt8
    let samplesPerFrame: UInt32

    /// What a frame of 13 bits of length can hold in ADTS; no valid frame is longer.
    static let longestFrame = 8191 - 7

    init(_ configuration: [UInt8]) throws(Malformed) {
        guard configuration.count <= 64 else { throw Malformed() }
        var reader = BitReader(configuration)
        var type = try Self.objectType(&reader)
        let rate = try Self.rate(&reader)
        let channels = try reader.bits(4)
        var outer = type
        if type == 5 || type == 29 {
            _ = try Self.rate(&reader)
            type = try Self.objectType(&reader)
        }
        guard (1...4).contains(type), (1...7).contains(channels), (7350...96_000).contains(rate) else { throw Malformed() }
        samplesPerFrame = try reader.flag() ? 960 : 1024
        if try reader.flag() { try reader.skip(14) }
        try reader.skip(1)
        // The other way to say HE-AAC, which decoders of AAC LC do not notice.
        if outer == type, reader.left >= 16, try reader.bits(11) == 0x2B7, try Self.objectType(&reader) == 5, try reader.flag() {
            outer = 5
        }
        self.configuration = configuration
        self.rate = rate
        self.channels = channels == 7 ? 8 : UInt8(channels)
        objectType = type
        codecs = "mp4a.40.\(outer)"
    }

    /// The header that stands before a frame of `size` bytes in MPEG-TS, unless ADTS cannot say this configuration.
    func header(ofFrame size: Int) -> [UInt8]? {
        guard let rateIndex = Self.rates.firstIndex(of: rate), samplesPerFrame == 1024, size <= Self.longestFrame else { return nil }
        let length = UInt32(size + 7)
        let channels = UInt32(channels == 8 ? 7 : channels)
        return [
            0xFF, 0xF1,
            UInt8((objectType - 1) << 6 | UInt32(rateIndex) << 2 | channels >> 2),
            UInt8((channels & 3) << 6 | length >> 11),
            UInt8(length >> 3 & 0xFF),
            UInt8((length & 7) << 5 | 0x1F),
            0xFC,
        ]
    }

    private static func objectType(_ reader: inout BitReader) throws(Malformed) -> UInt32 {
        let type = try reader.bits(5)
        return type == 31 ? try reader.bits(6) + 32 : type
    }

    private static func rate(_ reader: inout BitReader) throws(Malformed) -> UInt32 {
        let index = try Int(reader.bits(4))
        if index == 15 { return try reader.bits(24) }
        guard rates.indices.contains(index) else { throw Malformed() }
        return rates[index]
    }

    private static let rates: [UInt32] = [96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350]
}

/// The codec private data of G.711: a WAVEFORMATEX, of which the integers are little-endian.
struct G711: Equatable, Sendable {
    enum Law: String { case a = "alaw", mu = "ulaw" }

    let law: Law
    let rate: UInt32
    let channels: UInt8

    /// Returns nothing where the format is another than G.711.
    init?(_ format: [UInt8]) throws(Malformed) {
        guard format.count >= 16 else { throw Malformed() }
        switch (format[0], format[1]) {
        case (6, 0): law = .a
        case (7, 0): law = .mu
        case (_, _): return nil
        }
        rate = (4...7).reversed().reduce(0) { $0 << 8 | UInt32(format[$1]) }
        channels = format[2]
        let bits = format[14]
        guard (1...2).contains(channels), format[3] == 0, (8000...48_000).contains(rate), bits == 8, format[15] == 0 else {
            throw Malformed()
        }
    }
}
