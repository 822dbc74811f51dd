import Testing

@testable import Matroska

@Suite struct WriterTests {
    @Test func `what is written reads back`() throws {
        let info = Info(timecodeScale: 1_000_000, title: "Tür 7", muxingApp: "m", writingApp: "w", segmentUID: [1, 2, 3])
        let tracks = [
            Track(
                number: 1, uid: 77, kind: .video, codec: "V_MPEG4/ISO/AVC", name: "video", codecPrivate: Array(0..<200),
                defaultDuration: 40_000_000,
                video: .init(width: 1920, height: 1080, displayWidth: 16, displayHeight: 9)),
            Track(
                number: 300, kind: .audio, codec: "A_OPUS", language: "deu", codecDelay: 6_500_000, seekPreRoll: 80_000_000,
                audio: .init(samplingFrequency: 48000, outputSamplingFrequency: 96000, channels: 2, bitDepth: 16),
                encoding: .strippedHeader([0xFF, 1])),
            Track(number: 3, kind: .other(17), codec: "S_TEXT/UTF8"),
        ]
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.info(info)
        writer.tracks(tracks)
        writer.tags([Tag("a", ""), Tag("ä", "ö")])
        writer.cluster(timecode: 1_700_000_000_000)
        writer.simpleBlock(track: 1, relativeTime: 0, isKey: true, frame: [1, 2, 3])
        writer.simpleBlock(
            track: 300, relativeTime: -3, isKey: false, isInvisible: true, isDiscardable: true, frame: Array(repeating: 5, count: 20000))
        let bytes = writer.take()
        #expect(writer.bytes.isEmpty)

        let reading = Reading(bytes)
        let trackSet = try #require(reading.trackSet)
        var expected = tracks
        expected[1].uid = 300
        expected[2].uid = 3
        #expect(trackSet.info == info && trackSet.tracks == expected)
        #expect(trackSet.track(300)?.codec == "A_OPUS" && trackSet.track(2) == nil)
        #expect(reading.tags == [[Tag("a", ""), Tag("ä", "ö")]])
        let cluster = try Cluster(reading: reading.fragments[0])
        #expect(cluster.timecode == 1_700_000_000_000)
        #expect(cluster.frames.map(\.time) == [1_700_000_000_000, 1_699_999_999_997])
        #expect(cluster.frames.map(\.isKey) == [true, false] && cluster.frames[1].isInvisible && cluster.frames[1].isDiscardable)
        #expect(Array(reading.fragments[0][cluster.frames[1].bytes]) == Array(repeating: 5, count: 20000))
        #expect(reading.events.last == .end)
    }

    @Test(arguments: [
        (0, [0x80]), (126, [0xFE]), (127, [0x40, 0x7F]), (16382, [0x7F, 0xFE]), (16383, [0x20, 0x3F, 0xFF]),
        (1 << 49, [0x01, 0x02, 0, 0, 0, 0, 0, 0]),
    ])
    func `sizes have the fewest bytes that do not read as unknown`(_ size: Int, _ bytes: [UInt8]) {
        #expect(Writer.size(size) == bytes)
    }

    @Test func `integers have the fewest bytes`() {
        var writer = Writer()
        for value in [0, 255, 256, UInt64.max] { writer.integer(0x9B, value) }
        #expect(writer.bytes == [0x9B, 0x81, 0, 0x9B, 0x81, 255, 0x9B, 0x82, 1, 0, 0x9B, 0x88] + Array(repeating: 255, count: 8))
    }
}
