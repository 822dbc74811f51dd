import NIOCore
import SQL
public import Store

extension FragmentStore {
    /// The stream, unless it is not there, or DELETING. What it says is of now: read it again for each call of a client.
    public func stream(_ key: ResourceKey) async throws(ReadFailure) -> StoredStream? {
        do throws(DatabaseError) { return try await store.mediaStream(key) } catch { throw .database(error) }
    }

    /// The stream as it is now, if anything of it may be read.
    private func present(_ stream: ResourceKey) async throws(ReadFailure) -> (id: Int64, horizon: Int64)? {
        guard let now = try await self.stream(stream) else { throw .streamGone }
        guard let id = now.id, now.retentionHours > 0 else { return nil }
        return (id, now.horizon)
    }

    /// The instance that receives a stream, by its ARN; nil where none does.
    public func receivingInstance(of arn: String) async throws(ReadFailure) -> String? {
        try await read { store throws(DatabaseError) in try await store.receivingInstance(of: arn) }
    }

    func reader() throws(ReadFailure) -> PackReader {
        do throws(FileFailure) { return try use().reader } catch { throw .disk("\(error)") }
    }

    /// At most `limit` fragments of a selection after a position, without the expired. Empty where the stream keeps nothing.
    ///
    /// The cost of a page does not depend on how many fragments there are. Each call reads status and retention anew: what has expired at
    /// that moment is not among them, and a stream that is gone is `streamGone`.
    public func fragments(
        of stream: StoredStream, _ selection: FragmentSelection, after position: FragmentPosition? = nil, limit: Int
    ) async throws(ReadFailure) -> FragmentPage {
        let nothing = FragmentPage(fragments: [], next: nil)
        guard limit > 0, let (id, horizon) = try await present(stream.key) else { return nothing }
        switch selection {
        case .all: return try await page(id, horizon + 1...(.max), after: position?.sequence ?? 0, limit)
        case .serverTime(let range):
            guard range.upperBound > horizon else { return nothing }
            return try await page(id, max(range.lowerBound, horizon + 1)...range.upperBound, after: position?.sequence ?? 0, limit)
        case .producerTime(let range):
            return try await page(
                id, producerTimes: range, since: horizon + 1, after: position ?? FragmentPosition(time: .min, sequence: 0), limit)
        }
    }

    /// A page in the order of sequences, which is that of server times. Rows are read before extents: what is sealed meanwhile is in both, never
    /// in neither.
    private func page(_ id: Int64, _ times: ClosedRange<Int64>, after sequence: Int64, _ limit: Int) async throws(ReadFailure)
        -> FragmentPage
    {
        let reader = try reader()
        var found = try await rows { store throws(DatabaseError) in
            try await store.fragmentRows(of: id, after: sequence, serverTimes: times, limit: limit + 1)
        }
        var last = sequence
        var sealed: [FragmentRecord] = []
        while sealed.count <= limit {
            let extents = try await read { store throws(DatabaseError) in
                try await store.extents(of: id, after: last, serverTimes: times, limit: 4)
            }
            for extent in extents where sealed.count <= limit {
                sealed += try await entries(of: extent, reader).filter { $0.number.sequence > sequence && times.contains($0.serverTime) }
                last = extent.lastSequence
            }
            if extents.count < 4 { break }
        }
        found += sealed
        found.sort { $0.number < $1.number }
        return Self.page(found, limit) { .after($0.number.sequence) }
    }

