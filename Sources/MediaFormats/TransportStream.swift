/// MPEG-TS as HLS takes it (ISO/IEC 13818-1): a segment holds all tracks and whatever a decoder needs to begin with it.
public struct TransportStream {
    /// - Parameters:
    ///   - bytes: Those of the fragment.
    ///   - sequence: Grows by one from fragment to fragment; the tables' continuity counter follows it.
    public static func segment(
        of fragment: TimedFragment, tracks: PlayedTracks, in bytes: [UInt8], sequence: UInt64
    ) throws(UnplayableMedia) -> [UInt8] {
        try tracks.requireHLS()
        var stream = TransportStream()
        stream.writeTables(tracks, counter: UInt8(sequence & 15))

        let video = tracks.video.map { fragment.packets(ofVideo: $0) } ?? []
        let audio = tracks.audio.map { fragment.packets(ofAudio: $0) } ?? []
        stream.output.reserveCapacity(bytes.count + bytes.count / 8 + 65_536)
        var (nextVideo, nextAudio) = (0, 0)
        while nextVideo < video.count || nextAudio < audio.count {
            let isVideo = nextAudio == audio.count || (nextVideo < video.count && video[nextVideo].decode <= audio[nextAudio].decode)
            if isVideo, let track = tracks.video {
                let packet = video[nextVideo]
                nextVideo += 1
                let payload = try track.accessUnit(packet, in: bytes)
                stream.write(payload, packet, on: .video, isClock: true, isLast: nextVideo == video.count)
            } else if let track = tracks.audio {
                let packet = audio[nextAudio]
                nextAudio += 1
                let payload = try track.framesWithHeaders(packet, in: bytes)
                stream.write(payload, packet, on: .audio, isClock: video.isEmpty, isLast: nextAudio == audio.count)
            }
        }
        return stream.output
    }

    /// What a PES packet is made of; times in ticks of 90 kHz on the fragment's timeline.
    fileprivate struct Packet {
        var samples: ArraySlice<Sample>
        var presentation: Int64
        var decode: Int64
        var isKey: Bool
    }

    private enum Stream: UInt16 {
        case video = 0x100
        case audio = 0x101

        var id: UInt8 { self == .video ? 0xE0 : 0xC0 }
    }

    private var output: [UInt8] = []
    private var counters: [Stream: UInt8] = [.video: 0, .audio: 0]
    /// The last time that was told to the decoder's clock.
    private var clock: Int64?

    private static let packetSize = 188
    /// The timeline's start, so that no time is below 0 where decoding begins earlier.
    private static let start: Int64 = 10 * 90_000
    /// How far the decoder's clock is behind the frame that is decoded next: the time that a player has for filling its buffer.
    private static let lead: Int64 = 9_000
    /// The clock may be told at most 100 ms apart.
    private static let longestPause: Int64 = 8_000
    private static let tableCarrier: UInt16 = 0x1000

    // MARK: Tables

    private mutating func writeTables(_ tracks: PlayedTracks, counter: UInt8) {
        let map = Self.tableCarrier
        writeTable([0, 1, 0xE0 | UInt8(map >> 8), UInt8(map & 0xFF)], id: 0, on: 0, counter: counter)

        let clock = (tracks.video == nil ? Stream.audio : .video).rawValue
        var content: [UInt8] = [0xE0 | UInt8(clock >> 8), UInt8(clock & 0xFF), 0xF0, 0]
        func add(_ type: UInt8, _ stream: Stream) {
            content += [type, 0xE0 | UInt8(stream.rawValue >> 8), UInt8(stream.rawValue & 0xFF), 0xF0, 0]
        }
        switch tracks.video?.codec {
        case .h264: add(0x1B, .video)
        case .h265: add(0x24, .video)
        case .aac, .g711, nil: break
        }
        if tracks.audio != nil { add(0x0F, .audio) }
        writeTable(content, id: 2, on: map, counter: counter)
    }

    private mutating func writeTable(_ content: [UInt8], id: UInt8, on carrier: UInt16, counter: UInt8) {
        // The length of what follows it: five bytes, content, checksum.
        let length = 5 + content.count + 4
        var section: [UInt8] = [id, 0xB0 | UInt8(length >> 8), UInt8(length & 0xFF), 0, 1, 0xC1, 0, 0]
        section += content
        let sum = Self.checksum(section)
        section += [UInt8(sum >> 24), UInt8(sum >> 16 & 0xFF), UInt8(sum >> 8 & 0xFF), UInt8(sum & 0xFF)]
        output += [0x47, 0x40 | UInt8(carrier >> 8), UInt8(carrier & 0xFF), 0x10 | counter, 0]
        output += section
        output.append(contentsOf: repeatElement(0xFF, count: Self.packetSize - 5 - section.count))
    }

