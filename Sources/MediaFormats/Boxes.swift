/// Writes the boxes of ISO/IEC 14496-12, big-endian, each into the one around it.
struct Boxes {
    private(set) var bytes: [UInt8] = []

    mutating func reserve(_ count: Int) { bytes.reserveCapacity(count) }

    mutating func box(_ type: String, _ content: (inout Boxes) -> Void = { _ in }) {
        let start = bytes.count
        u32(0)
        code(type)
        content(&self)
        put(UInt32(bytes.count - start), at: start)
    }

    /// A box with a version and flags.
    mutating func full(_ type: String, version: UInt8 = 0, flags: UInt32 = 0, _ content: (inout Boxes) -> Void) {
        box(type) {
            $0.u32(UInt32(version) << 24 | flags)
            content(&$0)
        }
    }

    mutating func code(_ type: String) { bytes.append(contentsOf: type.utf8) }
    mutating func u8(_ value: UInt8) { bytes.append(value) }
    mutating func u16(_ value: UInt16) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
    mutating func u32(_ value: UInt32) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
    mutating func i32(_ value: Int32) { u32(UInt32(bitPattern: value)) }
    mutating func u64(_ value: UInt64) { withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) } }
    mutating func zeros(_ count: Int) { bytes.append(contentsOf: repeatElement(0, count: count)) }
    mutating func append(_ more: some Collection<UInt8>) { bytes.append(contentsOf: more) }

    mutating func put(_ value: UInt32, at index: Int) {
        withUnsafeBytes(of: value.bigEndian) { bytes.replaceSubrange(index..<(index + 4), with: $0) }
    }
}

extension Boxes {
    mutating func fileType(_ brands: [String]) {
        box("ftyp") { box in
            for (index, brand) in brands.enumerated() {
                box.code(brand)
                if index == 0 {
                    box.u32(0)
                    box.code(brand)
                }
            }
        }
    }

    /// - Parameter duration: Ticks of the timescale; 0 where fragments say it.
    mutating func movieHeader(timescale: UInt32, duration: UInt32, nextTrack: UInt32) {
        full("mvhd") {
            $0.zeros(8)
            $0.u32(timescale)
            $0.u32(duration)
            $0.u32(0x10000)
            $0.u16(0x100)
            $0.zeros(10)
            $0.matrix()
            $0.zeros(24)
            $0.u32(nextTrack)
        }
    }

    /// - Parameters:
    ///   - movieDuration: In the movie's timescale.
    ///   - duration: In the track's.
    ///   - edits: Writes `edts` or nothing.
    ///   - tables: Writes what `stbl` holds after `stsd`.
    mutating func track(
        _ track: Track, id: UInt32, movieDuration: UInt32, duration: UInt32, edits: (inout Boxes) -> Void, tables: (inout Boxes) -> Void
    ) {
        box("trak") { trak in
            trak.full("tkhd", flags: 3) {
                $0.zeros(8)
                $0.u32(id)
                $0.u32(0)
                $0.u32(movieDuration)
                $0.zeros(8 + 4)
                $0.u16(track.video == nil ? 0x100 : 0)
                $0.u16(0)
                $0.matrix()
                $0.displaySize(track.video)
            }
            edits(&trak)
            trak.box("mdia") { mdia in
                mdia.full("mdhd") {
                    $0.zeros(8)
                    $0.u32(track.timescale)
                    $0.u32(duration)
                    $0.u16(0x55C4)
                    $0.u16(0)
                }
                mdia.full("hdlr") {
                    $0.u32(0)
                    $0.code(track.video == nil ? "soun" : "vide")
                    $0.zeros(12)
                    $0.code(track.video == nil ? "Sound" : "Video")
                    $0.u8(0)
                }
                mdia.box("minf") { minf in
                    if track.video == nil {
                        minf.full("smhd") { $0.zeros(4) }
                    } else {
                        minf.full("vmhd", flags: 1) { $0.zeros(8) }
                    }
                    minf.box("dinf") {
                        $0.full("dref") {
                            $0.u32(1)
                            $0.full("url ", flags: 1) { _ in }
                        }
                    }
                    minf.box("stbl") {
                        $0.full("stsd") {
                            $0.u32(1)
                            $0.sampleEntry(track)
                        }
                        tables(&$0)
                    }
                }
            }
        }
    }

    private mutating func matrix() {
        for value: UInt32 in [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000] { u32(value) }
    }

    /// Width and height as they are shown, with 16 bits of fraction.
    private mutating func displaySize(_ video: VideoParameters?) {
        guard let video else { return zeros(8) }
        let width = (UInt64(video.width) << 16) * UInt64(video.pixelAspect.numerator) / UInt64(video.pixelAspect.denominator)
        u32(UInt32(clamping: width))
        u32(UInt32(video.height) << 16)
    }

    private mutating func sampleEntry(_ track: Track) {
        box(track.sampleEntry) { entry in
            entry.zeros(6)
            entry.u16(1)
            switch track.codec {
            case .h264(let h264):
                entry.visual(h264.parameters)
                entry.box("avcC") { $0.append(h264.record) }
                entry.pixelAspect(h264.parameters)
            case .h265(let h265):
                entry.visual(h265.parameters)
                entry.box("hvcC") { $0.append(h265.record) }
                entry.pixelAspect(h265.parameters)
            case .aac(let aac):
                entry.sound(channels: aac.channels, rate: aac.rate)
                entry.full("esds") { $0.descriptors(aac) }
            case .g711(let g711):
                entry.sound(channels: g711.channels, rate: g711.rate)
            }
        }
    }

    private mutating func visual(_ video: VideoParameters) {
        zeros(16)
        u16(video.width)
        u16(video.height)
        u32(0x48_0000)
        u32(0x48_0000)
        u32(0)
        u16(1)
        zeros(32)
        u16(0x18)
        u16(0xFFFF)
    }

    private mutating func pixelAspect(_ video: VideoParameters) {
        guard video.pixelAspect != VideoParameters.Ratio(1, 1) else { return }
        box("pasp") {
            $0.u32(video.pixelAspect.numerator)
            $0.u32(video.pixelAspect.denominator)
        }
    }

    private mutating func sound(channels: UInt8, rate: UInt32) {
        zeros(8)
        u16(UInt16(channels))
        u16(16)
        u32(0)
        u32(rate < 1 << 16 ? rate << 16 : 0)
    }

    /// ISO/IEC 14496-1, 7.2.6: the lengths fit one byte each, as no configuration that is accepted is longer than 64.
    private mutating func descriptors(_ aac: AAC) {
        let configuration = aac.configuration
        append([0x03, UInt8(3 + 2 + 13 + 2 + configuration.count + 3), 0, 0, 0])
        append([0x04, UInt8(13 + 2 + configuration.count), 0x40, 0x15])
        zeros(3 + 4 + 4)
        append([0x05, UInt8(configuration.count)])
        append(configuration)
        append([0x06, 1, 2])
    }
}
