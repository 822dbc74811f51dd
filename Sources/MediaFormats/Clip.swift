/// A plain MP4 file of several fragments, `moov` in front, made in two passes: the first takes the fragments one after the other and keeps
/// their frames' sizes and times, so that the file's size and its beginning are known; the second sends the bytes of the same frames.
///
/// Fragments that do not follow each other in time are joined without a gap; a picture that is alone in its fragment is shown until the next one.
/// Frames lie in the file in the order in which they came.
public struct Clip: Sendable {
    /// The most that a clip holds. Fragments and bytes of frames are limits of the service (reference, GetClip); that of frames keeps the tables below
    /// some megabytes. The clip ends before the fragment that is too much.
    public static let mostFragments = 200
    public static let mostBytes = 100_000_000
    static let mostFrames = 400_000

    public let tracks: PlayedTracks
    public private(set) var fragments = 0
    /// Bytes of frames.
    private var size = 0
    private var frames = 0
    /// What is taken from fragments' times, and where the last one's video, or its audio where there is no video, ended; in nanoseconds.
    private var shift: Int64?
    private var end: Int64 = 0
    /// Whether that was a picture alone, which says nothing of how long it is shown: streams of one picture a second have no gaps.
    private var endsInLonePicture = false
    private var audioOrigin: Int64?
    private var tables: [Table]

    public init(of tracks: PlayedTracks) {
        self.tracks = tracks
        tables = [tracks.video, tracks.audio].compactMap { $0 }.map(Table.init)
    }

    /// First pass. Returns false, and leaves the clip as it is, where the fragment is more than a clip may hold.
    ///
    /// - Parameters:
    ///   - fragment: Its frames of the tracks, each one checked as such.
    ///   - start: When the fragment starts, in nanoseconds of any clock that is the same for all fragments.
    public mutating func append(_ fragment: [Frame], start: Int64) throws(UnplayableMedia) -> Bool {
        let lead = fragment.contains { $0.track == tracks.video?.number } ? tracks.video : tracks.audio
        let leading = fragment.filter { $0.track == lead?.number }.map(\.time)
        let first = leading.min() ?? 0
        let firstSound = fragment.first { $0.track == tracks.audio?.number }?.time
        guard start.magnitude < 1 << 61, max(first.magnitude, firstSound?.magnitude ?? 0) <= TimedFragment.longest else {
            throw .invalidMediaFrame(track: lead?.number ?? 0)
        }
        var shift = shift ?? start
        let gap = start - shift + first - end
        let isShown = endsInLonePicture && (0...TimedFragment.longestFrame).contains(gap)
        if self.shift != nil, gap.magnitude > TimedFragment.tolerance, !isShown { shift += gap }
        let position = start - shift
        let origin = audioOrigin ?? firstSound.map { position + $0 }
        let timed = try TimedFragment(checked: fragment, of: tracks, at: position, audioOrigin: origin ?? 0)
        let added = (timed.video + timed.audio).reduce(0) { $0 + $1.bytes.count }
        let isWithin = fragments < Self.mostFragments && size + added <= Self.mostBytes
        guard isWithin, frames + timed.video.count + timed.audio.count <= Self.mostFrames else { return false }

        for table in tables.indices {
            tables[table].append(tables[table].track == tracks.video ? timed.video : timed.audio)
        }
        var isInChunk: Int?
        for frame in fragment {
            guard let table = tables.firstIndex(where: { $0.track.number == frame.track }) else { continue }
            if isInChunk == table {
                tables[table].growChunk()
            } else {
                tables[table].beginChunk(at: UInt32(size))
            }
            isInChunk = table
            size += frame.bytes.count
        }
        fragments += 1
        frames += timed.video.count + timed.audio.count
        end = position + timed.length
        endsInLonePicture = leading.count == 1 && lead == tracks.video
        self.shift = shift
        audioOrigin = origin
        return true
    }

    /// Everything that stands in the file before the first frame.
    public func beginning() -> [UInt8] {
        let size = beginning(of: 0).count
        return beginning(of: UInt32(size))
    }

    /// How many bytes of frames follow the beginning: those of each fragment, in their order.
    public var payloadSize: Int { size }

    private func beginning(of offset: UInt32) -> [UInt8] {
        let tables = tables.filter { $0.count > 0 }
        let start = tables.map { $0.start(in: Self.timescale) }.min() ?? 0
        let delays = tables.map { UInt32($0.start(in: Self.timescale) - start) }
        let durations = zip(tables, delays).map { $0.duration(in: Self.timescale) + $1 }
        var boxes = Boxes()
        boxes.fileType(["isom", "iso2", "mp41"])
        boxes.box("moov") { moov in
            moov.movieHeader(timescale: Self.timescale, duration: durations.max() ?? 0, nextTrack: UInt32(tables.count) + 1)
            for (index, table) in tables.enumerated() {
                moov.track(
                    table.track, id: UInt32(index) + 1, movieDuration: durations[index], duration: table.duration,
                    edits: { table.writeEdits(into: &$0, delay: delays[index], timescale: Self.timescale) },
                    tables: { table.write(into: &$0, offset: offset) })
            }
        }
        boxes.u32(UInt32(size + 8))
        boxes.code("mdat")
        return boxes.bytes
    }