    /// ISO/IEC 13818-1, annex A.
    static func checksum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0xFFFF_FFFF
        for byte in bytes {
            sum ^= UInt32(byte) << 24
            for _ in 0..<8 { sum = sum & 0x8000_0000 == 0 ? sum << 1 : sum << 1 ^ 0x04C1_1DB7 }
        }
        return sum
    }

    // MARK: Packets

    /// Writes a PES packet. The last one of its stream is spread over so many more packets that the stream's counter ends where it began, at
    /// 0: so segments follow each other without a jump of the counter, and each is made without knowing the one before.
    private mutating func write(_ payload: [UInt8], _ packet: Packet, on stream: Stream, isClock: Bool, isLast: Bool) {
        if isClock { fillPause(until: packet.decode, on: stream) }
        let pes = Self.header(packet, of: payload.count, on: stream) + payload
        let firstField = isClock ? Self.clockField(packet.decode, isKey: packet.isKey) : packet.isKey ? [0x40] : []
        let firstRoom = Self.packetSize - 4 - (firstField.isEmpty ? 0 : firstField.count + 1)
        let roomAfter = Self.packetSize - 4
        var count = pes.count <= firstRoom ? 1 : 1 + (pes.count - firstRoom + roomAfter - 1) / roomAfter
        let counter = Int(counters[stream] ?? 0)
        if isLast { count += (16 - (counter + count) & 15) & 15 }

        var at = 0
        for index in 0..<count {
            let field = index == 0 ? firstField : []
            let room = index == 0 ? firstRoom : roomAfter
            // Each packet that comes after this one has a byte at least.
            let taken = min(room, pes.count - at - (count - index - 1))
            output += [0x47, (index == 0 ? 0x40 : 0) | UInt8(stream.rawValue >> 8), UInt8(stream.rawValue & 0xFF)]
            let stuffing = room - taken
            output.append((field.isEmpty && stuffing == 0 ? 0x10 : 0x30) | UInt8((counter + index) & 15))
            writeField(field, stuffing: stuffing)
            output += pes[at..<(at + taken)]
            at += taken
        }
        counters[stream] = UInt8((counter + count) & 15)
    }

    /// An adaptation field of flags, and of as many bytes as the packet is too long for what it carries.
    private mutating func writeField(_ field: [UInt8], stuffing: Int) {
        if field.isEmpty {
            guard stuffing > 0 else { return }
            output.append(UInt8(stuffing - 1))
            guard stuffing > 1 else { return }
            output.append(0)
            output.append(contentsOf: repeatElement(0xFF, count: stuffing - 2))
        } else {
            output.append(UInt8(field.count + stuffing))
            output += field
            output.append(contentsOf: repeatElement(0xFF, count: stuffing))
        }
    }

    /// Tells the clock while no frame does, as between the frames of slow video.
    private mutating func fillPause(until time: Int64, on stream: Stream) {
        if var last = clock {
            while time - last > Self.longestPause {
                last += Self.longestPause
                output += [0x47, UInt8(stream.rawValue >> 8), UInt8(stream.rawValue & 0xFF), 0x20 | ((counters[stream] ?? 0) &- 1) & 15]
                writeField(Self.clockField(last, isKey: false), stuffing: Self.packetSize - 5 - 7)
            }
        }
        clock = time
    }

    private static func clockField(_ time: Int64, isKey: Bool) -> [UInt8] {
        let base = wrapped(time + start - lead)
        return [
            isKey ? 0x50 : 0x10, UInt8(base >> 25 & 0xFF), UInt8(base >> 17 & 0xFF), UInt8(base >> 9 & 0xFF), UInt8(base >> 1 & 0xFF),
            UInt8(base & 1) << 7 | 0x7E, 0,
        ]
    }

    private static func header(_ packet: Packet, of size: Int, on stream: Stream) -> [UInt8] {
        let hasDecode = packet.decode != packet.presentation
        let times =
            hasDecode
            ? timestamp(packet.presentation, mark: 3) + timestamp(packet.decode, mark: 1) : timestamp(packet.presentation, mark: 2)
        // Video that is too long for the field says 0.
        let length = UInt16(exactly: 3 + times.count + size) ?? 0
        return [0, 0, 1, stream.id, UInt8(length >> 8), UInt8(length & 0xFF), 0x84, hasDecode ? 0xC0 : 0x80, UInt8(times.count)] + times
    }

    private static func timestamp(_ time: Int64, mark: UInt8) -> [UInt8] {
        let time = wrapped(time + start)
        return [
            mark << 4 | UInt8(time >> 30) << 1 | 1, UInt8(time >> 22 & 0xFF), UInt8(time >> 15 & 0x7F) << 1 | 1,
            UInt8(time >> 7 & 0xFF), UInt8(time & 0x7F) << 1 | 1,
        ]
    }

    /// Times have 33 bits, and go on at 0.
    private static func wrapped(_ time: Int64) -> UInt64 { UInt64(bitPattern: time) & (1 << 33 - 1) }
}

