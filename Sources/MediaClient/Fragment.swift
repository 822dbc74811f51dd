import Matroska

/// A fragment as it goes over the wire.
struct Fragment: Sendable, Equatable {
    /// Milliseconds since 1970; later than that of the fragment before it.
    let timecode: Int
    /// Of its last frame.
    let lastTime: Int
    /// The cluster, and the tag that ends the fragment: with it the server need not wait for the next one to know that this one is whole.
    let bytes: [UInt8]
    /// What is sent before the first fragment of a session. A fragment with another header needs another session.
    let header: [UInt8]
}

/// Writes fragments in the form of the official producers: a header of the tracks that have frames, clusters of unknown size, SimpleBlocks.
struct FragmentWriter {
    private let trackSet: TrackSet
    /// Numbers of the tracks that are sent, in the order of the source.
    let tracks: [Int]
    /// Added to the source's times.
    private let base: Int
    /// By the tracks that a fragment has.
    private var headers: [Set<Int>: [UInt8]] = [:]

    /// Chooses the tracks to send: the first one with pictures and then those with sound, three in all, which is what the service takes.
    ///
    /// - Throws: Where there is none.
    init(_ trackSet: TrackSet, startingAt base: Int) throws(SourceFault) {
        self.trackSet = trackSet
        self.base = base
        let usable = trackSet.tracks.filter { $0.encoding != .unsupported }
        let chosen = usable.filter { $0.kind == .video }.prefix(1) + usable.filter { $0.kind == .audio }
        guard !chosen.isEmpty else { throw SourceFault(description: "the source has neither pictures nor sound that can be sent") }
        tracks = chosen.prefix(3).map(\.number)
    }

    mutating func write(_ cut: CutFragment) -> Fragment {
        let numbers = cut.tracks
        let present = tracks.filter(numbers.contains)
        var writer = Writer()
        writer.cluster(timecode: base + cut.timecode)
        for frame in cut.frames {
            writer.simpleBlock(
                track: (present.firstIndex(of: frame.track) ?? 0) + 1, relativeTime: Int16(clamping: frame.time - cut.timecode),
                isKey: frame.isKey,
                isInvisible: frame.isInvisible, isDiscardable: frame.isDiscardable, frame: frame.bytes)
        }
        writer.tags([Tag(Tag.endOfFragment, "")])
        return Fragment(timecode: base + cut.timecode, lastTime: base + cut.lastTime, bytes: writer.bytes, header: header(present))
    }

    private mutating func header(_ present: [Int]) -> [UInt8] {
        if let header = headers[Set(present)] { return header }
        var writer = Writer()
        writer.ebml()
        writer.segment()
        writer.info(Info(title: trackSet.info.title, muxingApp: "weir", writingApp: "weir"))
        writer.tracks(
            present.enumerated().compactMap { index, number in
                guard var track = trackSet.track(number) else { return nil }
                track.number = index + 1
                track.encoding = .none
                return track
            })
        headers[Set(present)] = writer.bytes
        return writer.bytes
    }
}
