import Contract
import CoreMetrics
import Prometheus
import Testing

@testable import Gateway

@Suite struct MetricsTests {
    private static func lines(_ metrics: Metrics, _ name: String) -> [String] {
        metrics.text().split(separator: "\n").map(String.init).filter { $0.hasPrefix(name) }
    }

    @Test func `the place of an operation is the one in the list of all`() {
        #expect(MemoryLayout<OperationID>.size == 1)
        #expect(OperationID.allCases.map(\.place) == Array(OperationID.allCases.indices))
    }

    @Test func `every request is counted by its own operation and status`() {
        let metrics = Metrics()
        for operation in OperationID.allCases {
            metrics.answered(
                operation, status: 200, secondsToFirstByte: 0.002, secondsToLastByte: 4, bytesIn: 3, bytesOut: 5, isThrottled: false,
                clientLeft: false)
        }
        metrics.answered(
            nil, status: 404, secondsToFirstByte: 1, secondsToLastByte: 1, bytesIn: 0, bytesOut: 0, isThrottled: true, clientLeft: true)
        let names = (OperationID.allCases.map { ($0.rawValue, 200) } + [("none", 404)]).sorted { $0.0 < $1.0 }
        #expect(
            Self.lines(metrics, "weir_requests_total") == names.map { "weir_requests_total{operation=\"\($0)\",status=\"\($1)\"} 1" })
        #expect(Self.lines(metrics, "weir_throttled_total") == ["weir_throttled_total{operation=\"none\"} 1"])
        #expect(Self.lines(metrics, "weir_requests_abandoned_total") == ["weir_requests_abandoned_total{operation=\"none\"} 1"])
        let text = metrics.text()
        #expect(text.contains("weir_request_duration_seconds_bucket{operation=\"ListStreams\",le=\"2.5\"} 0\n"))
        #expect(text.contains("weir_request_duration_seconds_sum{operation=\"ListStreams\"} 4.0\n"))
        #expect(text.contains("weir_request_first_byte_seconds_sum{operation=\"ListStreams\"} 0.002\n"))
        #expect(text.contains("weir_received_bytes_total{operation=\"ListStreams\"} 3\n"))
        #expect(text.contains("weir_sent_bytes_total{operation=\"ListStreams\"} 5\n"))
        #expect(metrics.answeredCount == UInt64(OperationID.allCases.count) + 1)
    }

    @Test func `statuses that errors have are told apart, others by their hundred, and none is lost`() {
        let metrics = Metrics()
        for status in [200, 204, 206, 299, 400, 403, 404, 418, 503, 599, 0, -1, 1000] {
            metrics.answered(
                nil, status: status, secondsToFirstByte: 0, secondsToLastByte: 0, bytesIn: 0, bytesOut: 0, isThrottled: false,
                clientLeft: false)
        }
        let counted = Self.lines(metrics, "weir_requests_total").map {
            $0.dropFirst("weir_requests_total{operation=\"none\",status=\"".count)
        }
        #expect(
            counted == ["200\"} 3", "204\"} 1", "400\"} 2", "403\"} 1", "404\"} 1", "500\"} 1", "503\"} 1", "none\"} 3"])
        #expect(
            Self.lines(metrics, "weir_request_duration_seconds_count") == ["weir_request_duration_seconds_count{operation=\"none\"} 13"])
    }

    @Test func `what is held and allowed is shown as it is now`() {
        let metrics = Metrics()
        metrics.show(held: "bodies", allowed: 100) { 7 }
        metrics.show(connectionsLimit: 10)
        metrics.connectionsOpen.increment()
        #expect(Self.lines(metrics, "weir_held_bytes") == ["weir_held_bytes{of=\"bodies\"} 7.0"])
        #expect(Self.lines(metrics, "weir_held_limit_bytes") == ["weir_held_limit_bytes{of=\"bodies\"} 100.0"])
        #expect(
            Self.lines(metrics, "weir_connections") == [
                "weir_connections_limit 10.0", "weir_connections_open 1.0", "weir_connections_refused_total 0",
            ])
    }
}
