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
                try Self.split(block, at: block.payload, in: fragment) { frames.append($0) }
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

    /// - Parameter payload: Where the block's is in `bytes`, as are those of its frames then.
    fileprivate static func split(
        _ block: Block, at payload: Range<Int>, in bytes: Span<UInt8>, _ body: (Frame) -> Void
    ) throws(Violation) {
        do throws(Violation.Reason) {
            guard payload.upperBound <= bytes.count else { throw .truncated }
            for (lace, range) in try block.laces(in: bytes.extracting(payload)).enumerated() {
                body(
                    Frame(
                        track: block.track, time: block.time, lace: lace, isKey: block.isKey, isInvisible: block.isInvisible,
                        isDiscardable: block.isDiscardable, blockDuration: block.duration,
                        bytes: payload.lowerBound + range.lowerBound..<payload.lowerBound + range.upperBound))
            }
        } catch {
            throw Violation(offset: block.payload.lowerBound, reason: error)
        }
    }
}

/// Reads a fragment as it is stored piece by piece, of which it holds what is behind the last frame that was whole.
package struct ClusterReader: Sendable {
    private var parser = Parser(fragmentsBehind: .stored)
    /// The cluster's, once a frame was returned.
    package private(set) var timecode: Int?
    /// What the frames that were returned last are ranges of.
    package private(set) var bytes: [UInt8] = []
    /// Where `bytes` begin in the fragment, and how far its frames were returned.
    private var start = 0
    private var told = 0
    /// Whose payloads are not whole yet.
    private var blocks: [Block] = []

    package init() {}

    /// Returns the frames that are whole now.
    ///
    /// - Parameter piece: The bytes behind those before.
    package mutating func feed(_ piece: some Collection<UInt8>) throws(Violation) -> [Cluster.Frame] {
        bytes.removeFirst(told - start)
        start = told
        let new = bytes.count
        bytes.append(contentsOf: piece)
        let bytes = bytes
        while let event = parser.next(in: bytes.span.extracting(new..<bytes.count)) {
            switch event {
            case .fragmentStart(let found):
                guard timecode == nil else { throw Violation(offset: found.offset, reason: .unexpectedElement) }
                timecode = found.timecode
            case .block(let block): blocks.append(block)
            case .violation(let violation): throw violation
            case .header, .bytes, .tags, .fragmentEnd, .end: continue
            }
        }
        let whole = blocks.prefix { $0.payload.upperBound <= start + bytes.count }
        blocks.removeFirst(whole.count)
        var frames: [Cluster.Frame] = []
        for block in whole {
            let payload = block.payload.lowerBound - start..<block.payload.upperBound - start
            try Cluster.split(block, at: payload, in: bytes.span) { frames.append($0) }
            told = block.payload.upperBound
        }
        return frames
    }

    /// - Throws: Where the bytes were no whole fragment.
    package mutating func finish() throws(Violation) {
        for case .violation(let violation) in parser.finish() { throw violation }
        guard timecode != nil, blocks.isEmpty else { throw Violation(offset: parser.offset, reason: .truncated) }
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
