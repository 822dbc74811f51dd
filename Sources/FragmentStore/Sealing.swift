import NIOCore
import SQL
import Store

/// What of a pack becomes its index: sections in the file, extents in the database.
struct PackIndex: Sendable {
    let sections: ByteBuffer
    let extents: [ExtentRow]
    /// Bytes of the file with it.
    let size: Int64

    /// The index of the fragments of a pack, stream by stream and in order, which goes to the file at `end`. `arns` has the ARN of each stream.
    /// `isOfMany`: the fragments are of several packs, and others of the same sessions may lie in further ones.
    init(_ fragments: [FragmentRecord], packID: Int64, arns: [Int64: String], end: Int64, isOfMany: Bool = false) {
        var bytes = ByteBuffer()
        var extents: [ExtentRow] = []
        var places: [PackRange] = []
        let start = PackFormat.aligned(end)
        for run in Self.runs(fragments, isOfMany: isOfMany) {
            guard let first = run.first, let arn = arns[first.streamID] else { continue }
            let section = PackFormat.section(streamID: first.streamID, arn: arn, run)
            let place = PackRange(offset: start + Int64(bytes.readableBytes), length: Int64(section.readableBytes))
            bytes.writeImmutableBuffer(section)
            bytes.writeRepeatingByte(0, count: Int(PackFormat.aligned(place.length) - place.length))
            places.append(place)
            if let extent = ExtentRow(run, packID: packID, place) { extents.append(extent) }
        }
        bytes.writeImmutableBuffer(PackFormat.directory(places, at: start + Int64(bytes.readableBytes)))
        sections = bytes
        self.extents = extents
        size = start + Int64(bytes.readableBytes)
    }

    /// The places of the sections of a pack; nil where it does not end with them: it is not SEALED.
    static func places(in file: any StoredFile) -> [PackRange]? {
        let trailerSize = Int64(PackFormat.trailerSize)
        guard let size = try? file.size(), size > trailerSize,
            let trailer = try? file.bytes(PackRange(offset: size - trailerSize, length: trailerSize)),
            let place = PackFormat.directoryPlace(trailer), place.end + trailerSize == size,
            let directory = try? file.bytes(PackRange(offset: place.offset, length: place.length + trailerSize))
        else { return nil }
        return try? PackFormat.sections(directory)
    }

    /// The sections of a pack and their places, without those of streams that were deleted since; nil where it is not SEALED.
    static func sections(of file: any StoredFile, packID: Int64) throws -> [(place: PackRange, section: PackFormat.Section)]? {
        var sections: [(place: PackRange, section: PackFormat.Section)] = []
        guard let places = places(in: file) else { return nil }
        for place in places {
            let bytes = try file.bytes(place)
            if bytes.readableBytesView.allSatisfy({ $0 == 0 }) { continue }
            sections.append((place, try PackFormat.Section(bytes, packID: packID)))
        }
        return sections
    }

    /// Cuts where an extent ends: at another stream; where sequences between two fragments may be in other packs, since another session has those;
    /// or, of many packs, in another pack of the same one; and where the producer's times would be more than an hour apart.
    static func runs(_ fragments: [FragmentRecord], isOfMany: Bool = false) -> [[FragmentRecord]] {
        var runs: [[FragmentRecord]] = []
        var times = Int64.max...Int64.max
        for fragment in fragments {
            let time = fragment.producerTime
            if let last = runs.last?.last, last.streamID == fragment.streamID, last.isFollowed(by: fragment, isOfMany: isOfMany),
                max(times.upperBound, time) - min(times.lowerBound, time) <= ExtentRow.longestSpan
            {
                runs[runs.count - 1].append(fragment)
                times = min(times.lowerBound, time)...max(times.upperBound, time)
            } else {
                runs.append([fragment])
                times = time...time
            }
        }
        return runs
    }
}

extension FragmentRecord {
    /// Whether nothing of another session can lie between the two: their sequences are neighbours, or of one block. Of many packs it is neighbours
    /// alone that have nothing between them.
    fileprivate func isFollowed(by next: FragmentRecord, isOfMany: Bool) -> Bool {
        let (own, other) = (number.sequence, next.number.sequence)
        return other == own + 1 || !isOfMany && (own - 1) / SequenceBlock.size == (other - 1) / SequenceBlock.size
    }
}

extension ExtentRow {
    /// Times without media beyond this many milliseconds are gaps.
    static let gapTolerance: Int64 = 2000

    /// The extent of a run whose section lies at `footer`; nil where there is nothing in it.
    init?(_ run: [FragmentRecord], packID: Int64, _ footer: PackRange) {
        guard let first = run.first, let last = run.last else { return nil }
        var (gaps, gapTime): (Int64, Int64) = (0, 0)
        for (one, next) in zip(run, run.dropFirst()) {
            let pause = next.producerTime - (one.producerTime + one.length)
            if pause > Self.gapTolerance { (gaps, gapTime) = (gaps + 1, gapTime + pause) }
        }
        self.init(
            streamID: first.streamID, firstSequence: first.number.sequence, lastSequence: last.number.sequence,
            firstServerTime: run.map(\.serverTime).min() ?? first.serverTime,
            lastServerTime: run.map(\.serverTime).max() ?? last.serverTime,
            minProducerTime: run.map(\.producerTime).min() ?? 0, maxProducerTime: run.map(\.producerTime).max() ?? 0,
            producerEnd: run.map { $0.producerTime + $0.length }.max() ?? 0, fragments: Int64(run.count),
            bytes: run.reduce(0) { $0 + $1.size }, gaps: gaps, gapTime: gapTime, packID: packID, footerOffset: footer.offset,
            footerLength: footer.length)
    }
}
