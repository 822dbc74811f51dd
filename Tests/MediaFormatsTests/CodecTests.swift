import Seeded
import Testing

@testable import MediaFormats

@Suite struct CodecTests {
    @Test(arguments: [
        (Sets.h264(columns: 120, rows: 68, crop: (0, 0, 0, 4)), 1920, 1080),
        (Sets.h264(profile: 66, columns: 40, rows: 30), 640, 480),
        // Fields: rows count for two, and so does each line that is cut off.
        (Sets.h264(columns: 45, rows: 18, isInterlaced: true), 720, 576),
        (Sets.h264(columns: 120, rows: 34, isInterlaced: true, crop: (0, 0, 0, 2)), 1920, 1080),
        // Without subsampling, cropping counts single pixels.
        (Sets.h264(chroma: 3, columns: 2, rows: 2, crop: (1, 2, 3, 4)), 29, 25),
        (Sets.h264(chroma: 0, columns: 2, rows: 2, crop: (1, 2, 3, 4)), 29, 25),
        (Sets.h264(chroma: 2, columns: 2, rows: 2, crop: (1, 2, 3, 4)), 26, 25),
    ])
    func sizeIsWhatIsLeftAfterCropping(set: [UInt8], width: UInt16, height: UInt16) throws {
        let parameters = try H264.parameters(set)
        #expect(parameters.width == width)
        #expect(parameters.height == height)
    }

    @Test func croppingThatLeavesNothingIsRefused() {
        let set = Sets.h264(columns: 2, rows: 2, crop: (8, 8, 0, 0))
        #expect(throws: Malformed.self) { try H264.parameters(set) }
    }

    @Test func usabilityInformationIsRead() throws {
        let track = try Track(.h264)
        #expect(track.size?.width == 640)
        #expect(track.size?.height == 360)
        #expect(track.frameRate == 30)
        #expect(track.codecs == "avc1.64001e")
        #expect(track.video?.reorderDepth == 2)
        #expect(track.timescale == 90_000)
    }

    @Test func usabilityInformationThatEndsTooEarlyIsPassedOver() throws {
        var set = Sets.h264(columns: 40, rows: 30) { $0.put(1, 1) }
        set.removeLast()
        #expect(try H264.parameters(set).width == 640)
    }

    @Test func pixelsThatAreNotSquareAreWidened() throws {
        let set = Sets.h264(columns: 45, rows: 36) { writer in
            writer.put(1, 1)
            writer.put(255, 8)
            writer.put(64, 16)
            writer.put(45, 16)
            writer.put(0, 20)
        }
        let track = try Track(TrackEntry(number: 1, kind: .video, codecID: "V_MPEG/ISO/AVC", codecPrivate: Sets.avcC(set)))
        let header = Box.find("moov/trak/tkhd", in: FragmentedMP4.initialization(of: track))
        #expect(Box.integers(header, from: 76) == [1024 << 16, 576 << 16])
    }

