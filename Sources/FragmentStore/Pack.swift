import Locking
import NIOCore

/// A pack that is written to.
///
/// Threads: its writer's thread alone, but for what is said otherwise.
final class Pack: @unchecked Sendable {
    let name: FragmentPlace.PackName
    let retentionHours: Int64
    let file: any StoredFile
    /// Where the next record begins.
    private(set) var end: Int64
    private var allocated: Int64 = 0
    private var trackSets: [TrackSet.ID: PackRange] = [:]
    private var streams: Set<Int64> = []
    private(set) var fragmentCount = 0
    let opened = ContinuousClock.now

    /// What several threads see.
    private struct Shared {
        /// Fragments that have a part in it and are not whole.
        var unfinished = 0
        /// Rounds whose commit is on its way.
        var rounds = 0
        /// Whether no fragment begins in it any more.
        var isRolled = false
        /// Whether what it holds beyond the index may be lost.
        var isSuspect = false
        var isTaken = false
    }

    private let shared = Lock(Shared())

    /// Bytes by which space is taken ahead.
    private let allocation: Int64

    /// A pack whose file has `end` bytes. `mostBytes` it is not to exceed by much: a quarter of that is taken ahead at most.
    init(_ name: FragmentPlace.PackName, retentionHours: Int64, file: any StoredFile, end: Int64, mostBytes: Int64 = .max) {
        self.name = name
        self.retentionHours = retentionHours
        self.file = file
        self.end = end
        allocation = min(64 << 20, mostBytes / 4)
    }

    /// The id in the database, or that of a file of the ring.
    var id: Int64 {
        switch name {
        case .archive(let id), .ring(let id): id
        }
    }

    // MARK: From any thread

    var isRolled: Bool { shared.withLock { $0.isRolled } }
    var isSuspect: Bool { shared.withLock { $0.isSuspect } }

    /// No fragment begins in it any more.
    func roll() { shared.withLock { $0.isRolled = true } }
    func suspect() { shared.withLock { ($0.isRolled, $0.isSuspect) = (true, true) } }
    func fragmentBegan() { shared.withLock { $0.unfinished += 1 } }
    func fragmentEnded() { shared.withLock { $0.unfinished -= 1 } }
    func roundBegan() { shared.withLock { $0.rounds += 1 } }
    func roundEnded() { shared.withLock { $0.rounds -= 1 } }

    /// Whether nothing will be written to it any more and all that was is committed. True once.
    func takeWhenDone() -> Bool {
        shared.withLock { shared in
            guard shared.isRolled, shared.unfinished == 0, shared.rounds == 0, !shared.isTaken else { return false }
            shared.isTaken = true
            return true
        }
    }

    // MARK: A round

    /// Records that are to be written behind one another.
    struct Plan {
        private enum Piece {
            case own(Range<Int>)
            case payload(ByteBuffer)
        }

        fileprivate var end: Int64
        fileprivate var trackSets: [TrackSet.ID: PackRange]
        fileprivate var streams: Set<Int64>
        fileprivate var fragmentCount: Int
        private let start: Int64
        /// Heads and padding.
        private var own = ByteBuffer()
        private var pieces: [Piece] = []

        init(_ pack: Pack) {
            (start, end, trackSets, streams) = (pack.end, pack.end, pack.trackSets, pack.streams)
            fragmentCount = pack.fragmentCount
        }

        /// Adds a record. Returns where its payload will be.
        private mutating func add(_ head: PackFormat.RecordHead, _ payload: ByteBuffer) -> PackRange {
            var head = head
            head.payloadLength = UInt32(payload.readableBytes)
            head.payloadChecksum = payload.withUnsafeReadableBytes { PackFormat.checksum($0) }
            let first = own.writerIndex
            head.write(to: &own)
            pieces.append(.own(first..<own.writerIndex))
            pieces.append(.payload(payload))
            let place = PackRange(offset: end + Int64(PackFormat.headSize), length: Int64(payload.readableBytes))
            end = PackFormat.aligned(place.end)
            if end > place.end {
                let first = own.writerIndex
                own.writeRepeatingByte(0, count: Int(end - place.end))
                pieces.append(.own(first..<own.writerIndex))
            }
            return place
        }

        /// Adds a part of a fragment, and before it what the pack must have of its stream. Returns its place and that of its header.
        mutating func add(
            _ head: PackFormat.RecordHead, _ payload: ByteBuffer, arn: String, _ trackSet: TrackSet
        ) -> (part: PackRange, trackSet: PackRange) {
            if streams.insert(head.streamID).inserted {
                _ = add(PackFormat.RecordHead(kind: .stream, streamID: head.streamID), ByteBuffer(string: arn))
            }
            let header = trackSets[trackSet.id] ?? add(PackFormat.RecordHead(kind: .trackSet, streamID: head.streamID), trackSet.bytes)
            trackSets[trackSet.id] = header
            var head = head
            head.trackSet = header.offset - Int64(PackFormat.headSize)
            if head.kind == .lastPart { fragmentCount += 1 }
            return (add(head, payload), header)
        }

        /// Bytes and pieces of one call to write. A long one takes large pages for the file's cache; a virtual machine may have to get these from its host first,
        /// and then takes ten times as long.
        private static let (callBytes, callPieces) = (256 << 10, 1024)

        /// Writes everything, however many calls it takes.
        fileprivate func write(to file: any StoredFile) throws(FileFailure) {
            // The storage stays in place: both are held by `self`, and nothing is written to them meanwhile.
            let base = own.withUnsafeReadableBytes { $0 }
            var rest = pieces.map { piece in
                switch piece {
                case .own(let range): UnsafeRawBufferPointer(rebasing: base[range])
                case .payload(let bytes): bytes.withUnsafeReadableBytes { $0 }
                }
            }.filter { !$0.isEmpty }[...]
            var offset = start
            while let next = rest.first {
                var call: [UnsafeRawBufferPointer] = []
                var room = Self.callBytes
                for piece in rest.prefix(Self.callPieces) where room > 0 {
                    call.append(UnsafeRawBufferPointer(rebasing: piece.prefix(room)))
                    room -= min(room, piece.count)
                }
                var written = try file.write(call, at: offset)
                guard written > 0 else { throw FileFailure("a write took nothing", code: 5) }
                offset += Int64(written)
                var first = next
                while written >= first.count {
                    written -= first.count
                    rest = rest.dropFirst()
                    guard let next = rest.first else { break }
                    first = next
                }
                if written > 0 { rest[rest.startIndex] = UnsafeRawBufferPointer(rebasing: first[written...]) }
            }
            withExtendedLifetime(self) {}
        }
    }

    /// Writes what was planned, behind what is there. Nothing has happened where it fails: what it wrote is written over.
    func write(_ plan: Plan) throws(FileFailure) {
        if case .archive = name, plan.end > allocated { try allocate(to: plan.end) }
        try plan.write(to: file)
        (end, trackSets, streams, fragmentCount) = (plan.end, plan.trackSets, plan.streams, plan.fragmentCount)
    }

    /// Takes space for what is to be written and ahead of it; where the disk has no more, for what is to be written alone.
    private func allocate(to end: Int64) throws(FileFailure) {
        let ahead = max(end, allocated + allocation)
        do throws(FileFailure) {
            try file.allocate(allocated..<ahead)
            allocated = ahead
        } catch {
            guard error.isFull, ahead > end else { throw error }
            try file.allocate(allocated..<end)
            allocated = end
        }
    }
}
