import CPack
import NIOCore

/// How packs are laid out. Numbers are little-endian; everything begins at a multiple of eight bytes.
///
///     pack      header, records, then once SEALED: sections, directory, trailer
///     record    head, payload, zeros up to a multiple of eight
///     section   what a stream has in the pack: one for each extent
///
/// Records describe themselves, so that an index can be made of packs alone: the first record of a stream, and of a header (track set), comes before
/// the first fragment that needs it. A fragment is one record, or several of which each but the first names the one before.
enum PackFormat {
    static let headerSize = 64
    static let headSize = 88
    static let trailerSize = 24

    private static let headerMagic: UInt64 = 0x314B_4341_5052_4957
    private static let headMagic: UInt32 = 0x4452_4357
    private static let sectionMagic: UInt32 = 0x4345_5357
    private static let directoryMagic: UInt32 = 0x5249_4457
    private static let trailerMagic: UInt64 = 0x444E_455F_5249_4557

    /// Why bytes are not what they should be. The text is for operators.
    struct Damage: Error {
        let text: String
        init(_ text: String) { self.text = text }
    }

    static func aligned(_ offset: Int64) -> Int64 { (offset + 7) & ~7 }

    static func checksum(_ bytes: UnsafeRawBufferPointer, after before: UInt32 = 0) -> UInt32 {
        weir_crc32c(before, bytes.baseAddress, bytes.count)
    }

    private static func checksum(_ bytes: ByteBuffer, from start: Int) -> UInt32 {
        bytes.withUnsafeReadableBytes { checksum(UnsafeRawBufferPointer(rebasing: $0[start...])) }
    }

    // MARK: Header

    /// What a pack begins with.
    struct Header: Equatable {
        let packID: Int64
        let isWarm: Bool
        let retentionHours: Int64
        /// Milliseconds since the epoch.
        let created: Int64

        var bytes: ByteBuffer {
            var bytes = ByteBuffer()
            bytes.writeMultipleIntegers(
                headerMagic, UInt32(1), UInt32(isWarm ? 1 : 0), packID, retentionHours, created, endianness: .little)
            bytes.writeRepeatingByte(0, count: headerSize - 4 - bytes.readableBytes)
            bytes.writeInteger(checksum(bytes, from: 0), endianness: .little)
            return bytes
        }

        init(packID: Int64, isWarm: Bool, retentionHours: Int64, created: Int64) {
            self.packID = packID
            self.isWarm = isWarm
            self.retentionHours = retentionHours
            self.created = created
        }

        init(_ bytes: ByteBuffer) throws(Damage) {
            var rest = bytes
            guard bytes.readableBytes == headerSize,
                let (magic, version, warm, packID, hours, created) = rest.readMultipleIntegers(
                    endianness: .little, as: (UInt64, UInt32, UInt32, Int64, Int64, Int64).self),
                magic == headerMagic, version == 1, let sum: UInt32 = bytes.getInteger(at: headerSize - 4, endianness: .little),
                let content = bytes.getSlice(at: 0, length: headerSize - 4), sum == checksum(content, from: 0)
            else { throw Damage("it does not begin as a pack") }
            self.init(packID: packID, isWarm: warm == 1, retentionHours: hours, created: created)
        }
    }

    // MARK: Records

    /// What comes before the payload of a record.
    struct RecordHead: Equatable {
        enum Kind: UInt32 {
            /// The payload is the ARN of the stream.
            case stream = 1
            /// The payload is a header.
            case trackSet = 2
            /// More of the fragment follows in another record.
            case part = 3
            /// The last of a fragment, or its only record.
            case lastPart = 4
        }

        var kind: Kind
        var streamID: Int64
        var sequence: Int64 = 0
        var serverTime: Int64 = 0
        var producerTime: Int64 = 0
        /// Where the head of the record before lies, of the same fragment; 0: this is the first.
        var previous: Int64 = 0
        /// Where the head of the record of the fragment's header lies.
        var trackSet: Int64 = 0
        /// Milliseconds; known in the last part.
        var length: UInt32 = 0
        var numberLow: UInt32 = 0
        var flags: UInt32 = 0
        /// Names the key that the payload is encrypted under; 0: it is not.
        var keyID: UInt32 = 0
        var payloadLength: UInt32 = 0
        var payloadChecksum: UInt32 = 0

