/// A fragment as it is stored, read back: one cluster, and the Tags elements after it.
package struct Cluster: Sendable, Equatable {
    package let timecode: Int
    /// In the order of the bytes, which is the decoder's; the frames of a lacing each for itself.
    package let frames: [Frame]
    /// The producer's, in order.
    package let tags: [Tag]

    package struct Frame: Sendable, Equatable {
        package let track: Int
        /// Presentation time of the block, from the stream's zero, in units of `Info.timecodeScale`. The frame of a lacing with `lace` n is n frame durations
        /// later: `Track.defaultDuration`, else what the codec tells.
        package let time: Int
        package let lace: Int
        package let isKey: Bool
        package let isInvisible: Bool
        package let isDiscardable: Bool
        /// Of the whole block, where its BlockGroup says it, in the same units.
        package let blockDuration: Int?
        /// In the fragment. A track with `Encoding.strippedHeader` lacks these bytes in front.
        package let bytes: Range<Int>
    }

    /// - Parameter fragment: The cluster's bytes, then those of its Tags elements; nothing else.
    /// - Throws: Where it is not that, which means it was damaged or is not what a parser told.
    package init(reading fragment: Span<UInt8>) throws(Violation) {
        var parser = Parser(fragmentsBehind: .stored)
        var timecode: Int?
        var frames: [Frame] = []
        var tags: [Tag] = []
        while let event = parser.next(in: fragment) {
            switch event {
            case .fragmentStart(let start):
                guard timecode == nil else { throw Violation(offset: start.offset, reason: .unexpectedElement) }
                timecode = start.timecode
            case .block(let block):
                do throws(Violation.Reason) {
                    try Self.split(block, fragment) { frames.append($0) }
                } catch {
                    throw Violation(offset: block.payload.lowerBound, reason: error)
                }
            case .tags(let found): tags += found.entries
            case .violation(let violation): throw violation
            case .header, .bytes, .fragmentEnd, .end: continue
            }
        }
        for case .violation(let violation) in parser.finish() { throw violation }
        guard let timecode else { throw Violation(offset: 0, reason: .truncated) }
        self.timecode = timecode
        self.frames = frames
        self.tags = tags
    }

    package init(reading fragment: [UInt8]) throws(Violation) { try self.init(reading: fragment.span) }

    private static func split(_ block: Block, _ fragment: Span<UInt8>, _ body: (Frame) -> Void) throws(Violation.Reason) {
        guard block.payload.upperBound <= fragment.count else { throw .truncated }
        let start = block.payload.lowerBound
        for (lace, range) in try block.laces(in: fragment.extracting(block.payload)).enumerated() {
            body(
                Frame(
                    track: block.track, time: block.time, lace: lace, isKey: block.isKey, isInvisible: block.isInvisible,
                    isDiscardable: block.isDiscardable, blockDuration: block.duration,
                    bytes: start + range.lowerBound..<start + range.upperBound))
        }
    }
}

extension Block {
    /// Returns where the block's frames are in its payload, in order.
    package func laces(in payload: Span<UInt8>) throws(Violation.Reason) -> [Range<Int>] {
        guard var table = try LaceTable(lacing, size: payload.count) else { return [0..<payload.count] }
        var sizes: [Int] = []
        while !table.isComplete {
            guard table.length < payload.count else { throw .truncated }
            if let size = try table.take(payload[table.length]) { sizes.append(size) }
        }
        sizes += Array(repeating: table.lastSize, count: table.frames - sizes.count)
        var start = table.length
        return sizes.map { size in
            defer { start += size }
            return start..<start + size
        }
    }
}
