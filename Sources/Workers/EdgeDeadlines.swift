import ControlPlane
public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Fails the edge configurations whose agent has said nothing for too long. About once a second, so a deadline is kept to about a second.
///
/// Any number of instances may do so at once: each failure is guarded by the status, the revision and the deadline.
public struct EdgeDeadlines: Service {
    private let store: Store
    private let logger: Logger
    private static let batch = 100

    /// Watches over the edge configurations of a store.
    public init(store: Store, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Looks until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while await pause(milliseconds: 500...1000) {
                do throws(DatabaseError) {
                    try await failOverdue()
                } catch {
                    logger.warning("edge deadlines wait", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// Fails everything that is overdue now.
    func failOverdue() async throws(DatabaseError) {
        while true {
            let overdue = try await store.overdueEdgeConfigurations(limit: Self.batch)
            for found in overdue { _ = try await store.failOverdueEdgeConfiguration(found, changeToken: Token.random()) }
            if overdue.count < Self.batch { return }
        }
    }
}
