import Contract
public import CoreMetrics
import Planes
public import Prometheus
import Synchronization

extension Family {
    fileprivate static let requests = counter("weir_requests_total", "Answered requests.", labels: ["operation", "status"])
    fileprivate static let throttled = counter("weir_throttled_total", "Requests refused because of a rate.", labels: ["operation"])
    fileprivate static let abandoned = counter(
        "weir_requests_abandoned_total", "Requests whose client left before the last byte of the answer.", labels: ["operation"])
    fileprivate static let duration = histogram(
        "weir_request_duration_seconds", "Time from the head of a request to the last byte of its answer.", labels: ["operation"],
        bounds: secondsBounds)
    fileprivate static let firstByte = histogram(
        "weir_request_first_byte_seconds", "Time from the head of a request to the first byte of its answer.", labels: ["operation"],
        bounds: secondsBounds)
    fileprivate static let received = counter("weir_received_bytes_total", "Bytes of the bodies of requests.", labels: ["operation"])
    fileprivate static let sent = counter("weir_sent_bytes_total", "Bytes of the bodies of answers.", labels: ["operation"])

    fileprivate static let inFlight = gauge("weir_requests_in_flight", "Requests that are not answered yet.")
    fileprivate static let streams = gauge("weir_streams_open", "Bodies of requests or answers that are streams and have not ended.")
    fileprivate static let sockets = gauge("weir_sockets_open", "WebSockets that are open.")
    fileprivate static let socketMessages = counter("weir_socket_messages_total", "Text messages of WebSockets.", labels: ["direction"])
    fileprivate static let connections = gauge("weir_connections_open", "Connections of clients.")
    fileprivate static let connectionsLimit = gauge("weir_connections_limit", "How many connections of clients are accepted.")
    fileprivate static let refusedConnections = counter("weir_connections_refused_total", "Connections closed because there were too many.")
    fileprivate static let held = gauge(
        "weir_held_bytes", "Memory for bodies that are being read or written, by what they are.", labels: ["of"])
    fileprivate static let heldLimit = gauge("weir_held_limit_bytes", "How much of that memory is allowed.", labels: ["of"])
}

/// What the gateway tells of requests and connections.
///
/// Threads: any task may use it at any time. Counting a request neither waits nor allocates.
public final class Metrics: Sendable {
    /// Where everything is counted; others of the process may count there too.
    public let registry: Registry
    /// Requests that are not answered yet.
    public let requestsInFlight: Meter
    /// Bodies that are streams and have not ended.
    public let streamsOpen: Meter
    /// WebSockets that are open, and their messages in both directions.
    let socketsOpen: Meter
    let socketMessagesReceived: Counter
    let socketMessagesSent: Counter
    /// Connections of clients.
    public let connectionsOpen: Meter
    /// Connections that were closed because there were too many.
    public let connectionsRefused: Counter

    /// By the operation's place among all; the last is for requests that reached none, so that names a client makes up never become labels.
    private let operations: [OperationMetrics]
    private let answeredRequests = Atomic<UInt64>(0)

    /// Nothing counted yet.
    public init(registry: Registry = Registry()) {
        self.registry = registry
        requestsInFlight = Meter(.inFlight, in: registry)
        streamsOpen = Meter(.streams, in: registry)
        socketsOpen = Meter(.sockets, in: registry)
        socketMessagesReceived = Counter(.socketMessages, ["in"], in: registry)
        socketMessagesSent = Counter(.socketMessages, ["out"], in: registry)
        connectionsOpen = Meter(.connections, in: registry)
        connectionsRefused = Counter(.refusedConnections, in: registry)
        operations = (OperationID.allCases.map(\.rawValue) + ["none"]).map { OperationMetrics($0, registry) }
    }

