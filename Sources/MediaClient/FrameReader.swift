import Matroska

/// A frame as a decoder takes it: out of its lacing, and with the bytes that its file left out in front.
struct SourceFrame: Sendable, Equatable {
    /// The track's number in the source.
    var track: Int
    /// Milliseconds since the source's zero.
    var time: Int
    var isKey: Bool
    var isInvisible = false
    var isDiscardable = false
    var bytes: [UInt8]
}

/// Why a source cannot be read on. The text is for operators.
package struct SourceFault: Error, CustomStringConvertible {
    package let description: String
}

/// Reads the frames of an ordinary Matroska or WebM file, or of a stream, in pieces of any size. What it holds is one block at most.
struct FrameReader {
    /// A block that is longer is no frame of a camera.
    private static let longestBlock = 48 << 20

    private var parser = Parser(.file)
    private(set) var trackSet: TrackSet?
    /// Blocks whose bytes have not all come.
    private var blocks: [Block] = []
    /// Bytes of the open cluster that blocks may need, and where in the source they begin.
    private var window: [UInt8] = []
    private var windowStart = 0

    /// Calls `take` with every frame that these bytes complete, in order.
    mutating func read(_ bytes: [UInt8], _ take: (SourceFrame) -> Void) throws(SourceFault) {
        while let event = parser.next(in: bytes.span) {
            switch event {
            case .header(let found): trackSet = found
            case .fragmentStart(let start):
                blocks = []
                window = []
                windowStart = start.offset + start.head.count
            case .block(let block):
                guard block.payload.count <= Self.longestBlock else { throw SourceFault(description: "a frame has more than 48 MiB") }
                blocks.append(block)
            case .bytes(let held, let range):
                window += held
                window += bytes[range]
                try takeBlocks(take)
            case .tags, .fragmentEnd, .end: continue
            case .violation(let violation):
                guard trackSet == nil else { throw SourceFault(description: "the source is not Matroska as it should be: \(violation)") }
                throw SourceFault(
                    description: "the source is not Matroska: \(violation); of other files `ffmpeg -i FILE -c copy -f matroska -` makes it")
            }
        }
    }

    /// The source ended.
    mutating func finish() throws(SourceFault) {
        for case .violation(let violation) in parser.finish() { throw SourceFault(description: "the source breaks off: \(violation)") }
    }

    private mutating func takeBlocks(_ take: (SourceFrame) -> Void) throws(SourceFault) {
        var taken = 0
        while taken < blocks.count, blocks[taken].payload.upperBound <= windowStart + window.count {
            try split(blocks[taken], take)
            taken += 1
        }
        // A block is told once its lacing, or its group, was read: what follows the last one may belong to the next.
        if taken > 0 {
            let needed = blocks[taken - 1].payload.upperBound
            window.removeFirst(needed - windowStart)
            windowStart = needed
            blocks.removeFirst(taken)
        }
        guard window.count <= 2 * Self.longestBlock else { throw SourceFault(description: "a block has more than 96 MiB") }
    }

    private func split(_ block: Block, _ take: (SourceFrame) -> Void) throws(SourceFault) {
        guard let trackSet, let track = trackSet.track(block.track) else { return }
        let payload = window[block.payload.lowerBound - windowStart..<block.payload.upperBound - windowStart]
        let laces: [Range<Int>]
        do throws(Violation.Reason) {
            laces = try block.laces(in: payload.span)
        } catch {
            throw SourceFault(description: "the source is not Matroska as it should be: \(error.rawValue)")
        }
        var header: [UInt8] = []
        if case .strippedHeader(let stripped) = track.encoding { header = stripped }
        let scale = trackSet.info.timecodeScale
        let step = track.defaultDuration ?? (block.duration ?? 0) * scale / laces.count
        for (lace, range) in laces.enumerated() {
            let nanoseconds = (block.time * scale).addingReportingOverflow(lace * (step % 1_000_000_000_000)).partialValue
            let frame = payload[payload.startIndex + range.lowerBound..<payload.startIndex + range.upperBound]
            take(
                SourceFrame(
                    track: block.track, time: (nanoseconds + 500_000) / 1_000_000, isKey: block.isKey || track.kind == .audio,
                    isInvisible: block.isInvisible,
                    isDiscardable: block.isDiscardable, bytes: header + frame))
        }
    }
}
