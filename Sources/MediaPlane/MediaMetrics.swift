import Contract
import CoreMetrics
import FragmentStore
import Prometheus
import Synchronization

extension Family {
    fileprivate static let acknowledgements = counter(
        "weir_media_acknowledgements_total", "What producers were told, by kind.", labels: ["type"])
    fileprivate static let errors = counter("weir_media_errors_total", "Errors that producers were told.", labels: ["code"])
    fileprivate static let sessions = counter(
        "weir_media_sessions_ended_total", "Connections of PutMedia that ended, and why.", labels: ["reason"])
    fileprivate static let received = counter("weir_media_received_bytes_total", "Bytes of media that came.")
    fileprivate static let sent = counter("weir_media_sent_bytes_total", "Bytes of media that were sent.", labels: ["operation"])
    fileprivate static let sentFragments = counter(
        "weir_media_sent_fragments_total", "Fragments that were sent as a whole.", labels: ["operation"])
    fileprivate static let overlaps = counter(
        "weir_media_overlapping_fragments_total", "Fragments that start no later than the one before ended.")
    fileprivate static let persisted = histogram(
        "weir_media_persisted_seconds", "From the last byte of a fragment to its being stored.", bounds: secondsBounds)
    fileprivate static let behind = histogram(
        "weir_media_reader_behind_seconds", "How far a reader was behind the newest fragment, at the end of each.",
        bounds: [0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 86_400])
    fileprivate static let producers = gauge("weir_media_producers", "Connections of PutMedia.")
    fileprivate static let readers = gauge("weir_media_readers", "Connections of GetMedia.")
    fileprivate static let liveLinks = gauge(
        "weir_media_live_links", "Streams that come from other instances to readers, and go to them.", labels: ["direction"])
    fileprivate static let liveBytes = gauge("weir_media_live_bytes", "Memory for fragments on their way to readers.")
}

/// What the plane counts.
///
/// Threads: any task may use it at any time.
final class MediaMetrics: Sendable {
    private let acknowledgements: [String: Counter]
    private let errors: [MediaError: Counter]
    private let sessions: [String: Counter]
    private let receivedBytes: Counter
    private let sentBytes: [OperationID: Counter]
    private let sentFragments: [OperationID: Counter]
    private let overlaps: Counter
    private let persistedSeconds: Recorder
    private let behindSeconds: Recorder
    let producers = Atomic(0)
    let readers = Atomic(0)

    init(_ registry: Registry) {
        func counters<Key: Hashable>(_ family: Family, _ keys: [Key], _ label: (Key) -> String) -> [Key: Counter] {
            Dictionary(uniqueKeysWithValues: keys.map { ($0, Counter(family, [label($0)], in: registry)) })
        }
        acknowledgements = counters(.acknowledgements, Acknowledgement.eventTypes) { $0 }
        errors = counters(.errors, MediaError.allCases, \.code)
        sessions = counters(.sessions, SessionEnd.reasons) { $0 }
        let reading = [OperationID.getMedia, .getMediaForFragmentList]
        sentBytes = counters(.sent, reading + [.getClip, .getImages], \.rawValue)
        sentFragments = counters(.sentFragments, reading + [.getClip], \.rawValue)
        receivedBytes = Counter(.received, in: registry)
        overlaps = Counter(.overlaps, in: registry)
        persistedSeconds = Recorder(.persisted, in: registry)
        behindSeconds = Recorder(.behind, in: registry)
        registry.read(.producers) { [weak self] in self.map { Double($0.producers.load(ordering: .relaxed)) } }
        registry.read(.readers) { [weak self] in self.map { Double($0.readers.load(ordering: .relaxed)) } }
    }

    func show(_ live: LiveStreams, _ links: LiveLinks?, in registry: Registry) {
        registry.read(.liveBytes) { Double(live.held.load(ordering: .relaxed)) }
        guard let links else { return }
        registry.read(.liveLinks, ["in"]) { Double(links.incoming.load(ordering: .relaxed)) }
        registry.read(.liveLinks, ["out"]) { Double(links.outgoing.load(ordering: .relaxed)) }
    }

    func received(_ count: Int) { receivedBytes.increment(by: count) }

    func told(_ acknowledgement: Acknowledgement) {
        acknowledgements[acknowledgement.eventType]?.increment()
        if case .error(let error, _) = acknowledgement { errors[error]?.increment() }
    }

    func stored(_ record: FragmentRecord, _ time: Duration) {
        guard record.isArchived else { return }
        persistedSeconds.record(time.seconds)
    }

    func overlap() { overlaps.increment() }

    func ended(_ end: SessionEnd) { sessions[end.reason]?.increment() }

    func sent(_ count: Int, by operation: OperationID) { sentBytes[operation]?.increment(by: count) }

    func sentFragment(by operation: OperationID) { sentFragments[operation]?.increment() }

    func behind(milliseconds: Int64) { behindSeconds.record(Double(milliseconds) / 1000) }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) * 1e-18 }
}
