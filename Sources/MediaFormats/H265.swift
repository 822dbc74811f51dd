/// The codec private data of H.265: an HEVCDecoderConfigurationRecord (ISO/IEC 14496-15, 8.3.3.1), and what its first sequence
/// parameter set (ITU-T H.265, 7.3.2.2.1) says.
struct H265: Equatable, Sendable {
    /// What `hvcC` holds under the name `hvc1`: the record with profile, tier and level of its parameter set, as producers write records
    /// whose level is 0, and with every array marked complete.
    let record: [UInt8]
    let lengthSize: Int
    /// NAL units of video, sequence and picture parameter sets, in the order in which a decoder needs them.
    let parameterSets: [[UInt8]]
    let parameters: VideoParameters

    init(_ record: [UInt8]) throws(Malformed) {
        guard record.count >= 23, record[0] == 1 else { throw Malformed() }
        lengthSize = Int(record[21] & 3) + 1
        guard lengthSize != 3 else { throw Malformed() }

        var written = record
        var sets: [UInt8: [[UInt8]]] = [:]
        var at = 23
        for _ in 0..<record[22] {
            guard record.count - at >= 3 else { throw Malformed() }
            let type = record[at] & 0x3F
            written[at] |= 0x80
            let count = Int(record[at + 1]) << 8 | Int(record[at + 2])
            at += 3
            for _ in 0..<count {
                guard record.count - at >= 2 else { throw Malformed() }
                let size = Int(record[at]) << 8 | Int(record[at + 1])
                at += 2
                guard size > 2, record.count - at >= size, record[at] >> 1 & 0x3F == type else { throw Malformed() }
                if (32...34).contains(type) { sets[type, default: []].append(Array(record[at..<(at + size)])) }
                at += size
            }
        }
        guard let videoSets = sets[32], let sequenceSets = sets[33], let pictureSets = sets[34], let first = sequenceSets.first else {
            throw Malformed()
        }
        let profile: [UInt8]
        (parameters, profile) = try Self.parameters(first)
        written.replaceSubrange(1..<13, with: profile)
        self.record = written
        parameterSets = videoSets + sequenceSets + pictureSets
    }

    /// Beside what the set says of pictures: the twelve bytes of profile, tier and level.
    static func parameters(_ unit: [UInt8]) throws(Malformed) -> (VideoParameters, profile: [UInt8]) {
        let payload = payload(ofUnit: unit[...])
        guard payload.count >= 15 else { throw Malformed() }
        let profile = Array(payload[3..<15])
        var reader = BitReader(payload)
        try reader.skip(20)
        let layers = try Int(reader.bits(3))
        guard layers < 7 else { throw Malformed() }
        try reader.skip(1 + 96)
        try skipLayers(layers, &reader)

        try reader.unsigned(upTo: 15)
        let chroma = try reader.unsigned(upTo: 3)
        let hasSeparatePlanes = chroma == 3 ? try reader.flag() : false
        let (width, height) = try (reader.unsigned(), reader.unsigned())
        var crop: (x: UInt64, y: UInt64) = (0, 0)
        if try reader.flag() {
            let isSubsampled = !hasSeparatePlanes && chroma > 0
            let (left, right, top, bottom) = try (reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned())
            crop.x = (UInt64(left) + UInt64(right)) * (isSubsampled && chroma < 3 ? 2 : 1)
            crop.y = (UInt64(top) + UInt64(bottom)) * (isSubsampled && chroma == 1 ? 2 : 1)
        }
        var parameters = VideoParameters(
            width: try VideoParameters.size(width, cropped: crop.x), height: try VideoParameters.size(height, cropped: crop.y),
            codecs: codecs(profile))
        try reader.unsigned(upTo: 8)
        try reader.unsigned(upTo: 8)
        let orderBits = try Int(reader.unsigned(upTo: 12)) + 4
        for _ in (try reader.flag() ? 0 : layers)...layers {
            try reader.unsigned(upTo: 15)
            parameters.reorderDepth = try Int(reader.unsigned(upTo: 15))
            try reader.unsigned()
        }
        // What comes now is read for the frame rate only.
        try? readRest(&reader, orderBits: orderBits, into: &parameters)
        return (parameters, profile)
    }

    private static func skipLayers(_ count: Int, _ reader: inout BitReader) throws(Malformed) {
        guard count > 0 else { return }
        var bits = 0
        for _ in 0..<count {
            if try reader.flag() { bits += 88 }
            if try reader.flag() { bits += 8 }
        }
        try reader.skip(2 * (8 - count) + bits)
    }

    private static func readRest(_ reader: inout BitReader, orderBits: Int, into parameters: inout VideoParameters) throws(Malformed) {
        for _ in 0..<6 { try reader.unsigned() }
        if try reader.flag(), try reader.flag() { try skipScalingLists(&reader) }
        try reader.skip(2)
        if try reader.flag() {
            try reader.skip(8)
            try reader.unsigned()
            try reader.unsigned()
            try reader.skip(1)
        }
        try skipReferenceSets(&reader)
        if try reader.flag() { try reader.skip(Int(reader.unsigned(upTo: 32)) * (orderBits + 1)) }
        try reader.skip(2)
        guard try reader.flag() else { return }

        try parameters.readAspectAndColour(&reader)
        try reader.skip(3)
        if try reader.flag() {
            for _ in 0..<4 { try reader.unsigned() }
        }
        if try reader.flag() {
            let (units, scale) = try (reader.bits(32), reader.bits(32))
            parameters.setFrameDuration(units: UInt64(units), scale: scale)
        }
    }

    private static func skipScalingLists(_ reader: inout BitReader) throws(Malformed) {
        for size in 0..<4 {
            for _ in 0..<(size == 3 ? 2 : 6) {
                guard try reader.flag() else {
                    try reader.unsigned()
                    continue
                }
                if size > 1 { try reader.signed() }
                for _ in 0..<min(64, 1 << (4 + size * 2)) { try reader.signed() }
            }
        }
    }

    private static func skipReferenceSets(_ reader: inout BitReader) throws(Malformed) {
        var size = 0
        for index in 0..<(try reader.unsigned(upTo: 64)) {
            if index > 0, try reader.flag() {
                try reader.skip(1)
                try reader.unsigned()
                var kept = 0
                for _ in 0...size {
                    if try reader.flag() {
                        kept += 1
                    } else if try reader.flag() {
                        kept += 1
                    }
                }
                size = kept
            } else {
                size = try Int(reader.unsigned(upTo: 16)) + Int(reader.unsigned(upTo: 16))
                for _ in 0..<size {
                    try reader.unsigned()
                    try reader.skip(1)
                }
            }
        }
    }

    /// ISO/IEC 14496-15, E.3: for example `hvc1.1.6.L93.B0`.
    private static func codecs(_ profile: [UInt8]) -> String {
        let space = ["", "A", "B", "C"][Int(profile[0] >> 6)]
        let compatibility = profile[1..<5].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        let reversed = (0..<32).reduce(UInt32(0)) { $0 << 1 | compatibility >> UInt32($1) & 1 }
        var constraints = profile[5..<11]
        while constraints.last == 0 { constraints.removeLast() }
        let tier = profile[0] & 0x20 == 0 ? "L" : "H"
        let parts = ["hvc1", space + String(profile[0] & 0x1F), String(reversed, radix: 16), tier + String(profile[11])]
        return (parts + constraints.map { String($0, radix: 16, uppercase: true) }).joined(separator: ".")
    }
}