    /// Counts what became of a request, by what its path named.
    func note(_ record: RequestRecord) {
        let code = record.exchange.error?.code
        answered(
            record.exchange.pathOperation?.id, status: record.status, secondsToFirstByte: record.secondsToFirstByte,
            secondsToLastByte: record.seconds, bytesIn: record.bytesIn, bytesOut: record.bytesOut,
            isThrottled: code == .throttling || code == .clientLimitExceeded, clientLeft: !record.isWhole)
    }

    /// Counts a request once it has ended.
    ///
    /// - Parameters:
    ///   - operation: what the path named; nil for a request that reached no operation, malformed ones included.
    ///   - status: of the answer, as far as it was written.
    ///   - secondsToFirstByte, secondsToLastByte: since the head of the request.
    ///   - bytesIn, bytesOut: of the two bodies, as far as they came and went.
    ///   - isThrottled: refused because of a rate.
    ///   - clientLeft: the connection ended before the last byte of the answer.
    func answered(
        _ operation: OperationID?, status: Int, secondsToFirstByte: Double, secondsToLastByte: Double, bytesIn: Int, bytesOut: Int,
        isThrottled: Bool, clientLeft: Bool
    ) {
        answeredRequests.wrappingAdd(1, ordering: .relaxed)
        let metrics = operations[operation?.place ?? OperationID.allCases.count]
        metrics.count(status: status)
        metrics.duration.record(secondsToLastByte)
        metrics.firstByte.record(secondsToFirstByte)
        if bytesIn > 0 { metrics.received.increment(by: bytesIn) }
        if bytesOut > 0 { metrics.sent.increment(by: bytesOut) }
        if isThrottled { metrics.throttled.increment() }
        if clientLeft { metrics.abandoned.increment() }
    }

    /// Shows how many connections are accepted.
    public func show(connectionsLimit limit: Int) {
        Meter(.connectionsLimit, in: registry).set(limit)
    }

    /// Shows how much memory of a kind is held and allowed, in bytes. `used` is called each time the page is written and must return at once.
    func show(held kind: String, allowed: Int, used: @escaping @Sendable () -> Int) {
        Meter(.heldLimit, [kind], in: registry).set(allowed)
        registry.read(.held, [kind]) { Double(used()) }
    }

    /// How many requests were answered so far.
    public var answeredCount: UInt64 { answeredRequests.load(ordering: .relaxed) }

    /// Everything counted so far.
    func text() -> String { registry.text() }
}

/// The series of one operation.
private final class OperationMetrics: Sendable {
    let duration: Recorder
    let firstByte: Recorder
    let received: Counter
    let sent: Counter
    let throttled: Counter
    let abandoned: Counter
    private let statuses: [Counter]

    /// The statuses that are told apart; any other is counted as that of its hundred, and what is no status as the last of these, "none".
    private static let statuses = Set([100, 200, 204, 300, 400, 500] + ErrorCode.allCases.map(\.status)).sorted()
    /// By a status, its place in `statuses`.
    private static let places = (0..<600).map { status in
        statuses.firstIndex(of: status) ?? statuses.firstIndex(of: status / 100 * 100) ?? statuses.count
    }

    init(_ operation: String, _ registry: Registry) {
        duration = Recorder(.duration, [operation], in: registry)
        firstByte = Recorder(.firstByte, [operation], in: registry)
        received = Counter(.received, [operation], in: registry)
        sent = Counter(.sent, [operation], in: registry)
        throttled = Counter(.throttled, [operation], in: registry)
        abandoned = Counter(.abandoned, [operation], in: registry)
        statuses = (Self.statuses.map(String.init) + ["none"]).map { Counter(.requests, [operation, $0], in: registry) }
    }

    func count(status: Int) {
        statuses[Self.places.indices.contains(status) ? Self.places[status] : Self.statuses.count].increment()
    }
}

extension OperationID {
    /// Its place among all, in the order of the declaration: a test compares the two.
    var place: Int { withUnsafeBytes(of: self) { Int($0[0]) } }
}