extension TimedFragment {
    /// MPEG-TS wants no picture to be decoded after it is shown, so decoding is earlier by what the stream's order of pictures needs: by as many
    /// frames as its parameter set says, so that it is the same in each fragment, or by what this fragment needs.
    fileprivate func packets(ofVideo track: Track) -> ArraySlice<TransportStream.Packet> {
        let durations = video.map(\.duration).sorted()
        let usual = durations.isEmpty ? 0 : Int64(durations[durations.count / 2])
        let told = Int64(track.video?.reorderDepth ?? 0) * usual
        let shift = video.reduce(told) { max($0, -Int64($1.offset)) }
        let packets = video.indices.map { index in
            TransportStream.Packet(
                samples: video[index...index], presentation: video[index].presentationTime, decode: video[index].decodeTime - shift,
                isKey: video[index].isSync)
        }
        return packets[...]
    }

    /// Several frames that follow each other share a packet, as the headers of packets would weigh as much as low rates.
    fileprivate func packets(ofAudio track: Track) -> ArraySlice<TransportStream.Packet> {
        var packets: [TransportStream.Packet] = []
        var first = audio.startIndex
        var size = 0
        let usual = audio.map(\.duration).min()
        for index in audio.indices {
            size += audio[index].bytes.count + 7
            let next = index + 1
            let isFull = next - first == 8 || (next < audio.count && size + audio[next].bytes.count + 7 > 60_000)
            // A frame that is followed by a gap lasts longer than others.
            guard isFull || next == audio.count || audio[index].duration != usual else { continue }
            // Decades between fragments are more ticks than 64 bits hold, on the way from one timescale to another.
            let time = Int64(Int128(audio[first].decodeTime) * 90_000 / Int128(track.timescale))
            packets.append(TransportStream.Packet(samples: audio[first..<next], presentation: time, decode: time, isKey: true))
            (first, size) = (next, 0)
        }
        return packets[...]
    }
}

extension Track {
    /// A picture with start codes: a delimiter first, and parameter sets before each picture at which decoding can begin.
    fileprivate func accessUnit(_ packet: TransportStream.Packet, in bytes: [UInt8]) throws(UnplayableMedia) -> [UInt8] {
        let (delimiter, sets): ([UInt8], [[UInt8]])
        switch codec {
        case .h264(let h264): (delimiter, sets) = ([0x09, 0xF0], h264.parameterSets)
        case .h265(let h265): (delimiter, sets) = ([0x46, 0x01, 0x50], h265.parameterSets)
        case .aac, .g711: throw .unsupportedStreamMediaType
        }
        var unit: [UInt8] = []
        func add(_ bytes: some Collection<UInt8>) {
            unit.append(contentsOf: [0, 0, 0, 1])
            unit.append(contentsOf: bytes)
        }
        add(delimiter)
        for sample in packet.samples {
            var ranges: [Range<Int>] = []
            try forEachUnit(in: bytes, sample.bytes) { ranges.append($0) }
            let hasSets = ranges.contains { isSequenceSet(bytes[$0.lowerBound]) }
            if packet.isKey, !hasSets {
                for set in sets { add(set) }
            }
            for range in ranges where !isDelimiter(bytes[range.lowerBound]) { add(bytes[range]) }
        }
        return unit
    }

    /// Frames of AAC, each after its header.
    fileprivate func framesWithHeaders(_ packet: TransportStream.Packet, in bytes: [UInt8]) throws(UnplayableMedia) -> [UInt8] {
        guard case .aac(let aac) = codec else { throw .unsupportedStreamMediaType }
        var frames: [UInt8] = []
        for sample in packet.samples {
            guard let header = aac.header(ofFrame: sample.bytes.count) else { throw .invalidCodecPrivateData(track: number) }
            frames += header
            frames += bytes[sample.bytes]
        }
        return frames
    }

    private func isDelimiter(_ header: UInt8) -> Bool {
        switch codec {
        case .h264: header & 0x1F == 9
        case .h265: header >> 1 & 0x3F == 35
        case .aac, .g711: false
        }
    }

    private func isSequenceSet(_ header: UInt8) -> Bool {
        switch codec {
        case .h264: header & 0x1F == 7
        case .h265: header >> 1 & 0x3F == 33
        case .aac, .g711: false
        }
    }
}
