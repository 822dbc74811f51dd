/// Reads the body of PutMedia, or any Matroska stream, in pieces of any size. The same bytes give the same events however they are cut, but for where
/// `Event.bytes` is cut.
///
/// Call `next(in:)` with the bytes that came until it returns nil; then with the bytes that come next. When there are no more, call `finish()`.
/// Nothing is kept but Info, Tracks, Tags and the beginning of a cluster, each up to its limit and checked before its first byte is kept; a block
/// costs no allocation.
package struct Parser: Sendable {
    /// Where the next byte belongs.
    private enum State {
        /// To the head of an element; between elements the head is empty.
        case head
        /// To an element that is passed over.
        case skip(until: Int)
        /// To an element that is kept whole.
        case collect(UInt32, until: Int)
        /// To an unsigned integer in a cluster or a group.
        case number(UInt32, until: Int)
        case blockHead(isGrouped: Bool, until: Int)
        /// Nowhere: the stream ended or is not valid.
        case over
    }

    /// The element whose children are read.
    private enum Level { case document, segment, cluster, group }

    /// What is known of a BlockGroup before its end.
    private struct Group {
        let end: Int
        var block: BlockHead?
        var payload = 0..<0
        var duration: Int?
        var isReferring = false
    }

    private let limits: Limits
    private var state = State.head
    private var level = Level.document
    /// How many bytes came before those that are fed now, and how many of these were read.
    private var base = 0
    private var index = 0
    /// Found and not yet returned. It keeps its storage.
    private var due: [Event] = []

    private var head = ElementHead()
    /// Ends of what is open; nil where the size is unknown.
    private var segmentEnd: Int?
    private var clusterEnd: Int?
    private var group = Group(end: 0)

    /// The element that is kept, from its identifier, and how long its head is.
    private var collected: [UInt8] = []
    private var collectedHead = 0
    private var number: UInt64 = 0
    private var blockHead: BlockHead?

    private var ebml: [UInt8]?
    private var isSegmentOpen = false
    private var hasEnded = false
    private var info: (value: Info, element: [UInt8])?
    private var tracks: (value: [Track], element: [UInt8])?
    private var timecodeScale = 1

    /// Whether a fragment is open: its cluster is, or was and tags may follow.
    private var isFragmentOpen = false
    private var clusterStart = 0
    private var clusterHead: [UInt8] = []
    private var timecode: Int?
    private var framesInCluster = 0
    /// Where, in the bytes fed now, those begin that belong to the open cluster and were not told yet; nil outside of a cluster.
    private var untold: Int?
    private var held = HeldBytes()

    package init(_ limits: Limits = .service) { self.limits = limits }

    /// A parser of one cluster and what follows it, as it is stored.
    init(fragmentsBehind limits: Limits) {
        self.limits = limits
        level = .segment
        isSegmentOpen = true
        ebml = []
        info = (Info(), [])
        tracks = ([], [])
    }

    /// Bytes read so far, from the start of the body.
    package var offset: Int { base + index }

    /// Returns what comes next in these bytes; nil when they are used up, after which it is called with the ones that follow.
    package mutating func next(in bytes: Span<UInt8>) -> Event? {
        do throws(Violation.Reason) {
            while due.isEmpty, index < bytes.count { try read(bytes) }
        } catch {
            due = [.violation(Violation(offset: offset, reason: error))]
            state = .over
            untold = nil
        }
        if due.isEmpty { tellRest(of: bytes) }
        guard due.isEmpty else { return due.removeFirst() }
        base += index
        index = 0
        if untold != nil { untold = 0 }
        return nil
    }

    /// Returns what the end of the bytes means: the end of the open fragment and of the stream, or a violation.
    package mutating func finish() -> [Event] {
        if case .over = state { return [] }
        defer { state = .over }
        guard !hasEnded else { return [] }
        guard case .head = state, head.count == 0, limit == nil, trackSet != nil || offset == 0 else {
            return [.violation(Violation(offset: offset, reason: .truncated))]
        }
        guard level != .cluster || timecode != nil else { return [.violation(Violation(offset: offset, reason: .missingTimecode))] }
        return isFragmentOpen ? [.fragmentEnd(.endOfBody), .end] : [.end]
    }

    /// What was told by `Event.header`.
    var trackSet: TrackSet? {
        guard let ebml, let info, let tracks else { return nil }
        return TrackSet(info: info.value, tracks: tracks.value, ebml: ebml, infoElement: info.element, tracksElement: tracks.element)
    }

    // MARK: Bytes

    private mutating func read(_ bytes: Span<UInt8>) throws(Violation.Reason) {
        switch state {
        case .head:
            try head.take(bytes[index])
            index += 1
            if mayClusterEnd, head.isAtEndOfID, ElementID.endsCluster(head.id) { try endCluster(at: index - head.count, of: bytes) }
            if head.isComplete {
                try begin()
                head = ElementHead()
            }
        case .skip(let until): index += min(until - offset, bytes.count - index)
        case .collect(_, let until):
            let end = index + min(until - offset, bytes.count - index)
            collected.append(bytes.extracting(index..<end))
            index = end
        case .number:
            number = number << 8 | UInt64(bytes[index])
            index += 1
        case .blockHead:
            try blockHead?.take(bytes[index])
            index += 1
        case .over: index = bytes.count
        }
        try settle(bytes)
    }

    /// Ends all that ends where the bytes were read up to.
    private mutating func settle(_ bytes: Span<UInt8>) throws(Violation.Reason) {
        while true {
            switch state {
            case .skip(let until):
                guard until == offset else { return }
                state = .head
            case .collect(let id, let until):
                guard until == offset else { return }
                state = .head
                try takeCollected(id)
            case .number(let id, let until):
                guard until == offset else { return }
                state = .head
                try takeNumber(id, bytes)
            case .blockHead(let isGrouped, let until):
                guard let complete = blockHead, complete.isComplete else { return }
                state = .skip(until: until)
                blockHead = nil
                try takeBlockHead(complete, isGrouped: isGrouped, end: until)
            case .head:
                guard head.count == 0, limit == offset else { return }
                try endLevel(bytes)
            case .over: return
            }
        }
    }

    /// Tells what was read of the open cluster in these bytes, but for the beginning of an identifier that may end it: that is held.
    private mutating func tellRest(of bytes: Span<UInt8>) {
        guard let start = untold else { return }
        guard mayClusterEnd, head.mayEndCluster else { return tell(upTo: index, of: bytes) }
        let identifier = index - head.count
        if identifier > start { tell(upTo: identifier, of: bytes) }
        for position in max(start, identifier)..<index { held.append(bytes[position]) }
        untold = index
    }

    /// Before Timecode, bytes go to the cluster's head.
    private mutating func tell(upTo end: Int, of bytes: Span<UInt8>) {
        guard let start = untold, start < end || !held.isEmpty else { return }
        if timecode == nil {
            clusterHead.append(contentsOf: held)
            clusterHead.append(bytes.extracting(start..<end))
        } else {
            due.append(.bytes(held: held, start..<end))
        }
        held = HeldBytes()
        untold = end
    }

    // MARK: Levels

    /// Whether the identifier of the next element decides if the open cluster ends.
    private var mayClusterEnd: Bool { level == .cluster && clusterEnd == nil }

    /// Where what is open ends; nil where that is not known.
    private var limit: Int? {
        switch level {
        case .document: nil
        case .segment: segmentEnd
        case .cluster: clusterEnd ?? segmentEnd
        case .group: group.end
        }
    }

    private mutating func endLevel(_ bytes: Span<UInt8>) throws(Violation.Reason) {
        switch level {
        case .document: return
        case .segment:
            guard trackSet != nil else { throw .truncated }
            endFragment(.endOfSegment)
            due.append(.end)
            hasEnded = true
            level = .document
        case .cluster: try endCluster(at: index, of: bytes)
        case .group:
            guard let block = group.block else { throw .invalidBlock }
            level = .cluster
            due.append(try event(of: block, isKey: !group.isReferring, duration: group.duration, payload: group.payload))
        }
    }

    /// - Parameter end: In the bytes fed now; before them where they begin in the middle of the identifier that ends the cluster.
    private mutating func endCluster(at end: Int, of bytes: Span<UInt8>) throws(Violation.Reason) {
        guard timecode != nil else { throw .missingTimecode }
        if end >= 0 { tell(upTo: end, of: bytes) }
        held = HeldBytes()
        untold = nil
        level = .segment
    }

    private mutating func endFragment(_ end: FragmentEnd) {
        guard isFragmentOpen else { return }
        isFragmentOpen = false
        due.append(.fragmentEnd(end))
    }

    // MARK: Elements

    /// Decides what becomes of the element whose head is complete, before any of it is read.
    private mutating func begin() throws(Violation.Reason) {
        guard let size = head.size.map(Int.init) else { return try beginUnknown() }
        let end = offset + size
        if let limit, end > limit { throw .beyondParent }
        switch level {
        case .document:
            if hasEnded, head.id == ElementID.ebml { beginDocument() }
            switch head.id {
            case ElementID.ebml where ebml == nil: try collect(size, limits.ebml)
            case ElementID.segment where ebml != nil && !isSegmentOpen: beginSegment(end: end)
            case ElementID.void where ebml != nil, ElementID.crc32 where ebml != nil: try skip(size)
            default: throw .unexpectedElement
            }
        case .segment:
            switch head.id {
            case ElementID.ebml where segmentEnd == nil && limits.takesManyDocuments:
                endFragment(.endOfSegment)
                beginDocument()
                try collect(size, limits.ebml)
            case ElementID.info: try collect(size, limits.info, isRepeated: info != nil)
            case ElementID.tracks: try collect(size, limits.trackEntries, isRepeated: tracks != nil)
            case ElementID.tags: try collect(size, limits.tags)
            case ElementID.cluster: try beginCluster(end: end)
            case ElementID.attachments where limits.takesAttachments: try skip(size)
            case ElementID.attachments, ElementID.ebml, ElementID.segment, ElementID.timecode, ElementID.simpleBlock, ElementID.blockGroup,
                ElementID.encryptedBlock, ElementID.block:
                throw .unexpectedElement
            default: try skip(size)
            }
        case .cluster:
            if timecode == nil, end - clusterStart > limits.clusterHead, head.id != ElementID.simpleBlock, head.id != ElementID.blockGroup {
                throw .elementTooLarge
            }
            switch head.id {
            case ElementID.timecode:
                guard timecode == nil else { throw .repeatedElement }
                try readNumber(size)
            case ElementID.simpleBlock: try beginBlock(size, isGrouped: false)
            case ElementID.blockGroup:
                guard timecode != nil else { throw .missingTimecode }
                group = Group(end: end)
                level = .group
            case ElementID.encryptedBlock, ElementID.block: throw .unexpectedElement
            case let id where ElementID.endsCluster(id): throw .unexpectedElement
            default: try skip(size)
            }
        case .group:
            switch head.id {
            case ElementID.block:
                guard group.block == nil else { throw .repeatedElement }
                try beginBlock(size, isGrouped: true)
            case ElementID.blockDuration:
                guard group.duration == nil else { throw .repeatedElement }
                try readNumber(size)
            case ElementID.referenceBlock:
                group.isReferring = true
                try skip(size)
            case ElementID.timecode, ElementID.simpleBlock, ElementID.blockGroup, ElementID.encryptedBlock: throw .unexpectedElement
            case let id where ElementID.endsCluster(id): throw .unexpectedElement
            default: try skip(size)
            }
        }
    }

    private mutating func beginUnknown() throws(Violation.Reason) {
        switch (level, head.id) {
        case (.document, ElementID.segment) where ebml != nil && !isSegmentOpen: beginSegment(end: nil)
        case (.segment, ElementID.cluster): try beginCluster(end: nil)
        case (_, ElementID.segment), (_, ElementID.cluster): throw .unexpectedElement
        case (.document, _), (.segment, _), (.cluster, _), (.group, _): throw .unknownSize
        }
    }

    private mutating func beginDocument() {
        guard limits.takesManyDocuments else { return }
        level = .document
        isSegmentOpen = false
        hasEnded = false
        ebml = nil
        info = nil
        tracks = nil
        timecodeScale = 1
    }

    private mutating func beginSegment(end: Int?) {
        isSegmentOpen = true
        segmentEnd = end
        level = .segment
    }

    private mutating func beginCluster(end: Int?) throws(Violation.Reason) {
        guard info != nil, tracks != nil else { throw .missingInfo }
        endFragment(.nextCluster)
        level = .cluster
        clusterEnd = end
        clusterStart = offset - head.count
        clusterHead = head.bytes
        timecode = nil
        framesInCluster = 0
        untold = index
    }

    private mutating func beginBlock(_ size: Int, isGrouped: Bool) throws(Violation.Reason) {
        guard timecode != nil else { throw .missingTimecode }
        blockHead = try BlockHead(size: size)
        state = .blockHead(isGrouped: isGrouped, until: offset + size)
    }

    private mutating func skip(_ size: Int) throws(Violation.Reason) {
        guard size <= limits.skipped else { throw .elementTooLarge }
        state = .skip(until: offset + size)
    }

    private mutating func collect(_ size: Int, _ most: Int, isRepeated: Bool = false) throws(Violation.Reason) {
        guard !isRepeated else { throw .repeatedElement }
        guard size <= most else { throw .elementTooLarge }
        collected = head.bytes
        collectedHead = head.count
        state = .collect(head.id, until: offset + size)
    }

    private mutating func readNumber(_ size: Int) throws(Violation.Reason) {
        guard size <= 8 else { throw .invalidValue }
        number = 0
        state = .number(head.id, until: offset + size)
    }

    private mutating func takeCollected(_ id: UInt32) throws(Violation.Reason) {
        let element = collected
        collected = []
        let content = Children(element, in: collectedHead..<element.count)
        switch id {
        case ElementID.ebml:
            try content.checkEBML()
            ebml = element
        case ElementID.info:
            let value = try Info(content)
            info = (value, element)
            timecodeScale = value.timecodeScale
            if let trackSet { due.append(.header(trackSet)) }
        case ElementID.tracks:
            tracks = (try Track.list(content, most: limits.tracks), element)
            if let trackSet { due.append(.header(trackSet)) }
        default:
            let tags = Tags(entries: try Tag.list(content), element: element)
            due.append(.tags(tags))
            if tags.endsFragment { endFragment(.endOfFragmentTag) }
        }
    }

    private mutating func takeNumber(_ id: UInt32, _ bytes: Span<UInt8>) throws(Violation.Reason) {
        guard let value = Int(exactly: number), value <= Int.max / timecodeScale else { throw .invalidTime }
        if id == ElementID.blockDuration {
            group.duration = value
            return
        }
        tell(upTo: index, of: bytes)
        timecode = value
        isFragmentOpen = true
        due.append(.fragmentStart(FragmentStart(offset: clusterStart, timecode: value, head: clusterHead)))
        clusterHead = []
    }

    private mutating func takeBlockHead(_ block: BlockHead, isGrouped: Bool, end: Int) throws(Violation.Reason) {
        let payload = offset - (block.laces?.length ?? 0)..<end
        if isGrouped {
            group.block = block
            group.payload = payload
        } else {
            due.append(try event(of: block, isKey: block.isKey, duration: nil, payload: payload))
        }
    }

    private mutating func event(of block: BlockHead, isKey: Bool, duration: Int?, payload: Range<Int>) throws(Violation.Reason) -> Event {
        framesInCluster += block.frames
        guard framesInCluster <= limits.frames else { throw .tooManyFrames }
        guard let timecode else { throw .missingTimecode }
        let (time, isTooLarge) = timecode.addingReportingOverflow(Int(block.relativeTime))
        guard !isTooLarge, time >= 0, time <= Int.max / timecodeScale else { throw .invalidTime }
        return .block(
            Block(
                track: block.track, time: time, isKey: isKey, isInvisible: block.isInvisible, isDiscardable: block.isDiscardable,
                lacing: block.lacing, frames: block.frames, duration: duration, payload: payload))
    }
}

extension [UInt8] {
    mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }
}