    @Test func h265SaysSizeRateAndLevelByItsParameterSet() throws {
        let track = try Track(.h265)
        #expect(track.size?.width == 642)
        #expect(track.size?.height == 362)
        #expect(track.frameRate == 25)
        #expect(track.codecs == "hvc1.1.6.L63.90")
        #expect(track.video?.reorderDepth == 2)
        guard case .h265(let h265) = track.codec else { return #expect(Bool(false)) }
        // The record that goes on says the level too, and that all sets are in it.
        #expect(h265.record[12] == 63)
        #expect([23, 52, 100].map { h265.record[$0] } == [0xA0, 0xA1, 0xA2])
        #expect(h265.parameterSets.map { $0[0] >> 1 } == [32, 33, 34])
    }

    @Test(
        arguments: [
            ([0x11, 0x90], "mp4a.40.2", 48_000, 2, 1024),
            ([0x12, 0x08], "mp4a.40.2", 44_100, 1, 1024),
            ([0x11, 0x94], "mp4a.40.2", 48_000, 2, 960),
            // HE-AAC that says so in front, with parametric stereo, and at the end.
            ([0x2B, 0x11, 0x88, 0x00], "mp4a.40.5", 24_000, 2, 1024),
            ([0xEB, 0x09, 0x88, 0x00], "mp4a.40.29", 24_000, 1, 1024),
            ([0x13, 0x10, 0x56, 0xE5, 0x98], "mp4a.40.5", 24_000, 2, 1024),
            // A rate that is written out.
            ([0x17, 0x80, 0x3E, 0x80, 0x10], "mp4a.40.2", 32_000, 2, 1024),
        ] as [([UInt8], String, UInt32, Int, UInt32)])
    func aacSaysItsCore(configuration: [UInt8], codecs: String, rate: UInt32, channels: Int, frame: UInt32) throws {
        let track = try Track(TrackEntry(number: 2, kind: .audio, codecID: "A_AAC", codecPrivate: configuration))
        #expect(track.codecs == codecs)
        #expect(track.sound?.rate == rate)
        #expect(track.sound?.channels == channels)
        #expect(track.timescale == rate)
        #expect(try AAC(configuration).samplesPerFrame == frame)
    }

    @Test func adtsHeaderBitByBit() throws {
        let aac = try AAC([0x11, 0x90])
        // Sync 0xFFF, MPEG-4, no checksum | LC, 48 kHz, 2 channels, 107 bytes | fullness unknown, one frame.
        #expect(aac.header(ofFrame: 100) == [0xFF, 0xF1, 0x4C, 0x80, 0x0D, 0x7F, 0xFC])
        #expect(aac.header(ofFrame: 8184) != nil)
        #expect(aac.header(ofFrame: 8185) == nil)
        #expect(try AAC([0x11, 0x94]).header(ofFrame: 100) == nil)
    }

    @Test func g711IsReadFromItsWaveFormat() throws {
        let aLaw = try Track(.aLaw)
        #expect(aLaw.codecs == "alaw")
        #expect(aLaw.timescale == 8000)
        var entry = TrackEntry.aLaw
        entry.codecPrivate[0] = 7
        entry.codecPrivate.removeLast(2)
        #expect(try Track(entry).codecs == "ulaw")
        entry.codecPrivate[2] = 3
        #expect(throws: UnplayableMedia.invalidCodecPrivateData(track: 2)) { try Track(entry) }
        entry.codecPrivate[0] = 1
        #expect(throws: UnplayableMedia.unsupportedStreamMediaType) { try Track(entry) }
    }

    @Test func refusals() {
        var video = TrackEntry.h264
        video.codecPrivate = []
        #expect(throws: UnplayableMedia.missingCodecPrivateData(track: 1)) { try PlayedTracks([video, .aac]) }
        var audio = TrackEntry.aac
        audio.codecPrivate = []
        #expect(throws: UnplayableMedia.missingCodecPrivateData(track: 2)) { try PlayedTracks([.h264, audio]) }
        // Start codes where a record belongs.
        video.codecPrivate = [0, 0, 0, 1] + Sets.h264(columns: 40, rows: 23)
        #expect(throws: UnplayableMedia.invalidCodecPrivateData(track: 1)) { try PlayedTracks([video]) }
        video.codecPrivate = Sets.avcC(Sets.h264(columns: 40, rows: 23), lengthSize: 3)
        #expect(throws: UnplayableMedia.invalidCodecPrivateData(track: 1)) { try PlayedTracks([video]) }
        video.codecID = "V_VP8"
        #expect(throws: UnplayableMedia.unsupportedStreamMediaType) { try PlayedTracks([video]) }
        #expect(throws: UnplayableMedia.unsupportedStreamMediaType) { try PlayedTracks([]) }
        #expect(throws: UnplayableMedia.unsupportedStreamMediaType) { try PlayedTracks([.h264, .aLaw]).requireHLS() }
        #expect(throws: Never.self) { try PlayedTracks([.h264, .aac]).requireHLS() }
    }

    @Test func texts() {
        #expect(UnplayableMedia.missingCodecPrivateData(track: 2).message == "Missing codec private data in fragment for track 2.")
        #expect(
            UnplayableMedia.invalidCodecPrivateData(track: 1).message
                == "The codec private data in at least one of the tracks of the video stream is not valid for this operation.")
        #expect(
            UnplayableMedia.invalidMediaFrame(track: 1).message
                == "One or more frames in the requested clip could not be parsed based on the specified codec.")
        #expect(UnplayableMedia.unsupportedStreamMediaType.message.hasSuffix("the codec ID for track 2 should be A_AAC."))
    }

    @Test func sameKindMeansCodecAndNumber() throws {
        let tracks = try PlayedTracks([.h264, .aac])
        var other = TrackEntry.h264
        other.codecPrivate = Sets.avcC(Sets.h264(columns: 120, rows: 68))
        #expect(try PlayedTracks([other, .aac]).isOfSameKind(as: tracks))
        #expect(try PlayedTracks([other, .aac]) != tracks)
        #expect(try !PlayedTracks([.h265, .aac]).isOfSameKind(as: tracks))
        #expect(try !PlayedTracks([.h264, .aLaw]).isOfSameKind(as: tracks))
        #expect(try !PlayedTracks([.h264]).isOfSameKind(as: tracks))
    }

    /// Codec private data that is cut or changed is read or refused, and whatever was read can be written.
    @Test(arguments: [TrackEntry.h264, .h265, .aac, .aLaw]) func hostileCodecPrivateData(entry: TrackEntry) {
        var numbers = SeededGenerator(seed: 1)
        func attempt(_ data: [UInt8]) {
            guard let track = try? Track(TrackEntry(number: 1, kind: entry.kind, codecID: entry.codecID, codecPrivate: data)) else {
                return
            }
            #expect(!FragmentedMP4.initialization(of: track).isEmpty)
            #expect(!track.codecs.isEmpty)
        }
        for length in 0...entry.codecPrivate.count { attempt(Array(entry.codecPrivate.prefix(length))) }
        for _ in 0..<5000 {
            var data = entry.codecPrivate
            for _ in 0..<Int.random(in: 1...4, using: &numbers) {
                data[Int.random(in: 0..<data.count, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
            }
            attempt(data)
        }
    }
}