        func write(to bytes: inout ByteBuffer) {
            let start = bytes.readableBytes
            bytes.writeMultipleIntegers(
                headMagic, kind.rawValue, streamID, sequence, serverTime, producerTime, previous, trackSet, endianness: .little)
            bytes.writeMultipleIntegers(length, numberLow, flags, keyID, payloadLength, payloadChecksum, UInt32(0), endianness: .little)
            bytes.writeInteger(checksum(bytes, from: start), endianness: .little)
        }

        init(kind: Kind, streamID: Int64) {
            self.kind = kind
            self.streamID = streamID
        }

        init(_ bytes: ByteBuffer) throws(Damage) {
            var rest = bytes
            guard bytes.readableBytes == headSize,
                let (magic, kind, streamID, sequence, serverTime, producerTime, previous, trackSet) = rest.readMultipleIntegers(
                    endianness: .little, as: (UInt32, UInt32, Int64, Int64, Int64, Int64, Int64, Int64).self),
                let (length, numberLow, flags, keyID, payloadLength, payloadChecksum, _, sum) = rest.readMultipleIntegers(
                    endianness: .little, as: (UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32, UInt32).self),
                magic == headMagic, let kind = Kind(rawValue: kind), let content = bytes.getSlice(at: 0, length: headSize - 4),
                sum == checksum(content, from: 0)
            else { throw Damage("there is no record") }
            self.init(kind: kind, streamID: streamID)
            self.sequence = sequence
            self.serverTime = serverTime
            self.producerTime = producerTime
            self.previous = previous
            self.trackSet = trackSet
            self.length = length
            self.numberLow = numberLow
            self.flags = flags
            self.keyID = keyID
            self.payloadLength = payloadLength
            self.payloadChecksum = payloadChecksum
        }
    }

    // MARK: Sections

    /// The index of an extent: what one stream has in a pack, in the order of sequences.
    static func section(streamID: Int64, arn: String, _ fragments: [FragmentRecord]) -> ByteBuffer {
        var trackSets: [(id: TrackSet.ID, place: PackRange)] = []
        var indexes: [TrackSet.ID: UInt32] = [:]
        for fragment in fragments where indexes[fragment.trackSet] == nil {
            indexes[fragment.trackSet] = UInt32(trackSets.count)
            trackSets.append((fragment.trackSet, fragment.place.trackSet))
        }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(64 + arn.utf8.count + 44 * trackSets.count + 60 * fragments.count)
        bytes.writeMultipleIntegers(
            sectionMagic, UInt32(fragments.count), streamID, UInt32(trackSets.count), UInt32(arn.utf8.count), endianness: .little)
        bytes.writeString(arn)
        for (id, place) in trackSets {
            bytes.writeBytes(id.bytes)
            bytes.writeMultipleIntegers(place.offset, UInt32(place.length), endianness: .little)
        }
        for fragment in fragments {
            let parts = fragment.place.parts
            bytes.writeMultipleIntegers(
                fragment.number.sequence, fragment.serverTime, fragment.producerTime, UInt32(clamping: fragment.length),
                fragment.number.random,
                UInt32(truncatingIfNeeded: fragment.flags.rawValue), indexes[fragment.trackSet] ?? 0, UInt32(parts.count),
                endianness: .little)
            for part in parts { bytes.writeMultipleIntegers(part.offset, UInt32(part.length), endianness: .little) }
        }
        bytes.writeInteger(checksum(bytes, from: 0), endianness: .little)
        return bytes
    }

    /// What a section says.
    struct Section {
        let streamID: Int64
        let arn: String
        let fragments: [FragmentRecord]

