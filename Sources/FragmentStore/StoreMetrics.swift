import CoreMetrics
import Prometheus

/// What the store counts.
///
/// Threads: any may count at any time.
final class StoreMetrics: Sendable {
    private let fragments: Counter
    private let bytes: Counter
    private let bytesRead: Counter
    private let rounds: Counter
    private let roundSize: Recorder
    private let roundTime: Recorder
    private let syncTime: Recorder
    private let commitTime: Recorder
    private let writeFailures: Counter
    private let opened: Counter
    private let sealed: Counter
    private let expired: Counter
    private let dropped: Counter
    private let droppedFragments: Counter
    private let damaged: Counter
    private let registry: Registry

    init(_ registry: Registry) {
        self.registry = registry
        fragments = Counter(.fragments, in: registry)
        bytes = Counter(.bytes, ["in"], in: registry)
        bytesRead = Counter(.bytes, ["out"], in: registry)
        rounds = Counter(.rounds, in: registry)
        roundSize = Recorder(.roundSize, in: registry)
        roundTime = Recorder(.roundTime, in: registry)
        syncTime = Recorder(.syncTime, in: registry)
        commitTime = Recorder(.commitTime, in: registry)
        writeFailures = Counter(.writeFailures, in: registry)
        opened = Counter(.packs, ["opened"], in: registry)
        sealed = Counter(.packs, ["sealed"], in: registry)
        expired = Counter(.packs, ["expired"], in: registry)
        dropped = Counter(.packs, ["dropped"], in: registry)
        droppedFragments = Counter(.droppedFragments, in: registry)
        damaged = Counter(.damaged, in: registry)
    }

    /// Shows how full the disk of a tier is, and how much waits in memory.
    func show(tier: String, _ disk: DiskState) {
        registry.read(.free, [tier]) { disk.space.map { Double($0.free) } }
        registry.read(.size, [tier]) { disk.space.map { Double($0.total) } }
        registry.read(.refusing, [tier]) { disk.refusal == nil ? 0 : 1 }
    }

    func show(_ memory: MemoryBudget) { registry.read(.memory) { Double(memory.bytes) } }
    func wrote(bytes count: Int) { bytes.increment(by: Int64(count)) }
    func read(bytes count: Int) { bytesRead.increment(by: Int64(count)) }
    func synced(_ duration: Duration) { syncTime.record(duration / .seconds(1)) }
    func writeFailed() { writeFailures.increment() }
    func packOpened() { opened.increment() }
    func packSealed() { sealed.increment() }
    func packExpired() { expired.increment() }
    func foundDamage() { damaged.increment() }

    func packDropped(fragments: Int64) {
        dropped.increment()
        droppedFragments.increment(by: fragments)
    }

    /// A round was committed: how long that took, and how long since its writing began.
    func committed(fragments count: Int, bytes: Int64, commit: Duration, round: Duration) {
        fragments.increment(by: Int64(count))
        rounds.increment()
        roundSize.record(Double(count))
        commitTime.record(commit / .seconds(1))
        roundTime.record(round / .seconds(1))
    }
}

extension Family {
    fileprivate static let fragments = counter(
        "weir_media_fragments_total", "Fragments that were written, synced and offered to the index.")
    fileprivate static let bytes = counter(
        "weir_media_store_bytes_total", "Bytes of fragments that were written to packs and read from them.", labels: ["direction"])
    fileprivate static let rounds = counter("weir_media_rounds_total", "Rounds of writing, syncing and committing.")
    fileprivate static let roundSize = histogram("weir_media_round_fragments", "Fragments in a round.", bounds: sizeBounds)
    fileprivate static let roundTime = histogram(
        "weir_media_round_seconds", "From the beginning of a round to its commit.", bounds: secondsBounds)
    fileprivate static let syncTime = histogram("weir_media_sync_seconds", "How long fdatasync of a pack took.", bounds: secondsBounds)
    fileprivate static let commitTime = histogram(
        "weir_media_commit_seconds", "How long the batch of a round took.", bounds: secondsBounds)
    fileprivate static let writeFailures = counter("weir_media_write_failures_total", "Writes and syncs of packs that failed.")
    fileprivate static let packs = counter(
        "weir_media_packs_total", "Packs that were opened, sealed, removed as expired, or dropped for space.", labels: ["change"])
    fileprivate static let droppedFragments = counter(
        "weir_media_fragments_dropped_total", "Fragments that were removed before their time because the disk was full.")
    fileprivate static let damaged = counter("weir_media_damaged_total", "Reads that found other bytes than were written.")
    fileprivate static let free = gauge("weir_media_disk_free_bytes", "Free bytes of the disk of a tier.", labels: ["tier"])
    fileprivate static let size = gauge("weir_media_disk_size_bytes", "Bytes of the disk of a tier.", labels: ["tier"])
    fileprivate static let refusing = gauge(
        "weir_media_disk_refusing", "1 where a tier takes no media: its disk is full or has failed.", labels: ["tier"])
    fileprivate static let memory = gauge("weir_media_memory_bytes", "Bytes of fragments that wait in memory.")
}
