import Locking
import NIOHTTP1
import Synchronization

/// Whether this instance should be sent requests. However many ask, one look at a time is taken, and whoever asks learns of it within `patience`:
/// a database that is busy, or silent, must not keep a balancer waiting.
///
/// Threads: any task may use it at any time.
public final class Readiness: Sendable {
    private let drains = Atomic(false)
    private let check: @Sendable () async -> String?
    private let roles: @Sendable () -> [Role]
    private let patience: Duration
    private let validity: Duration
    private let looks = Lock(Looks())

    private struct Looks {
        /// What the last look found, and until when that holds; nil until the next look has ended.
        var found: (obstacle: String?, until: ContinuousClock.Instant?)?
        /// The look at hand, by its number; nil where none is.
        var current: UInt64?
        var last: UInt64 = 0
        /// Those who wait for the look at hand.
        var asking: [CheckedContinuation<String?, Never>] = []
    }

    /// A part of what clients ask an instance for.
    public struct Role: Sendable {
        let name: String
        /// Why it cannot do it now; nil where it can.
        let obstacle: String?

        public init(_ name: String, obstacle: String?) {
            self.name = name
            self.obstacle = obstacle
        }
    }

    /// `check` returns why the instance is not ready for anything, or nil. What it found holds for `validity`. `roles` are those that the instance has.
    public init(
        patience: Duration = .milliseconds(700), validity: Duration = .milliseconds(500), roles: @escaping @Sendable () -> [Role] = { [] },
        check: @escaping @Sendable () async -> String?
    ) {
        self.roles = roles
        self.patience = patience
        self.validity = validity
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
        if isDraining { return "draining" }
        return await withCheckedContinuation { asking in
            let (known, new) = looks.withLock { looks -> (String??, UInt64?) in
                if let found = looks.found, found.until.map({ $0 > .now }) ?? true { return (.some(found.obstacle), nil) }
                looks.asking.append(asking)
                guard looks.current == nil else { return (nil, nil) }
                looks.last += 1
                looks.current = looks.last
                return (nil, looks.last)
            }
            if let known { asking.resume(returning: known) }
            if let new { look(new) }
        }
    }

    /// Whether the instance is ready, for a role or for any that it has, and a line about each that it cannot fill.
    func state(of role: String?) async -> (isReady: Bool, lines: [String]) {
        if let obstacle = await obstacle() { return (false, ["not ready: \(obstacle)"]) }
        let roles = roles()
        if let role {
            guard let found = roles.first(where: { $0.name == role }) else { return (false, ["not ready: this instance has another role"]) }
            return found.obstacle.map { (false, ["not ready: \($0)"]) } ?? (true, ["ready"])
        }
        let unable = roles.compactMap { role in role.obstacle.map { "\(role.name): \($0)" } }
        let isReady = unable.isEmpty || unable.count < roles.count
        return (isReady, [isReady ? "ready" : "not ready"] + unable)
    }

    /// Belongs to no request: it goes on where the one that asked first has ended.
    private func look(_ number: UInt64) {
        Task {
            await withTaskGroup { tasks in
                tasks.addTask {
                    let obstacle = await self.check()
                    self.tell(obstacle, until: .now + self.validity, by: number)
                }
                tasks.addTask {
                    guard (try? await Task.sleep(for: self.patience)) != nil else { return }
                    self.tell("the database has not answered in time", until: nil, by: number)
                }
                await tasks.next()
                tasks.cancelAll()
            }
        }
    }

    /// What a look has found, or that it takes too long; not where it has ended, in this very moment perhaps.
    private func tell(_ obstacle: String?, until: ContinuousClock.Instant?, by number: UInt64) {
        let asking = looks.withLock { looks -> [CheckedContinuation<String?, Never>] in
            guard looks.current == number else { return [] }
            looks.found = (obstacle, until)
            if until != nil { looks.current = nil }
            defer { looks.asking = [] }
            return looks.asking
        }
        for asking in asking { asking.resume(returning: obstacle) }
    }
}

// Pages for operators and their tools: not part of the API, not signed, without anything secret.
extension Gateway {
    /// The answer to a GET or HEAD of one of the pages; nil for any other request.
    func operatorPage(_ head: HTTPRequestHead) async -> Reply? {
        guard head.method == .GET || head.method == .HEAD else { return nil }
        let role = head.uri.hasPrefix("/ready?role=") ? String(head.uri.dropFirst("/ready?role=".count)) : nil
        switch role == nil ? head.uri : "/ready" {
        case "/live": return page("live\n")
        case "/ready":
            let (isReady, lines) = await readiness.state(of: role)
            return page(lines.map { $0 + "\n" }.joined(), status: isReady ? 200 : 503)
        case "/metrics": return Reply(status: 200, contentType: "text/plain; version=0.0.4", body: Array(metrics.text().utf8))
        default: return nil
        }
    }

    private func page(_ text: String, status: Int = 200) -> Reply {
        Reply(status: status, contentType: "text/plain", body: Array(text.utf8))
    }
}
