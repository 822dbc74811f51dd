import Testing

@testable import MediaFormats

@Suite struct WriterTests {
    /// 400 ms of video at 25 frames a second with frames that are shown in another order, and 22 ms later, audio.
    private static let frames: [GivenFrame] = {
        let order: [Double] = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8]
        var frames: [GivenFrame] = []
        for index in 0..<10 {
            frames.append((1, order[index] * 40, picture(index == 0 ? 5 : 1, size: 20 + index)))
            for half in 0..<2 {
                let time = Double(index * 2 + half) * 64 / 3
                frames.append((2, 22 + time.rounded(), [UInt8(index)] + Array(repeating: UInt8(half), count: half + 1)))
            }
        }
        return frames
    }()

    @Test func initializationDescribesTheTrack() throws {
        let video = FragmentedMP4.initialization(of: try Track(.h264))
        #expect(Box.all(in: video[...]).map(\.type) == ["ftyp", "moov"])
        #expect(Box.find("moov/trak/mdia/minf/stbl/stsd", in: video).dropFirst(12).prefix(4).elementsEqual("avc1".utf8))
        let entry = Box.find("moov/trak/mdia/minf/stbl/stsd", in: video)
        #expect(Array(entry[40..<44]) == [0x02, 0x80, 0x01, 0x68])
        #expect(entry.suffix(TrackEntry.h264.codecPrivate.count).elementsEqual(TrackEntry.h264.codecPrivate))
        #expect(Box.integers(Box.find("moov/trak/mdia/mdhd", in: video), from: 12) == [90_000, 0, 0x55C4_0000])
        #expect(Box.integers(Box.find("moov/mvex/trex", in: video), from: 4) == [1, 1, 0, 0, 0])

        let audio = FragmentedMP4.initialization(of: try Track(.aac))
        let sound = Box.find("moov/trak/mdia/minf/stbl/stsd", in: audio)
        #expect(sound.suffix(5 + 3).elementsEqual([0x05, 2, 0x11, 0x90, 0x06, 1, 2].suffix(8)) || sound.suffix(3) == [6, 1, 2])
        #expect(Array(sound[32..<44]) == [0, 2, 0, 16, 0, 0, 0, 0, 0xBB, 0x80, 0, 0])
    }

    @Test func segmentSaysEachFrame() throws {
        let fragment = fragment(Self.frames)
        let timed = try TimedFragment(fragment, of: PlayedTracks([.h264, .aac]), at: 1_000_000_000)
        let segment = segment(of: timed.video, in: fragment.bytes, sequence: 7)
        #expect(Box.all(in: segment[...]).map(\.type) == ["moof", "mdat"])
        #expect(Box.integers(Box.find("moof/mfhd", in: segment), from: 4) == [7])
        #expect(Box.integers(Box.find("moof/traf/tfdt", in: segment), from: 4) == [0, 90_000])
        let run = Box.integers(Box.find("moof/traf/trun", in: segment), from: 4)
        #expect(run[0] == 10)
        #expect(Array(segment[run[1]...]) == Self.frames.filter { $0.track == 1 }.flatMap(\.content))
        #expect(Array(run[2..<10]) == [3600, 24, 0x200_0000, 0, 3600, 25, 0x101_0000, 7200])
        #expect(run.suffix(4) == [3600, 33, 0x101_0000, -3600])
    }

    @Test func whatIsShownBeforeTheTimelineStartsIsMoved() throws {
        let early = fragment([(1, 0, picture(5)), (1, -80, picture()), (1, -40, picture())])
        let timed = try TimedFragment(early, of: PlayedTracks([.h264]), at: 0)
        let segment = segment(of: timed.video, in: early.bytes, sequence: 1)
        #expect(Box.integers(Box.find("moof/traf/tfdt", in: segment), from: 4) == [0, 0])
    }

    /// Reads a clip by its tables, as a player does.
    private static func samples(_ track: Int, of file: [UInt8]) -> [(content: [UInt8], decode: Int, shown: Int)] {
        let path = "moov/trak/mdia/minf/stbl/"
        let sizes = Box.integers(Box.find(path + "stsz", in: file, nth: track), from: 12)
        let chunks = Box.integers(Box.find(path + "stco", in: file, nth: track), from: 8)
        let toChunk = Box.integers(Box.find(path + "stsc", in: file, nth: track), from: 8)
        func runs(_ content: [UInt8]) -> [Int] {
            let pairs = Box.integers(content, from: 8)
            return stride(from: 0, to: pairs.count, by: 2).flatMap { Array(repeating: pairs[$0 + 1], count: pairs[$0]) }
        }
        let durations = runs(Box.find(path + "stts", in: file, nth: track))
        let offsets = track == 0 ? runs(Box.find(path + "ctts", in: file)) : []
        var samples: [(content: [UInt8], decode: Int, shown: Int)] = []
        var time = 0
        for (index, chunk) in chunks.enumerated() {
            let entry = Array(stride(from: 0, to: toChunk.count, by: 3)).last { toChunk[$0] <= index + 1 } ?? 0
            var at = chunk
            for _ in 0..<toChunk[entry + 1] {
                let number = samples.count
                samples.append((Array(file[at..<(at + sizes[number])]), time, time + (offsets.isEmpty ? 0 : offsets[number])))
                at += sizes[number]
                time += durations[number]
            }
        }
        return samples
    }

    @Test func clipIsWhatItsTablesSay() throws {
        let tracks = try PlayedTracks([.h264, .aac])
        var clip = Clip(of: tracks)
        let fragments = (0..<3).map { _ in fragment(Self.frames) }
        // The second one follows at once, the third an hour later.
        for (fragment, start) in zip(fragments, [7_000_000_000, 7_400_000_000, 3_600_000_000_000] as [Int64]) {
            #expect(try clip.append(fragment, start: start))
        }
        let file = clip.beginning() + fragments.flatMap { clip.payload(of: $0) }
        #expect(file.count == clip.beginning().count + clip.payloadSize)
        #expect(Box.all(in: file[...]).map(\.type) == ["ftyp", "moov", "mdat"])

        let video = Self.samples(0, of: file)
        let content = Self.frames.filter { $0.track == 1 }.map(\.content)
        #expect(video.map(\.content) == content + content + content)
        #expect(video.map(\.decode) == (0..<30).map { $0 * 3600 })
        #expect(video.prefix(4).map(\.shown) == [3600, 14_400, 7200, 10_800])
        #expect(Box.integers(Box.find("moov/trak/mdia/minf/stbl/stss", in: file), from: 8) == [1, 11, 21])

        let audio = Self.samples(1, of: file)
        let sound = Self.frames.filter { $0.track == 2 }.map(\.content)
        #expect(audio.map(\.content) == sound + sound + sound)
        #expect(zip(audio, audio.dropFirst()).allSatisfy { $1.decode - $0.decode == 1024 })

        // Video passes over the frame that its order costs, audio waits for 22 ms.
        let edits = [0, 1].map { Box.integers(Box.find("moov/trak/edts/elst", in: file, nth: $0), from: 4) }
        #expect(edits[0] == [1, 1200, 3600, 0x10000])
        #expect(edits[1] == [2, 22, -1, 0x10000, 1280, 0, 0x10000])
        #expect(Box.integers(Box.find("moov/mvhd", in: file), from: 12).prefix(2) == [1000, 1302])
    }

    /// As of a camera that sends a picture a second, each a fragment of its own, with sound.
    @Test func clipShowsALonePictureUntilTheNext() throws {
        var clip = Clip(of: try PlayedTracks([.h264, .aac]))
        let sounds: [GivenFrame] = (0..<47).map { (2, Double($0) * 1024 / 48, [1, 2, 3]) }
        let second = fragment([(1, 0, picture(5))] + sounds)
        // The last one comes in an hour, which is a gap.
        for start in [0, 1, 2, 3600] as [Int64] { #expect(try clip.append(second, start: start * 1_000_000_000)) }
        let file = clip.beginning() + (0..<4).flatMap { _ in clip.payload(of: second) }
        let decoded = Self.samples(0, of: file).map(\.decode)
        #expect(decoded.prefix(3).map { $0 / 90_000 } == [0, 1, 2] && decoded[3] - decoded[2] < 9000)
    }

    @Test func clipEndsBeforeTheFragmentThatIsTooMuch() throws {
        let tracks = try PlayedTracks([.h264])
        let small = fragment([(1, 0, picture(5)), (1, 40, picture())])
        var clip = Clip(of: tracks)
        for number in 0..<Clip.mostFragments { #expect(try clip.append(small, start: Int64(number) * 80_000_000)) }
        #expect(try !clip.append(small, start: 0))
        #expect(clip.fragments == Clip.mostFragments)

        var large = Clip(of: tracks)
        let size = 30_000_000
        let bytes = [0x01, 0xC9, 0xC3, 0x7C] + Array(repeating: UInt8(0x65), count: size - 4)
        let huge = Fragment(frames: [Frame(track: 1, time: 0, isKey: true, bytes: 0..<size)], bytes: bytes)
        for number in 0..<3 { #expect(try large.append(huge, start: Int64(number) * 40_000_000)) }
        #expect(try !large.append(huge, start: 120_000_000))
        #expect(large.payloadSize == 3 * size)
    }

    @Test func clipLeavesOutATrackWithoutFrames() throws {
        var clip = Clip(of: try PlayedTracks([.h264, .aac]))
        #expect(try clip.append(fragment([(1, 0, picture(5)), (1, 40, picture())]), start: 0))
        #expect(Box.all(in: Box.find("moov", in: clip.beginning())[...]).map(\.type) == ["mvhd", "trak"])
    }

    // MARK: MPEG-TS

    /// A packet of MPEG-TS.
    private struct Packet {
        let pid: UInt16
        let starts: Bool
        let counter: UInt8
        let clock: Int64?
        let payload: [UInt8]

        static func all(in bytes: [UInt8]) -> [Packet] {
            stride(from: 0, to: bytes.count, by: 188).map { at in
                let packet = Array(bytes[at..<min(at + 188, bytes.count)])
                #expect(packet.count == 188)
                #expect(packet[0] == 0x47)
                let field = packet[3] & 0x20 == 0 ? 0 : 1 + Int(packet[4])
                let hasClock = field > 1 && packet[5] & 0x10 != 0
                let base = hasClock ? packet[6..<10].reduce(Int64(0)) { $0 << 8 | Int64($1) } << 1 | Int64(packet[10] >> 7) : 0
                return Packet(
                    pid: UInt16(packet[1] & 0x1F) << 8 | UInt16(packet[2]), starts: packet[1] & 0x40 != 0, counter: packet[3] & 15,
                    clock: hasClock ? base : nil, payload: packet[3] & 0x10 == 0 ? [] : Array(packet[(4 + field)...]))
            }
        }
    }

    private static func time(_ bytes: ArraySlice<UInt8>) -> Int64 {
        let field = Array(bytes.prefix(5)).map(Int64.init)
        return (field[0] >> 1 & 7) << 30 | field[1] << 22 | (field[2] >> 1) << 15 | field[3] << 7 | field[4] >> 1
    }

    /// PES packets of a stream: what is shown when, and what they carry.
    private static func units(_ packets: [Packet], on pid: UInt16) -> [(shown: Int64, decode: Int64, content: [UInt8])] {
        var pes: [[UInt8]] = []
        for packet in packets where packet.pid == pid && !packet.payload.isEmpty {
            if packet.starts { pes.append([]) }
            pes[pes.count - 1] += packet.payload
        }
        return pes.map { pes in
            let length = Int(pes[4]) << 8 | Int(pes[5])
            #expect(Array(pes[0..<3]) == [0, 0, 1])
            #expect(length == pes.count - 6)
            let shown = time(pes[9...])
            return (shown, pes[7] & 0x40 == 0 ? shown : time(pes[14...]), Array(pes[(9 + Int(pes[8]))...]))
        }
    }

    @Test func transportStreamCarriesEachFrame() throws {
        let fragment = fragment(Self.frames)
        let tracks = try PlayedTracks([.h264, .aac])
        let timed = try TimedFragment(fragment, of: tracks, at: 0, audioOrigin: 22_000_000)
        let packets = Packet.all(in: try TransportStream.segment(of: timed, tracks: tracks, in: fragment.bytes, sequence: 18))
        #expect(packets.prefix(2).map(\.pid) == [0, 0x1000])
        #expect(packets.prefix(2).map(\.counter) == [2, 2])
        // A section with its checksum sums up to 0.
        for table in packets.prefix(2) {
            let length = Int(table.payload[2] & 15) << 8 | Int(table.payload[3])
            #expect(TransportStream.checksum(Array(table.payload[1..<(4 + length)])) == 0)
        }
        #expect(Array(packets[1].payload[9..<23]) == [0xE1, 0x00, 0xF0, 0, 0x1B, 0xE1, 0x00, 0xF0, 0, 0x0F, 0xE1, 0x01, 0xF0, 0])

        let video = Self.units(packets, on: 0x100)
        let start: Int64 = 900_000
        #expect(video.map(\.shown) == [0, 3, 1, 2, 6, 4, 5, 9, 7, 8].map { start + $0 * 3600 })
        // The parameter set says that two pictures may wait.
        #expect(video.map(\.decode) == (0..<10).map { start + ($0 - 2) * 3600 })
        let code: [UInt8] = [0, 0, 0, 1]
        guard case .h264(let h264) = try Track(.h264).codec else { return #expect(Bool(false)) }
        let first = code + [9, 0xF0] + h264.parameterSets.flatMap { code + $0 } + code + picture(5).dropFirst(4)
        #expect(video[0].content == first)
        #expect(video[1].content == code + [9, 0xF0] + code + picture(1, size: 21).dropFirst(4))

        let audio = Self.units(packets, on: 0x101)
        #expect(audio.map(\.shown) == [0, 8, 16].map { start + 1980 + $0 * 1920 })
        #expect(audio.map(\.content.count) == [4 * 9 + 4 * 10, 4 * 9 + 4 * 10, 2 * 9 + 2 * 10])
        #expect(Array(audio[0].content.prefix(9)) == [0xFF, 0xF1, 0x4C, 0x80, 0x01, 0x3F, 0xFC, 0, 0])
    }

    /// Segments are made without each other, and yet no counter jumps from one to the next.
    @Test func continuityCountersGoOnFromSegmentToSegment() throws {
        let tracks = try PlayedTracks([.h264, .aac])
        var bytes: [UInt8] = []
        for number in 0..<5 {
            let fragment = fragment(Self.frames + [(1, 400, picture(1, size: 200 + number * 9))])
            let timed = try TimedFragment(fragment, of: tracks, at: Int64(number) * 440_000_000)
            bytes += try TransportStream.segment(of: timed, tracks: tracks, in: fragment.bytes, sequence: UInt64(number) + 14)
        }
        var counters: [UInt16: UInt8] = [:]
        for packet in Packet.all(in: bytes) where !packet.payload.isEmpty {
            if let last = counters[packet.pid] { #expect(packet.counter == (last + 1) & 15) }
            counters[packet.pid] = packet.counter
        }
        #expect(counters.count == 4)
    }

    @Test func clockIsToldEachTenthOfASecond() throws {
        let slow = fragment([(1, 0, picture(5)), (1, 1000, picture()), (1, 2000, picture())])
        let tracks = try PlayedTracks([.h264])
        // Around the time at which 33 bits are used up.
        let wrap = (Int64(1) << 33 - 900_000 - 90_000) * 100_000 / 9
        let timed = try TimedFragment(slow, of: tracks, at: wrap)
        let packets = Packet.all(in: try TransportStream.segment(of: timed, tracks: tracks, in: slow.bytes, sequence: 0))
        let clocks = packets.compactMap(\.clock)
        #expect(clocks.count > 20)
        let period = Int64(1) << 33
        #expect(zip(clocks, clocks.dropFirst()).allSatisfy { (1...9000).contains(($1 - $0 + period) % period) })
        let shown = Self.units(packets, on: 0x100).map(\.shown)
        #expect(shown == [period - 90_000, 0, 90_000])
    }

    @Test func delimitersAndSetsThatAreThereAreNotDoubled() throws {
        let own: [UInt8] = [0, 0, 0, 2, 9, 0x10, 0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 2, 0x65, 3]
        let fragment = fragment([(1, 0, own), (1, 40, picture())])
        let tracks = try PlayedTracks([.h264])
        let timed = try TimedFragment(fragment, of: tracks, at: 0)
        let packets = Packet.all(in: try TransportStream.segment(of: timed, tracks: tracks, in: fragment.bytes, sequence: 0))
        let code: [UInt8] = [0, 0, 0, 1]
        #expect(Self.units(packets, on: 0x100)[0].content == code + [9, 0xF0] + code + [0x67, 1, 2] + code + [0x65, 3])
    }

    @Test func transportStreamTakesNeitherG711NorFramesOf960Samples() throws {
        let sound = fragment([(2, 0, [1, 2]), (2, 21, [1])])
        let g711 = try PlayedTracks([.aLaw])
        #expect(throws: UnplayableMedia.unsupportedStreamMediaType) {
            try TransportStream.segment(of: TimedFragment(sound, of: g711, at: 0), tracks: g711, in: sound.bytes, sequence: 0)
        }
        var entry = TrackEntry.aac
        entry.codecPrivate = [0x11, 0x94]
        let short = try PlayedTracks([entry])
        #expect(throws: UnplayableMedia.invalidCodecPrivateData(track: 2)) {
            try TransportStream.segment(of: TimedFragment(sound, of: short, at: 0), tracks: short, in: sound.bytes, sequence: 0)
        }
    }
}