        init(_ bytes: ByteBuffer, packID: Int64) throws(Damage) {
            let damage = Damage("a section of its index is damaged")
            guard bytes.readableBytes > 4, let sum: UInt32 = bytes.getInteger(at: bytes.writerIndex - 4, endianness: .little),
                let content = bytes.getSlice(at: bytes.readerIndex, length: bytes.readableBytes - 4), sum == checksum(content, from: 0)
            else { throw damage }
            var rest = content
            guard
                let (magic, count, streamID, trackSetCount, arnLength) = rest.readMultipleIntegers(
                    endianness: .little, as: (UInt32, UInt32, Int64, UInt32, UInt32).self), magic == sectionMagic,
                let arn = rest.readString(length: Int(arnLength))
            else { throw damage }
            var trackSets: [(id: TrackSet.ID, place: PackRange)] = []
            for _ in 0..<trackSetCount {
                guard let hash = rest.readBytes(length: 32),
                    let (offset, length) = rest.readMultipleIntegers(endianness: .little, as: (Int64, UInt32).self)
                else { throw damage }
                trackSets.append((TrackSet.ID(bytes: hash), PackRange(offset: offset, length: Int64(length))))
            }
            var fragments: [FragmentRecord] = []
            fragments.reserveCapacity(Int(count))
            for _ in 0..<count {
                guard
                    let (sequence, serverTime, producerTime, length, low, flags, trackSet, partCount) = rest.readMultipleIntegers(
                        endianness: .little, as: (Int64, Int64, Int64, UInt32, UInt32, UInt32, UInt32, UInt32).self),
                    let number = FragmentNumber(sequence: sequence, serverTime: serverTime, random: low), trackSet < trackSetCount
                else { throw damage }
                var parts: [PackRange] = []
                for _ in 0..<partCount {
                    guard let (offset, length) = rest.readMultipleIntegers(endianness: .little, as: (Int64, UInt32).self) else {
                        throw damage
                    }
                    parts.append(PackRange(offset: offset, length: Int64(length)))
                }
                let header = trackSets[Int(trackSet)]
                fragments.append(
                    FragmentRecord(
                        streamID: streamID, number: number, producerTime: producerTime, length: Int64(length),
                        size: parts.reduce(0) { $0 + $1.length }, flags: FragmentFlags(rawValue: Int64(flags)), trackSet: header.id,
                        place: FragmentPlace(pack: .archive(packID), parts: parts, trackSet: header.place)))
            }
            self.streamID = streamID
            self.arn = arn
            self.fragments = fragments
        }
    }

    // MARK: Directory

    /// What a SEALED pack ends with: where its sections are.
    static func directory(_ sections: [PackRange], at offset: Int64) -> ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeMultipleIntegers(directoryMagic, UInt32(sections.count), endianness: .little)
        for section in sections { bytes.writeMultipleIntegers(section.offset, section.length, endianness: .little) }
        let length = UInt32(bytes.readableBytes)
        let sum = checksum(bytes, from: 0)
        bytes.writeMultipleIntegers(offset, length, sum, trailerMagic, endianness: .little)
        return bytes
    }

    /// Where the directory of a pack is that ends with `trailer`, without the trailer; nil where it has none: it is not SEALED.
    static func directoryPlace(_ trailer: ByteBuffer) -> PackRange? {
        var rest = trailer
        guard trailer.readableBytes == trailerSize,
            let (offset, length, _, magic) = rest.readMultipleIntegers(endianness: .little, as: (Int64, UInt32, UInt32, UInt64).self),
            magic == trailerMagic, offset >= headerSize
        else { return nil }
        return PackRange(offset: offset, length: Int64(length))
    }

    /// The places of the sections, from the directory and the trailer that follows it.
    static func sections(_ directory: ByteBuffer) throws(Damage) -> [PackRange] {
        let length = directory.readableBytes - trailerSize
        var rest = directory
        guard length >= 8, let content = directory.getSlice(at: directory.readerIndex, length: length),
            let sum: UInt32 = directory.getInteger(at: directory.readerIndex + length + 12, endianness: .little),
            sum == checksum(content, from: 0),
            let (magic, count) = rest.readMultipleIntegers(endianness: .little, as: (UInt32, UInt32).self), magic == directoryMagic
        else { throw Damage("the directory of its index is damaged") }
        var sections: [PackRange] = []
        for _ in 0..<count {
            guard let (offset, length) = rest.readMultipleIntegers(endianness: .little, as: (Int64, Int64).self) else {
                throw Damage("the directory of its index is damaged")
            }
            sections.append(PackRange(offset: offset, length: length))
        }
        return sections
    }
}
