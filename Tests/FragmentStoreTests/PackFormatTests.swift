import CPack
import NIOCore
import Testing

@testable import FragmentStore

@Suite struct PackFormatTests {
    @Test func `the checksum is CRC-32C, with the instruction and without`() {
        // Of RFC 3720, B.4, and the common check value.
        for (bytes, sum): ([UInt8], UInt32) in [
            (Array("123456789".utf8), 0xE306_9283), (Array(repeating: 0, count: 32), 0x8A91_36AA),
            (Array(repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E), ([], 0),
        ] {
            bytes.withUnsafeBytes { all in
                #expect(weir_crc32c(0, all.baseAddress, all.count) == sum)
                #expect(weir_crc32c_portable(0, all.baseAddress, all.count) == sum)
                for split in 0...all.count {
                    let first = weir_crc32c(0, all.baseAddress, split)
                    #expect(weir_crc32c(first, all.baseAddress.map { $0 + split }, all.count - split) == sum)
                }
            }
        }
    }

    @Test func `three runs at once come to what they come to one after the other`() {
        var numbers = SystemRandomNumberGenerator()
        let bytes = (0..<40_000).map { _ in UInt8.random(in: .min ... .max, using: &numbers) }
        bytes.withUnsafeBytes { all in
            for size in [4095, 4096, 12_287, 12_288, 12_289, 24_575, 24_576, 30_001, 39_997] {
                for start in 0..<3 {
                    let part = UnsafeRawBufferPointer(rebasing: all[start..<(start + size)])
                    #expect(weir_crc32c(9, part.baseAddress, size) == weir_crc32c_portable(9, part.baseAddress, size))
                }
            }
        }
    }

    private static let fragments = (1...3).compactMap { number -> FragmentRecord? in
        FragmentNumber(sequence: Int64(number), serverTime: 1000 + Int64(number), random: 77).map {
            FragmentRecord(
                streamID: 5, number: $0, producerTime: -3, length: 960, size: 300, flags: [.notification, .tags],
                trackSet: MediaFixture.header.id,
                place: FragmentPlace(
                    pack: .archive(9), parts: [PackRange(offset: 96, length: 100), PackRange(offset: 400, length: 200)],
                    trackSet: PackRange(offset: 640, length: 8)))
        }
    }

    @Test func `sections, heads, headers and directories are read as they were written`() throws {
        let section = PackFormat.section(streamID: 5, arn: "arn:x", Self.fragments)
        let read = try PackFormat.Section(section, packID: 9)
        #expect(read.fragments == Self.fragments)
        #expect(read.arn == "arn:x")
        var head = PackFormat.RecordHead(kind: .lastPart, streamID: 5)
        (head.sequence, head.serverTime, head.producerTime, head.previous, head.trackSet) = (1, 2, -3, 4, 5)
        (head.length, head.numberLow, head.flags, head.keyID, head.payloadLength, head.payloadChecksum) = (6, 7, 8, 9, 10, 11)
        var bytes = ByteBuffer()
        head.write(to: &bytes)
        #expect(bytes.readableBytes == PackFormat.headSize)
        #expect(try PackFormat.RecordHead(bytes) == head)
        let header = PackFormat.Header(packID: 1, isWarm: true, retentionHours: 2, created: 3)
        #expect(header.bytes.readableBytes == PackFormat.headerSize)
        #expect(try PackFormat.Header(header.bytes) == header)
        let sections = [PackRange(offset: 64, length: 10), PackRange(offset: 80, length: 11)]
        let directory = PackFormat.directory(sections, at: 1000)
        let trailer = try #require(directory.getSlice(at: directory.writerIndex - PackFormat.trailerSize, length: PackFormat.trailerSize))
        let place = try #require(PackFormat.directoryPlace(trailer))
        #expect(place.offset == 1000 && Int(place.length) == directory.readableBytes - PackFormat.trailerSize)
        #expect(try PackFormat.sections(directory) == sections)
    }

    @Test func `every bit that differs is noticed`() {
        let section = PackFormat.section(streamID: 5, arn: "arn:x", Self.fragments)
        var head = ByteBuffer()
        PackFormat.RecordHead(kind: .part, streamID: 5).write(to: &head)
        let header = PackFormat.Header(packID: 1, isWarm: false, retentionHours: 2, created: 3).bytes
        let directory = PackFormat.directory([PackRange(offset: 64, length: 10)], at: 1000)
        for (bytes, isRead): (ByteBuffer, (ByteBuffer) -> Bool) in [
            (section, { (try? PackFormat.Section($0, packID: 9)) != nil }), (head, { (try? PackFormat.RecordHead($0)) != nil }),
            (header, { (try? PackFormat.Header($0)) != nil }),
        ] {
            #expect(isRead(bytes))
            for bit in 0..<bytes.readableBytes * 8 {
                var spoilt = bytes
                spoilt.setInteger(bytes.getInteger(at: bit / 8, as: UInt8.self).map { $0 ^ 1 << UInt8(bit % 8) } ?? 0, at: bit / 8)
                #expect(!isRead(spoilt))
            }
        }
        for bit in 0..<(directory.readableBytes - PackFormat.trailerSize) * 8 {
            var spoilt = directory
            spoilt.setInteger(directory.getInteger(at: bit / 8, as: UInt8.self).map { $0 ^ 1 << UInt8(bit % 8) } ?? 0, at: bit / 8)
            #expect((try? PackFormat.sections(spoilt)) == nil)
        }
    }

    @Test(
        arguments: [
            (0, "1970-01-01"), (951_782_400_000, "2000-02-29"), (951_868_800_000, "2000-03-01"), (1_705_489_836_421, "2024-01-17"),
            (4_107_542_399_999, "2100-02-28"), (4_107_542_400_000, "2100-03-01"),
        ] as [(Int64, String)])
    func `days are those of the calendar`(_ time: Int64, _ day: String) {
        #expect(PackFolder.day(time) == day)
    }

    @Test func `runs end at another stream, at another session, and after an hour`() throws {
        func fragment(_ stream: Int64, _ sequence: Int64, _ time: Int64) throws -> FragmentRecord {
            FragmentRecord(
                streamID: stream, number: try #require(FragmentNumber(sequence: sequence, serverTime: sequence, random: 0)),
                producerTime: time,
                length: 0, size: 0, flags: [], trackSet: MediaFixture.header.id,
                place: FragmentPlace(pack: .archive(1), parts: [], trackSet: PackRange(offset: 0, length: 0)))
        }
        let runs = PackIndex.runs([
            try fragment(1, 1, 0), try fragment(1, 3, 1), try fragment(1, 1000, 2), try fragment(1, 1001, 3), try fragment(1, 2001, 4),
            try fragment(2, 2002, 5), try fragment(2, 2003, 3_600_005), try fragment(2, 2004, 3_600_006), try fragment(2, 2005, 5),
        ])
        #expect(runs.map { $0.map(\.number.sequence) } == [[1, 3, 1000, 1001], [2001], [2002, 2003], [2004], [2005]])
    }
}