    /// A page in the order of producer times, and of sequences where these are equal.
    private func page(
        _ id: Int64, producerTimes times: ClosedRange<Int64>, since: Int64, after position: FragmentPosition, _ limit: Int
    ) async throws(ReadFailure) -> FragmentPage {
        let reader = try reader()
        let range = min(max(times.lowerBound, position.time), times.upperBound)...times.upperBound
        let place = (time: position.time, sequence: position.sequence)
        var found = try await rows { store throws(DatabaseError) in
            try await store.fragmentRows(of: id, producerTimes: range, since: since, after: place, limit: limit + 1)
        }
        // Extents come in the order of their least time: what is earlier than the least time of the next is known in full.
        var sealed: [FragmentRecord] = []
        var last = (time: Int64.min, sequence: Int64(0))
        var known = Int64.max
        extents: while true {
            let extents = try await read { [last] store throws(DatabaseError) in
                try await store.extents(
                    of: id, producerTimes: max(range.lowerBound, .min + ExtentRow.longestSpan)...range.upperBound, since: since,
                    after: last,
                    limit: 8)
            }
            for extent in extents {
                if sealed.count > limit, sealed.reduce(0, { $0 + ($1.producerTime < extent.minProducerTime ? 1 : 0) }) > limit {
                    known = extent.minProducerTime
                    break extents
                }
                sealed += try await entries(of: extent, reader).filter { fragment in
                    range.contains(fragment.producerTime) && fragment.serverTime >= since
                        && (fragment.producerTime, fragment.number.sequence) > place
                }
                last = (extent.minProducerTime, extent.firstSequence)
            }
            if extents.count < 8 { break }
        }
        found += sealed
        found.removeAll { $0.producerTime >= known }
        found.sort { ($0.producerTime, $0.number) < ($1.producerTime, $1.number) }
        return Self.page(found, limit) { FragmentPosition(time: $0.producerTime, sequence: $0.number.sequence) }
    }

    /// The first of what was found, which is in order; what is in twice counts once.
    private static func page(_ found: [FragmentRecord], _ limit: Int, _ position: (FragmentRecord) -> FragmentPosition) -> FragmentPage {
        var fragments: [FragmentRecord] = []
        for fragment in found where fragments.last?.number != fragment.number {
            if fragments.count == limit { return FragmentPage(fragments: fragments, next: fragments.last.map(position)) }
            fragments.append(fragment)
        }
        return FragmentPage(fragments: fragments, next: nil)
    }

    /// The fragments of an extent; none where its pack was removed in this moment.
    private func entries(of extent: ExtentRow, _ reader: PackReader) async throws(ReadFailure) -> [FragmentRecord] {
        do throws(ReadFailure) {
            return try await reader.fragments(of: extent)
        } catch {
            if case .fragmentGone = error { return [] }
            throw error
        }
    }

    private func read<Value>(_ body: (Store) async throws(DatabaseError) -> Value) async throws(ReadFailure) -> Value {
        do throws(DatabaseError) { return try await body(store) } catch { throw .database(error) }
    }

    private func rows(_ body: (Store) async throws(DatabaseError) -> [FragmentRow]) async throws(ReadFailure) -> [FragmentRecord] {
        try await read(body).compactMap { FragmentRecord($0) }
    }

    /// The fragment of this number; nil where the stream has none, or it has expired.
    public func fragment(_ number: FragmentNumber, of stream: ResourceKey) async throws(ReadFailure) -> FragmentRecord? {
        guard let (id, horizon) = try await present(stream), number.serverTime > horizon else { return nil }
        let reader = try reader()
        let row = try await read { store throws(DatabaseError) in try await store.fragmentRow(of: id, sequence: number.sequence) }
        if let found = row.flatMap({ FragmentRecord($0) }) { return found.number == number ? found : nil }
        let extent = try await read { store throws(DatabaseError) in try await store.extent(of: id, holding: number.sequence) }
        guard let extent, extent.lastSequence >= number.sequence else { return nil }
        return try await entries(of: extent, reader).first { $0.number == number }
    }

