/// The codec private data of H.264: an AVCDecoderConfigurationRecord (ISO/IEC 14496-15, 5.3.3.1), and what its first sequence
/// parameter set (ITU-T H.264, 7.3.2.1.1) says.
struct H264: Equatable, Sendable {
    /// The record as it came: what `avcC` holds.
    let record: [UInt8]
    let lengthSize: Int
    /// NAL units of sequence and picture parameter sets, in the order in which a decoder needs them.
    let parameterSets: [[UInt8]]
    let parameters: VideoParameters

    init(_ record: [UInt8]) throws(Malformed) {
        guard record.count >= 7, record[0] == 1 else { throw Malformed() }
        lengthSize = Int(record[4] & 3) + 1
        guard lengthSize != 3 else { throw Malformed() }

        var rest = record[5...]
        func take(_ count: Int) throws(Malformed) -> [UInt8] {
            guard rest.count >= count else { throw Malformed() }
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
        func takeUnits(_ count: Int, of type: UInt8) throws(Malformed) -> [[UInt8]] {
            var units: [[UInt8]] = []
            for _ in 0..<count {
                let size = try take(2)
                let unit = try take(Int(size[0]) << 8 | Int(size[1]))
                guard let first = unit.first, first & 0x1F == type else { throw Malformed() }
                units.append(unit)
            }
            return units
        }
        let sequenceSets = try takeUnits(Int(try take(1)[0] & 0x1F), of: 7)
        let pictureSets = try takeUnits(Int(try take(1)[0]), of: 8)
        guard let first = sequenceSets.first, !pictureSets.isEmpty else { throw Malformed() }
        self.record = record
        parameterSets = sequenceSets + pictureSets
        parameters = try Self.parameters(first)
    }

    static func parameters(_ unit: [UInt8]) throws(Malformed) -> VideoParameters {
        var reader = BitReader(payload(ofUnit: unit[...]))
        try reader.skip(8)
        let (profile, constraints, level) = try (reader.bits(8), reader.bits(8), reader.bits(8))
        try reader.unsigned(upTo: 31)

        var chroma: UInt32 = 1
        var hasSeparatePlanes = false
        if [44, 83, 86, 100, 110, 118, 122, 128, 134, 135, 138, 139, 244].contains(profile) {
            chroma = try reader.unsigned(upTo: 3)
            if chroma == 3 { hasSeparatePlanes = try reader.flag() }
            try reader.unsigned(upTo: 6)
            try reader.unsigned(upTo: 6)
            try reader.skip(1)
            if try reader.flag() {
                for list in 0..<(chroma == 3 ? 12 : 8) where try reader.flag() {
                    try skipScalingList(of: list < 6 ? 16 : 64, &reader)
                }
            }
        }
        try reader.unsigned(upTo: 12)
        let orderType = try reader.unsigned(upTo: 2)
        if orderType == 0 {
            try reader.unsigned(upTo: 12)
        } else if orderType == 1 {
            try reader.skip(1)
            try reader.signed()
            try reader.signed()
            for _ in 0..<(try reader.unsigned(upTo: 255)) { try reader.signed() }
        }
        try reader.unsigned()
        try reader.skip(1)

        let width = try (reader.unsigned(upTo: 4095) + 1) * 16
        let mapHeight = try (reader.unsigned(upTo: 4095) + 1) * 16
        let hasFramesOnly = try reader.flag()
        let fields: UInt32 = hasFramesOnly ? 1 : 2
        if !hasFramesOnly { try reader.skip(1) }
        try reader.skip(1)
        var crop: (x: UInt64, y: UInt64) = (0, 0)
        if try reader.flag() {
            let isSubsampled = !hasSeparatePlanes && chroma > 0
            let (left, right, top, bottom) = try (reader.unsigned(), reader.unsigned(), reader.unsigned(), reader.unsigned())
            crop.x = (UInt64(left) + UInt64(right)) * (isSubsampled && chroma < 3 ? 2 : 1)
            crop.y = (UInt64(top) + UInt64(bottom)) * (isSubsampled && chroma == 1 ? 2 : 1) * UInt64(fields)
        }
        var parameters = VideoParameters(
            width: try VideoParameters.size(width, cropped: crop.x),
            height: try VideoParameters.size(mapHeight * fields, cropped: crop.y),
            codecs: "avc1." + hexadecimal(profile) + hexadecimal(constraints) + hexadecimal(level))
        if orderType == 2 || profile == 66 { parameters.reorderDepth = 0 }
        // Cameras write usability information that ends too early, and play all the same.
        if (try? reader.flag()) == true { try? readUsability(&reader, into: &parameters) }
        return parameters
    }

    private static func skipScalingList(of size: Int, _ reader: inout BitReader) throws(Malformed) {
        var (last, next): (Int64, Int64) = (8, 8)
        for _ in 0..<size {
            if next != 0 { next = (last + (try reader.signed())) & 0xFF }
            if next != 0 { last = next }
        }
    }

    private static func readUsability(_ reader: inout BitReader, into parameters: inout VideoParameters) throws(Malformed) {
        try parameters.readAspectAndColour(&reader)
        if try reader.flag() {
            let (units, scale) = try (reader.bits(32), reader.bits(32))
            // A unit is a field: a frame lasts two.
            parameters.setFrameDuration(units: UInt64(units) * 2, scale: scale)
            try reader.skip(1)
        }
        let hasUnitBuffer = try reader.flag()
        if hasUnitBuffer { try skipBufferParameters(&reader) }
        let hasLayerBuffer = try reader.flag()
        if hasLayerBuffer { try skipBufferParameters(&reader) }
        if hasUnitBuffer || hasLayerBuffer { try reader.skip(1) }
        try reader.skip(1)
        if try reader.flag() {
            try reader.skip(1)
            for _ in 0..<4 { try reader.unsigned() }
            parameters.reorderDepth = try Int(reader.unsigned(upTo: 16))
        }
    }

    private static func skipBufferParameters(_ reader: inout BitReader) throws(Malformed) {
        let count = try reader.unsigned(upTo: 31) + 1
        try reader.skip(8)
        for _ in 0..<count {
            try reader.unsigned()
            try reader.unsigned()
            try reader.skip(1)
        }
        try reader.skip(20)
    }
}

/// Two digits for each byte, lower case.
private func hexadecimal(_ byte: UInt32) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
