import Synchronization

/// Whether this instance should be sent requests.
///
/// Threads: any task may use it at any time.
public final class Readiness: Sendable {
    private let drains = Atomic(false)
    private let check: @Sendable () async -> String?

    /// `check` answers why the instance is not ready, or nil.
    public init(check: @escaping @Sendable () async -> String?) {
        self.check = check
    }

    /// From now on the instance says that it is not ready, so that load balancers stop sending it requests.
    public func drain() {
        drains.store(true, ordering: .relaxed)
    }

    /// Whether the instance is asked to stop.
    public var isDraining: Bool { drains.load(ordering: .relaxed) }

    /// Why the instance is not ready; nil where it is.
    func obstacle() async -> String? {
        isDraining ? "draining" : await check()
    }
}

// Pages for operators and their tools: not part of the API, not signed, without anything secret.
extension Gateway {
    /// The answer to a GET or HEAD of one of the pages; nil for any other path.
    func operatorPage(_ path: String) async -> Reply? {
        switch path {
        case "/live": return Reply(status: 200, contentType: "text/plain", body: Array("live\n".utf8))
        case "/ready":
            if let obstacle = await readiness.obstacle() {
                return Reply(status: 503, contentType: "text/plain", body: Array("not ready: \(obstacle)\n".utf8))
            }
            return Reply(status: 200, contentType: "text/plain", body: Array("ready\n".utf8))
        case "/metrics": return Reply(status: 200, contentType: "text/plain; version=0.0.4", body: Array(metrics.text().utf8))
        default: return nil
        }
    }
}
