import FragmentStore
import Frames
import Matroska
import NIOCore

/// The video of a fragment, as pictures are made of it.
struct FragmentVideo {
    let codec: PictureRequest.Codec
    let codecPrivate: [UInt8]
    /// In the order of decoding; times in nanoseconds from the fragment's start.
    let frames: [Frame]
    let bytes: [UInt8]

    struct Frame {
        let time: Int64
        let isKey: Bool
        let isShown: Bool
        let bytes: Range<Int>
    }

    /// What a fragment's first video track holds; nil where it has none, or none that pictures are made of.
    init?(_ trackSet: Matroska.TrackSet, _ bytes: [UInt8]) {
        guard let track = trackSet.tracks.first(where: { $0.kind == .video }), let codec = PictureRequest.Codec(matroska: track.codec),
            let cluster = try? Cluster(reading: bytes)
        else { return nil }
        var frames: [Frame] = []
        for frame in cluster.frames where frame.track == track.number {
            let (time, overflows) = (frame.time - cluster.timecode).multipliedReportingOverflow(by: trackSet.info.timecodeScale)
            guard !overflows else { return nil }
            frames.append(Frame(time: Int64(time), isKey: frame.isKey, isShown: !frame.isInvisible, bytes: frame.bytes))
        }
        guard frames.contains(where: \.isShown) else { return nil }
        switch track.encoding {
        case .none: (self.frames, self.bytes) = (frames, bytes)
        case .strippedHeader(let head): (self.frames, self.bytes) = Self.completed(frames, bytes, head)
        case .unsupported: return nil
        }
        self.codec = codec
        codecPrivate = track.codecPrivate ?? []
    }

    /// Frames with what was taken from the beginning of each.
    private static func completed(_ frames: [Frame], _ bytes: [UInt8], _ head: [UInt8]) -> ([Frame], [UInt8]) {
        var whole: [UInt8] = []
        let completed = frames.map { frame in
            let start = whole.count
            whole += head
            whole += bytes[frame.bytes]
            return Frame(time: frame.time, isKey: frame.isKey, isShown: frame.isShown, bytes: start..<whole.count)
        }
        return (completed, whole)
    }

    /// Times of the frames that are shown, rising. Those that follow the first key frame and are shown before it need what came before the
    /// fragment, as encoders have it that H.265 calls open: there the key frame is seen.
    private var shown: [Int64] {
        let key = frames.firstIndex(where: \.isKey) ?? frames.endIndex
        return frames.indices.filter { frames[$0].isShown && ($0 <= key || frames[$0].time >= frames[key].time) }
            .map { frames[$0].time }.sorted()
    }

    /// Gaps between fragments up to this many milliseconds are those of clocks: the last frame is shown until the next fragment.
    private static let longestGap: Int64 = 2000
    /// How long a frame that is alone is shown, in nanoseconds.
    private static let usualDuration: Int64 = 1_000_000_000

    /// Returns the times of the frames that are seen at these moments, in milliseconds from the fragment's start; nil for moments at which
    /// nothing is seen any more. `next` is when the fragment after it begins.
    func seen(at moments: [Int64], next: Int64?) -> [Int64?] {
        let shown = shown
        guard let first = shown.first, let last = shown.last else { return moments.map { _ in nil } }
        let median = zip(shown, shown.dropFirst()).map { $1 - $0 }.sorted()
        let end = last + (median.isEmpty ? Self.usualDuration : median[(median.count - 1) / 2])
        let lasting = next.flatMap { next in next - last / 1_000_000 <= Self.longestGap ? next : nil }
        return moments.map { moment in
            // To the millisecond, as clients and producers have their times.
            let (time, overflows) = moment.multipliedReportingOverflow(by: 1_000_000)
            guard !overflows, lasting.map({ moment < $0 }) ?? (time < end) || time <= last else { return nil }
            return shown.last { $0 < time + 1_000_000 } ?? first
        }
    }

    /// What is to be decoded for the frames of these times: from the key frame that comes and is shown before the first of them, in the order of decoding, to
    /// the last.
    func request(for times: [Int64], _ style: ImageStyle) -> PictureRequest? {
        let wanted = Set(times)
        let places = frames.indices.filter { frames[$0].isShown && wanted.contains(frames[$0].time) }
        guard let first = places.first, let last = places.last else { return nil }
        let start = frames[...first].lastIndex { $0.isKey && $0.time <= frames[first].time } ?? frames.startIndex
        return PictureRequest(
            codec, codecPrivate: codecPrivate, frames: frames[start...last].map { .init(time: $0.time, bytes: $0.bytes) }, bytes: bytes,
            wanted: wanted.sorted(), format: style.format, width: style.width, height: style.height)
    }
}

extension FragmentStore {
    /// Returns what is seen of a fragment at moments, in milliseconds from its start and rising: a picture, why it cannot be made, or nil where nothing is
    /// seen. At least one is returned; what would be too many bytes at once is to be asked for again.
    ///
    /// - Parameter next: When the fragment after it begins, from the start of this one.
    /// - Throws: `ReadFailure`.
    func pictures(
        of record: FragmentRecord, at moments: [Int64], next: Int64?, _ style: ImageStyle, _ frames: FramePool
    ) async throws -> [Result<ByteBuffer, PictureFailure>?] {
        var seen: [Int64?]?
        var wanted: [Int64] = []
        let made = try await frames.pictures {
            let trackSet = try await trackSet(of: record)
            let bytes = try await wholeBytes(of: record)
            guard let tracks = try? Matroska.TrackSet(reading: Array(trackSet.bytes.readableBytesView)),
                let video = FragmentVideo(tracks, bytes)
            else { return nil }
            let times = video.seen(at: moments, next: next)
            seen = times
            let request = video.request(for: times.compactMap { $0 }, style)
            wanted = request?.wanted ?? []
            return request
        }
        guard let seen else { return moments.map { _ in .failure(.notDecoded) } }
        let pictures = Dictionary(uniqueKeysWithValues: zip(wanted, made ?? []))
        var results: [Result<ByteBuffer, PictureFailure>?] = []
        for time in seen {
            guard let time else {
                results.append(nil)
                continue
            }
            let picture = pictures[time] ?? .failure(.notDecoded)
            // The first is never put off, whatever the process says.
            if case .failure(.later) = picture, !results.isEmpty { return results }
            results.append(picture)
        }
        return results
    }

    /// A fragment as a whole, which is as large as its producer made it.
    func wholeBytes(of record: FragmentRecord) async throws -> [UInt8] {
        var whole: [UInt8] = []
        whole.reserveCapacity(Int(record.size))
        for try await piece in bytes(of: record) { whole += piece.readableBytesView }
        return whole
    }
}
