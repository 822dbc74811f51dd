import NIOHTTP1
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
    /// The answer to a GET or HEAD of one of the pages; nil for any other request.
    func operatorPage(_ head: HTTPRequestHead) async -> Reply? {
        guard head.method == .GET || head.method == .HEAD else { return nil }
        switch head.uri {
        case "/live": return page("live\n")
        case "/ready":
            if let obstacle = await readiness.obstacle() { return page("not ready: \(obstacle)\n", status: 503) }
            return page("ready\n")
        case "/metrics": return Reply(status: 200, contentType: "text/plain; version=0.0.4", body: Array(metrics.text().utf8))
        default: return nil
        }
    }

    private func page(_ text: String, status: Int = 200) -> Reply {
        Reply(status: status, contentType: "text/plain", body: Array(text.utf8))
    }
}
