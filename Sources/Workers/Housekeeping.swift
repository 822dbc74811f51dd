public import Logging
import SQL
public import ServiceLifecycle
public import Store

/// Removes what is kept for a time only, in bounded batches, so that no table grows for ever and no removal holds others up.
///
/// Any number of instances may do so at once.
public struct Housekeeping: Service {
    private let store: Store
    private let eventRetention: Int64
    private let tellsViewers: Bool
    private let logger: Logger

    /// Instances that ended are shown for an hour.
    private static let instanceRetention: Int64 = 60 * 60 * 1000
    /// Connections over an instance that is silent count for none at once; they are kept for a minute, in case it comes back.
    private static let presenceRetention: Int64 = 60 * 1000
    private static let batch = 1000

    /// Housekeeping on a store. `eventRetention` is the age in milliseconds after which events are removed,
    /// and what became of their deliveries; `tellsViewers` is whether events tell of viewers that are lost with their instance.
    public init(store: Store, eventRetention: Int64, tellsViewers: Bool = false, logger: Logger) {
        self.store = store
        self.eventRetention = eventRetention
        self.tellsViewers = tellsViewers
        self.logger = logger
    }

    /// Cleans up about once a minute until the process is asked to stop.
    public func run() async throws {
        await cancelWhenGracefulShutdown {
            while await pause(milliseconds: 45_000...75_000) {
                do throws(DatabaseError) {
                    try await cleanUp()
                } catch {
                    logger.warning("housekeeping waits", metadata: ["error": "\(error)"])
                }
            }
        }
    }

    /// Removes everything that is too old now.
    func cleanUp() async throws(DatabaseError) {
        // An event stays as long as it waits for a destination, and as long as is remembered that it went to one: so it can be sent again.
        while try await store.removeDeliveries(olderThan: eventRetention, limit: Self.batch) == Self.batch {}
        while try await store.removeAttempts(olderThan: eventRetention, limit: Self.batch) == Self.batch {}
        while try await store.removeEvents(olderThan: eventRetention, limit: Self.batch) == Self.batch {}
        while try await store.removeAnsweredMutations(olderThan: Store.answerRetention, limit: Self.batch) == Self.batch {}
        while try await store.removeExpiredMessages(limit: Self.batch) == Self.batch {}
        try await store.removePresences(ofInstancesSilentFor: Self.presenceRetention, tellsViewers: tellsViewers)
        _ = try await store.removeInstances(silentFor: Self.instanceRetention)
    }
}
