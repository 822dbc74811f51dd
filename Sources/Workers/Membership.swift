import Locking
public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Tells the deployment that this instance lives, about every five seconds, and how it is, and learns how many others do.
///
/// Threads: one task runs it; any may call `beat()` at any time.
public final class Membership: Service {
    /// What of an instance changes while it runs.
    public struct Condition: Sendable {
        public var status: InstanceStatus
        /// Requests answered since the start.
        public var answered: UInt64
        public var leasedTasks: Int

        public init(status: InstanceStatus, answered: UInt64, leasedTasks: Int) {
            self.status = status
            self.answered = answered
            self.leasedTasks = leasedTasks
        }
    }

    private let store: Store
    private let identity: InstanceRecord
    private let condition: @Sendable () -> Condition
    private let learn: @Sendable ([InstanceRecord]) -> Void
    private let logger: Logger
    private let lastSeen = Lock<(answered: UInt64, at: ContinuousClock.Instant)?>(nil)

    /// An instance that is `identity` but for what `condition` says. `learn` is told of every instance, this one included, the longest running first.
    public init(
        store: Store, identity: InstanceRecord, condition: @escaping @Sendable () -> Condition,
        learn: @escaping @Sendable ([InstanceRecord]) -> Void, logger: Logger
    ) {
        self.store = store
        self.identity = identity
        self.condition = condition
        self.learn = learn
        self.logger = logger
    }

    /// Beats until the process is asked to stop, and once more to say that it has.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat { await self.beat() } while await pause(milliseconds: 4500...5500)
        }
        await beat(status: .stopped)
    }

    /// Tells how the instance is, now.
    public func beat() async {
        await beat(status: nil)
    }

    private func beat(status: InstanceStatus?) async {
        let condition = condition()
        let record = InstanceRecord(
            id: identity.id, host: identity.host, processID: identity.processID, version: identity.version, roles: identity.roles,
            schemaVersion: identity.schemaVersion, status: status ?? condition.status,
            requestsPerSecond: rate(condition.answered), leasedTasks: Int64(condition.leasedTasks), address: identity.address,
            linkAddress: identity.linkAddress)
        do throws(DatabaseError) {
            try await store.beat(record)
            learn(try await store.instances())
        } catch {
            // Others will take this instance for dead, and it goes on with what it knew.
            logger.warning("the heartbeat failed", metadata: ["error": "\(error)"])
        }
    }

    /// Requests a second since the last beat.
    private func rate(_ answered: UInt64) -> Int64 {
        let now = ContinuousClock.now
        return lastSeen.withLock { last in
            defer { last = (answered, now) }
            guard let last else { return 0 }
            let milliseconds = (now - last.at) / .milliseconds(1)
            return milliseconds < 1 ? 0 : Int64(Double(answered &- last.answered) * 1000 / milliseconds)
        }
    }
}