    /// Of the movie: in milliseconds no clip is too long for 32 bits.
    private static let timescale: UInt32 = 1000
}

/// What the sample tables of a track say.
private struct Table: Sendable {
    let track: Track
    private(set) var duration: UInt32 = 0
    private var sizes: [UInt32] = []
    private var durations = Runs<UInt32>()
    private var offsets = Runs<Int32>()
    /// Numbers of the samples at which decoding can begin, from 1.
    private var syncs: [UInt32] = []
    private var chunks: [UInt32] = []
    private var chunkSizes: [UInt32] = []
    private var firstTime: Int64?

    /// Values of which many are equal to the one before.
    struct Runs<Value: Equatable & Sendable>: Sendable {
        private(set) var runs: [(count: UInt32, value: Value)] = []

        mutating func append(_ value: Value) {
            if let last = runs.indices.last, runs[last].value == value {
                runs[last].count += 1
            } else {
                runs.append((1, value))
            }
        }

        mutating func removeLast() -> Value? {
            guard let last = runs.indices.last else { return nil }
            let value = runs[last].value
            runs[last].count -= 1
            if runs[last].count == 0 { runs.removeLast() }
            return value
        }
    }

    init(_ track: Track) { self.track = track }

    var count: Int { sizes.count }

    /// The picture that was last is shown until the first of these. Sounds go on where those before them ended, unless they are late by more
    /// than clocks and rounding explain.
    mutating func append(_ samples: [Sample]) {
        guard let first = samples.first else { return }
        let start = firstTime ?? first.decodeTime
        firstTime = start
        let gap = first.decodeTime - start - Int64(duration)
        if track.video != nil || gap > ticks(TimedFragment.tolerance, track.timescale), let last = durations.removeLast() {
            let changed = UInt32(max(Int64(last) + gap, 1))
            durations.append(changed)
            duration = duration - last + changed
        }
        for sample in samples {
            sizes.append(UInt32(sample.bytes.count))
            if sample.isSync { syncs.append(UInt32(sizes.count)) }
            durations.append(sample.duration)
            offsets.append(sample.offset)
            duration += sample.duration
        }
    }

    /// A chunk is a run of samples that lie one after the other.
    mutating func beginChunk(at position: UInt32) {
        chunks.append(position)
        chunkSizes.append(1)
    }

    mutating func growChunk() {
        if let last = chunkSizes.indices.last { chunkSizes[last] += 1 }
    }

    /// How far offsets must be raised so that none is negative.
    private var shift: Int32 { -min(offsets.runs.map(\.value).min() ?? 0, 0) }

    /// When the first frame is shown, in ticks of another timescale. It is the smallest time of its track, and so equal to that of the first decoding.
    func start(in timescale: UInt32) -> Int64 {
        (firstTime ?? 0) * Int64(timescale) / Int64(track.timescale)
    }

    func duration(in timescale: UInt32) -> UInt32 {
        UInt32((UInt64(duration) * UInt64(timescale) + UInt64(track.timescale) - 1) / UInt64(track.timescale))
    }

    /// One edit that waits for what starts later than the other track, and one that passes over the time between decoding and showing.
    func writeEdits(into boxes: inout Boxes, delay: UInt32, timescale: UInt32) {
        guard delay > 0 || shift > 0 else { return }
        boxes.box("edts") {
            $0.full("elst") { list in
                list.u32(delay > 0 ? 2 : 1)
                if delay > 0 {
                    list.u32(delay)
                    list.i32(-1)
                    list.u32(0x10000)
                }
                list.u32(duration(in: timescale))
                list.i32(shift)
                list.u32(0x10000)
            }
        }
    }

    func write(into boxes: inout Boxes, offset: UInt32) {
        boxes.full("stts") { box in
            box.u32(UInt32(durations.runs.count))
            for run in durations.runs {
                box.u32(run.count)
                box.u32(run.value)
            }
        }
        if offsets.runs.contains(where: { $0.value != 0 }) {
            boxes.full("ctts") { box in
                box.u32(UInt32(offsets.runs.count))
                for run in offsets.runs {
                    box.u32(run.count)
                    box.i32(run.value + shift)
                }
            }
        }
        if syncs.count < sizes.count {
            boxes.full("stss") { box in
                box.u32(UInt32(syncs.count))
                for sync in syncs { box.u32(sync) }
            }
        }
        boxes.full("stsz") { box in
            box.u32(0)
            box.u32(UInt32(sizes.count))
            for size in sizes { box.u32(size) }
        }
        boxes.full("stsc") { box in
            let start = box.bytes.count
            box.u32(0)
            var entries: UInt32 = 0
            for (index, size) in chunkSizes.enumerated() where index == 0 || size != chunkSizes[index - 1] {
                box.u32(UInt32(index) + 1)
                box.u32(size)
                box.u32(1)
                entries += 1
            }
            box.put(entries, at: start)
        }
        boxes.full("stco") { box in
            box.u32(UInt32(chunks.count))
            for chunk in chunks { box.u32(chunk + offset) }
        }
    }
}
