import Contract
import Locking

/// Counts of what the gateway answered, in the text format that Prometheus reads.
///
/// Threads: any task may use it at any time.
public final class Metrics: Sendable {
    private struct Key: Hashable {
        let operation: String
        let status: Int
    }

    private struct Latency {
        var counts = [UInt64](repeating: 0, count: Metrics.bounds.count + 1)
        var sum = 0.0
    }

    private struct State {
        var requests: [Key: UInt64] = [:]
        var latencies: [String: Latency] = [:]
        var throttled: [String: UInt64] = [:]
        var answered: UInt64 = 0
    }

    /// Upper bounds in seconds.
    private static let bounds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    private let state = Lock(State())

    /// Nothing counted yet.
    public init() {}

    /// Counts an answer. `operation` is nil for a request that reached none, so that names a client makes up never become labels.
    func count(_ operation: OperationID?, status: Int, seconds: Double, isThrottled: Bool) {
        let name = operation?.rawValue ?? "none"
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        state.withLock { state in
            state.requests[Key(operation: name, status: status), default: 0] += 1
            state.latencies[name, default: Latency()].counts[bucket] += 1
            state.latencies[name, default: Latency()].sum += seconds
            state.answered += 1
            if isThrottled { state.throttled[name, default: 0] += 1 }
        }
    }

    /// How many requests were answered so far.
    public var answeredCount: UInt64 { state.withLock { $0.answered } }

    /// Everything counted so far.
    func text() -> String {
        let state = state.withLock { $0 }
        var lines = ["# HELP weir_requests_total Answered requests.", "# TYPE weir_requests_total counter"]
        for (key, count) in state.requests.sorted(by: { ($0.key.operation, $0.key.status) < ($1.key.operation, $1.key.status) }) {
            lines.append("weir_requests_total{operation=\"\(key.operation)\",status=\"\(key.status)\"} \(count)")
        }
        lines += ["# HELP weir_throttled_total Requests refused because of a rate.", "# TYPE weir_throttled_total counter"]
        for (operation, count) in state.throttled.sorted(by: { $0.key < $1.key }) {
            lines.append("weir_throttled_total{operation=\"\(operation)\"} \(count)")
        }
        lines += [
            "# HELP weir_request_duration_seconds Time from the head of a request to its answer.",
            "# TYPE weir_request_duration_seconds histogram",
        ]
        for (operation, latency) in state.latencies.sorted(by: { $0.key < $1.key }) {
            var cumulative: UInt64 = 0
            for (index, count) in latency.counts.enumerated() {
                cumulative += count
                let bound = index < Self.bounds.count ? "\(Self.bounds[index])" : "+Inf"
                lines.append("weir_request_duration_seconds_bucket{operation=\"\(operation)\",le=\"\(bound)\"} \(cumulative)")
            }
            lines.append("weir_request_duration_seconds_sum{operation=\"\(operation)\"} \(latency.sum)")
            lines.append("weir_request_duration_seconds_count{operation=\"\(operation)\"} \(cumulative)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