    /// The fragment whose span holds a time of the server's clock, else the next that begins after it; nil where there is neither.
    public func fragment(atServerTime time: Int64, of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? {
        try await fragment(at: time, of: stream, { .serverTime($0) }) { $0.serverTime }
    }

    /// The same by the producer's clock.
    public func fragment(atProducerTime time: Int64, of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? {
        try await fragment(at: time, of: stream, { .producerTime($0) }) { $0.producerTime }
    }

    /// Fragments that span more than this many milliseconds are found by their beginning only.
    private static let longestSpan: Int64 = 60_000

    private func fragment(
        at time: Int64, of stream: StoredStream, _ selection: (ClosedRange<Int64>) -> FragmentSelection, _ begin: (FragmentRecord) -> Int64
    ) async throws(ReadFailure) -> FragmentRecord? {
        let time = min(max(time, -(1 << 53)), 1 << 53)
        var holding: FragmentRecord?
        var position: FragmentPosition?
        repeat {
            let before = try await fragments(of: stream, selection(time - Self.longestSpan...time), after: position, limit: 1000)
            holding = before.fragments.last { time <= begin($0) + $0.length } ?? holding
            position = before.next
        } while position != nil
        if let holding { return holding }
        return try await fragments(of: stream, selection(time...(.max)), limit: 1).fragments.first
    }

    /// The last fragment that is stored; nil where there is none.
    public func lastFragment(of stream: StoredStream) async throws(ReadFailure) -> FragmentRecord? {
        guard let (id, horizon) = try await present(stream.key) else { return nil }
        let reader = try reader()
        var last = try await rows { store throws(DatabaseError) in try await store.lastFragmentRow(of: id).map { [$0] } ?? [] }.first
        let extent = try await read { store throws(DatabaseError) in try await store.extent(of: id, holding: .max) }
        if let extent, let sealed = try await entries(of: extent, reader).last, sealed.number > last?.number ?? sealed.number || last == nil
        {
            last = sealed
        }
        return last.flatMap { $0.serverTime > horizon ? $0 : nil }
    }

    /// At most `limit` fragments after a sequence of a stream that keeps nothing, as far as this instance still has them: none is read from the index.
    public func ringFragments(of stream: StoredStream, after sequence: Int64, limit: Int) -> [FragmentRecord] {
        guard let id = stream.id, let opened = try? use() else { return [] }
        return opened.ring.fragments(of: id, after: sequence, limit: limit)
    }

    /// The bytes of a fragment, from its Cluster on, in pieces of at most 1 MiB that are read as they are asked for, on threads of their own.
    /// What does not agree with its checksum is thrown as `damaged`; of a fragment up to 1 MiB nothing is given then.
    public func bytes(of fragment: FragmentRecord) -> FragmentBytes { FragmentBytes(fragment: fragment, store: self) }

    /// The header of a fragment.
    public func trackSet(of fragment: FragmentRecord) async throws(ReadFailure) -> TrackSet {
        try await reader().trackSet(of: fragment)
    }

    /// What is kept of a stream.
    public func usage(of stream: StoredStream) async throws(ReadFailure) -> StorageUsage {
        let nothing = StorageUsage(fragments: 0, bytes: 0, first: nil, last: nil)
        guard let now = try await self.stream(stream.key) else { throw .streamGone }
        guard let id = now.id else { return nothing }
        return try await read { store throws(DatabaseError) in try await store.storageUsage(of: id) } ?? nothing
    }

    /// Where a stream has no media for more than `tolerance` milliseconds, within a range of its producer's time; at most `limit`.
    public func gaps(
        of stream: StoredStream, in range: ClosedRange<Int64>, tolerance: Int64 = 2000, limit: Int
    ) async throws(ReadFailure) -> [MediaGap] {
        var gaps: [MediaGap] = []
        var end: Int64?
        var position: FragmentPosition?
        repeat {
            let page = try await fragments(of: stream, .producerTime(range), after: position, limit: 1000)
            for fragment in page.fragments {
                if let end, fragment.producerTime - end > tolerance {
                    gaps.append(MediaGap(start: end, end: fragment.producerTime))
                    if gaps.count == limit { return gaps }
                }
                end = max(end ?? .min, fragment.producerTime + fragment.length)
            }
            position = page.next
        } while position != nil
        return gaps
    }
}
