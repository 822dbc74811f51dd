public import ControlPlane
public import Logging
public import Prometheus
import SQL
public import ServiceLifecycle
public import Store

extension Family {
    fileprivate static let limit = gauge("weir_outbox_limit", "Events of one account that may wait for their destinations.")
    fileprivate static let full = gauge("weir_outbox_full_accounts", "Accounts of which so many wait: their changes are refused.")
}

/// Counts what waits in the outbox, about every two seconds, so that changes are refused in time and admitted again.
///
/// Every instance that takes calls runs it.
public struct OutboxWatch: Service {
    private let store: Store
    private let outbox: Outbox
    private let logger: Logger

    /// The watch over the outbox of a store, shown in a registry.
    public init(store: Store, outbox: Outbox, registry: Registry, logger: Logger) {
        self.store = store
        self.outbox = outbox
        self.logger = logger
        registry.read(.limit) { Double(outbox.limit) }
        registry.read(.full) { Double(outbox.refusedAccounts.count) }
    }

    /// Counts until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            var rest: Int
            repeat {
                let start = ContinuousClock.now
                await look()
                // Counting much takes time: no more than a tenth of it is spent on that.
                rest = max(1800, Int((ContinuousClock.now - start) / .milliseconds(1)) * 9)
            } while await pause(milliseconds: rest...rest + 400)
        }
    }

    private func look() async {
        let before = outbox.refusedAccounts
        do throws(DatabaseError) {
            try await outbox.count(in: store)
        } catch {
            logger.warning("the outbox was not counted", metadata: ["error": "\(error)"])
        }
        let now = outbox.refusedAccounts
        for account in now.subtracting(before).sorted() {
            logger.error(
                "the outbox of an account is full: its changes are refused until events are delivered", metadata: ["account": "\(account)"])
        }
        for account in before.subtracting(now).sorted() {
            logger.notice("the outbox of an account has room: its changes are admitted again", metadata: ["account": "\(account)"])
        }
    }
}

/// Tells of limits that were reached, as long as the process runs.
public struct LimitTeller: Service {
    private let store: Store
    private let limits: LimitEvents
    private let eventsWait: @Sendable () -> Void
    private let logger: Logger

    /// `eventsWait` is called after each event.
    public init(store: Store, limits: LimitEvents, eventsWait: @escaping @Sendable () -> Void, logger: Logger) {
        self.store = store
        self.limits = limits
        self.eventsWait = eventsWait
        self.logger = logger
    }

    /// Tells until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            await limits.tell(in: store, told: eventsWait) { error in
                logger.warning("a limit that was reached is not told", metadata: ["error": "\(error)"])
            }
        }
    }
}
