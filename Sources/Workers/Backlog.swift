import CoreMetrics
public import Logging
public import Prometheus
import SQL
public import ServiceLifecycle
public import Store

extension Family {
    fileprivate static let tasks = gauge(
        "weir_tasks", "Transitions of resources that wait, in the whole deployment; 10,000 are counted at most.", labels: ["kind"])
    fileprivate static let taskAge = gauge("weir_task_oldest_age_seconds", "Age of the oldest of them.", labels: ["kind"])
    fileprivate static let deliveries = gauge(
        "weir_deliveries_waiting",
        "Events that wait for a destination, by the destination's status, in the whole deployment; 10,000 are counted at most.",
        labels: ["destination"])
    fileprivate static let images = gauge(
        "weir_images_waiting", "Fragments whose images wait to be made or stored, in the whole deployment; 10,000 are counted at most.")
    fileprivate static let imageAge = gauge("weir_image_oldest_age_seconds", "Time since the oldest of them was stored.")
    fileprivate static let deliveryAge = gauge("weir_delivery_oldest_age_seconds", "Age of the oldest of them.", labels: ["destination"])
}

/// Counts what waits for workers, about every ten seconds, so that the page of metrics can show it without asking the database.
///
/// Every instance with the role worker runs it, and shows what waits in the whole deployment.
public struct Backlog: Service {
    private let store: Store
    private let registry: Registry
    private let logger: Logger
    private static let limit: Int64 = 10_000

    /// The backlog of a store, shown in a registry.
    public init(store: Store, registry: Registry, logger: Logger) {
        self.store = store
        self.registry = registry
        self.logger = logger
    }

    /// Counts until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat {
                do throws(DatabaseError) {
                    try await count()
                } catch {
                    logger.warning("what waits was not counted", metadata: ["error": "\(error)"])
                }
            } while await pause(milliseconds: 9000...11_000)
        }
    }

    /// Shows what waits now.
    func count() async throws(DatabaseError) {
        for waiting in try await store.taskBacklog(limit: Self.limit) {
            Meter(.tasks, [waiting.kind.rawValue], in: registry).set(waiting.count)
            Meter(.taskAge, [waiting.kind.rawValue], in: registry).set(Double(waiting.oldestAge) / 1000)
        }
        for waiting in try await store.deliveryBacklog(limit: Self.limit) {
            let destination = waiting.status?.rawValue.lowercased() ?? "gone"
            Meter(.deliveries, [destination], in: registry).set(waiting.count)
            Meter(.deliveryAge, [destination], in: registry).set(Double(waiting.oldestAge) / 1000)
        }
        let images = try await store.imageBacklog(limit: Self.limit)
        Meter(.images, in: registry).set(images.count)
        Meter(.imageAge, in: registry).set(Double(images.oldestAge) / 1000)
    }
}
