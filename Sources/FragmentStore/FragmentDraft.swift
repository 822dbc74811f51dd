import Locking
import NIOCore
import Store

/// A fragment that is being received, and which packs its session has used.
///
/// Threads: its session's task and its writer's thread, each behind the lock.
final class FragmentDraft: Sendable {
    let session: MediaSession
    let packs: SessionPacks
    let retentionHours: Int64
    let number: FragmentNumber
    let start: FragmentStart

    /// What of it is written.
    struct Written: Sendable {
        var pack: Pack?
        var parts: [PackRange] = []
        var trackSet: PackRange?
        var spool: Spool?
    }

    /// What was put aside of it on this machine's disk, where packs are objects.
    struct Spool: Sendable {
        let file: any StoredFile
        let length: Int64
    }

    private let written = Lock(Written())

    init(_ session: MediaSession, _ packs: SessionPacks, retentionHours: Int64, number: FragmentNumber, start: FragmentStart) {
        self.session = session
        self.packs = packs
        self.retentionHours = retentionHours
        self.number = number
        self.start = start
    }

    var state: Written { written.withLock { $0 } }
    var spool: Spool? { state.spool }

    func putAside(_ spool: Spool) { written.withLock { $0.spool = spool } }

    /// A part was written. The pack stays open for the next ones.
    func add(_ part: PackRange, trackSet: PackRange, in pack: Pack) {
        written.withLock { written in
            if written.pack == nil {
                written.pack = pack
                pack.fragmentBegan()
            }
            written.parts.append(part)
            written.trackSet = trackSet
        }
    }

    /// Nothing more of it is written.
    func end() {
        written.withLock { written in
            written.pack?.fragmentEnded()
            written.pack = nil
            written.spool = nil
        }
    }

    /// The head of its next record.
    func head(_ end: FragmentEnd?) -> PackFormat.RecordHead {
        var head = PackFormat.RecordHead(kind: end == nil ? .part : .lastPart, streamID: session.streamID)
        head.sequence = number.sequence
        head.serverTime = number.serverTime
        head.producerTime = start.producerTime
        head.previous = state.parts.last.map { $0.offset - Int64(PackFormat.headSize) } ?? 0
        head.numberLow = number.random
        if let end {
            head.length = UInt32(clamping: end.length)
            head.flags = UInt32(truncatingIfNeeded: end.flags.rawValue)
        }
        return head
    }

    /// Its record in the index, its last part included.
    func record(_ end: FragmentEnd, in name: FragmentPlace.PackName, _ parts: [PackRange], trackSet: PackRange) -> FragmentRecord {
        FragmentRecord(
            streamID: session.streamID, number: number, producerTime: start.producerTime, length: Int64(UInt32(clamping: end.length)),
            size: parts.reduce(0) { $0 + $1.length }, flags: end.flags, trackSet: start.trackSet.id,
            place: FragmentPlace(pack: name, parts: parts, trackSet: trackSet))
    }
}

/// The packs that a session has fragments in. It goes back to none that it has left: so what a stream has in a pack are runs of sequences that no
/// other pack has a part of.
///
/// Threads: the threads of writers, one after the other.
final class SessionPacks: Sendable {
    private struct State {
        var current: Int64?
        var left: [Int64] = []
    }

    private let state = Lock(State())

    /// Whether the session has used the pack and then another.
    func hasLeft(_ pack: Int64) -> Bool { state.withLock { $0.left.contains(pack) } }

    func use(_ pack: Int64) {
        state.withLock { state in
            guard state.current != pack else { return }
            // As many as can be open at a time, and more.
            if let current = state.current { state.left = state.left.suffix(63) + [current] }
            state.current = pack
        }
    }
}

/// Counts the bytes of fragments that wait in memory.
///
/// Threads: any may use it at any time.
final class MemoryBudget: Sendable {
    private let limit: Int
    private let used = Lock(0)

    init(limit: Int) { self.limit = limit }

    var isExceeded: Bool { used.withLock { $0 > limit } }
    var bytes: Int { used.withLock { $0 } }

    func take(_ bytes: Int) { used.withLock { $0 += bytes } }
    func giveBack(_ bytes: Int) { used.withLock { $0 -= bytes } }
}
